"""The runbook that takes an action's effect back, begun once."""

from datetime import timedelta
from uuid import UUID

from autocloudops.actions.execution import Phase
from autocloudops.actions.executions import Executions
from autocloudops.actions.runbook import RunbookSetup
from autocloudops.catalogue.model import ActionRequest
from autocloudops.decisions.claims import Claim

CLOCK_SKEW = timedelta(minutes=5)


class RunbookRollbacks:
    """Takes effects back by a runbook, in the account and region of the claim's target.

    Args:
        executions: runbooks.
        setup: what every runbook is started with.
    """

    def __init__(self, executions: Executions, setup: RunbookSetup) -> None:
        self._executions = executions
        self._setup = setup

    async def begin(self, request: ActionRequest, claim: Claim, token: UUID) -> str:
        """Begin a rollback, once for each token, and return its execution id.

        Nobody is asked: who approved the action approved that it is taken back where it does not help.

        Raises:
            Throttled: it may begin later.
            ServiceUnavailable: nobody knows whether it began.
            ServiceFailed: it was refused.
            SettingsInvalid: the call could not be made.
        """
        found = await self._executions.probe(request, token, claim.claimed_at - CLOCK_SKEW)
        parameters = self._setup.parameters(request, token, approval=False)
        return found or await self._executions.start(request, token, parameters)

    async def succeeded(self, claim: Claim, execution_id: str) -> bool | None:
        """Return whether a rollback succeeded; None while it runs.

        Raises:
            ServiceFailed: it cannot be read.
        """
        execution = await self._executions.read(execution_id, claim.request.target)
        return execution.phase is Phase.SUCCEEDED if execution.phase.over else None
