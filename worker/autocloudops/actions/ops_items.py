"""OpsItems: work that is put in front of people in Systems Manager OpsCenter.

Sizes are those of botocore's model of `ssm`; the keys of the operational data are those of the Systems Manager user
guide, "Creating OpsItems manually" and "Managing duplicate OpsItems".
"""

import json
from collections.abc import Mapping

from botocore.exceptions import ClientError

from autocloudops.actions.facts.reading import Place, Reads
from autocloudops.aws import error_code
from autocloudops.decisions.claims import Claim
from autocloudops.decisions.story import call_in_words, short_id
from autocloudops.decisions.undoing import undo_in_words
from autocloudops.errors import ServiceFailed
from autocloudops.redaction import clean

CREATE = "ssm:CreateOpsItem"
EXISTS = "OpsItemAlreadyExistsException"
SOURCE = "AutoCloudOps"
TITLE_CHARACTERS = 1024
DESCRIPTION_CHARACTERS = 2048
LINE_CHARACTERS = 400
SEARCHABLE = "SearchableString"


class SsmOpsItems:
    """Opens OpsItems in the account and region of what was acted on.

    OpsCenter knows a second one of a claim by its deduplication string, until a person has resolved the first.

    Args:
        reads: makes the calls.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def open(self, claim: Claim) -> str:
        """Open an OpsItem about a claim and return its id; where there is one already, return that.

        Raises:
            ServiceFailed: it is not open, or nobody knows.
        """
        target = claim.request.target
        try:
            answer = await self._reads.ask(
                CREATE,
                Place.of(target),
                str(claim.claim_id),
                Title=_title(claim),
                Description=_description(claim),
                Source=SOURCE,
                Category="Availability",
                Severity="2",
                OperationalData=_data(claim),
            )
        except ServiceFailed as error:
            if standing := _standing(error):
                return standing
            raise
        return str(answer["OpsItemId"])


def _standing(error: ServiceFailed) -> str | None:
    """Return the id of the OpsItem that is there already, where that is what an error says."""
    cause = error.__cause__
    if not isinstance(cause, ClientError) or error_code(cause) != EXISTS:
        return None
    response: Mapping[str, object] = {**cause.response}
    return str(response.get("OpsItemId") or "known by its deduplication string")


def _title(claim: Claim) -> str:
    what = f"{claim.request.action} of {claim.request.target.id} did not help: {claim.alarm.name}"
    return clean(" ".join(what.split()), TITLE_CHARACTERS)


def _description(claim: Claim) -> str:
    lines = (
        f"AutoCloudOps ran {call_in_words(claim.request)}",
        f"execution {claim.execution_id or 'unknown'}, ended {claim.ended_at or 'at an unknown time'}",
        f"found: {claim.found.why if claim.found else 'nothing'}",
        f"before: {json.dumps(dict(claim.before), sort_keys=True)}",
        f"undo: {undo_in_words(claim)}",
        f"more: autocloudops audit show {short_id(claim.incident_id)}",
    )
    return clean("\n".join(clean(line, LINE_CHARACTERS) for line in lines if line), DESCRIPTION_CHARACTERS)


def _data(claim: Claim) -> dict[str, dict[str, str]]:
    alarm = f"{claim.alarm.region}:{claim.alarm.account}:alarm:{claim.alarm.name}"
    related = [{"arn": claim.request.target.arn}] if claim.request.target.arn else []
    execution = [{"automationId": claim.execution_id, "automationType": "AWS::SSM::Automation"}]
    data = {
        "/aws/dedup": json.dumps({"dedupString": str(claim.claim_id)}),
        "/aws/resources": json.dumps(related) if related else "",
        "/aws/automations": json.dumps(execution) if claim.execution_id else "",
        "autocloudops-incident": str(claim.incident_id),
        "autocloudops-alarm": alarm,
    }
    return {key: {"Value": value, "Type": SEARCHABLE} for key, value in data.items() if value}
