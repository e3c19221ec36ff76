"""What every runbook is started with, beside what its action needs: who it runs as, whom it asks, whose claim it is.

The names are those of the documents in `infrastructure/runbooks`.
"""

from collections.abc import Mapping
from uuid import UUID

from autocloudops.catalogue.model import ActionRequest
from autocloudops.values import Value

CLAIM_TAG = "autocloudops:claim"
CLAIM_PARAMETER = "ClaimId"
ROLE_PARAMETER = "AutomationAssumeRole"
TABLE_PARAMETER = "StateTable"
APPROVAL_PARAMETER = "RequireApproval"
APPROVERS_PARAMETER = "Approvers"
TOPIC_PARAMETER = "ApprovalTopicArn"


class RunbookSetup(Value):
    """What an operator sets up once for all runbooks.

    `role` is the ARN of the role that a runbook runs as, with `{account}` and `{runbook}` where those stand in it.
    `table` is the state table, whose control item every runbook reads before it changes anything. `approvers` are the
    IAM ARNs that may answer, and `topic` is where SSM tells them; SSM takes no empty value, so what is empty is left
    to the document's default.
    """

    role: str
    table: str
    approvers: tuple[str, ...] = ()
    topic: str = ""

    def parameters(self, request: ActionRequest, token: UUID, *, approval: bool) -> Mapping[str, tuple[str, ...]]:
        """Return all parameters of a request's runbook; the same request and token give the same."""
        own = {
            ROLE_PARAMETER: (self.role.format(account=request.target.account, runbook=request.runbook),),
            TABLE_PARAMETER: (self.table,),
            CLAIM_PARAMETER: (str(token),),
            APPROVAL_PARAMETER: (str(approval).lower(),),
            APPROVERS_PARAMETER: self.approvers,
            TOPIC_PARAMETER: (self.topic,) if self.topic else (),
        }
        asked = {name: (value,) for name, value in request.parameters.items()}
        return {name: values for name, values in (asked | own).items() if values}
