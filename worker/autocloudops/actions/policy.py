"""The IAM policy of a worker that acts: facts, runbooks started and stopped, and what verification asks for.

None of it changes a target: only the runbooks' own roles do. None of it answers an approval: people do, as themselves.
Which resources an action can be granted on is from the Service Authorization Reference; that a start needs the document
and the execution, from the Systems Manager User Guide, "Setting up identity based policies examples".
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autocloudops.actions.accounts import ASSUME
from autocloudops.actions.alarm_states import HISTORY
from autocloudops.actions.facts.preflight import DOCUMENT
from autocloudops.actions.facts.surroundings import ALARMS, CALENDAR
from autocloudops.actions.facts.targets import KINDS
from autocloudops.actions.ops_items import CREATE

EVERYTHING = "*"
_DOCUMENTS = "arn:{partition}:ssm:{region}:{account}:document/AutoCloudOps-*"
_CALENDARS = "arn:{partition}:ssm:{region}:{account}:document/*"
_EXECUTIONS = "arn:{partition}:ssm:{region}:{account}:automation-execution/*"
_TARGETS: Mapping[str, str] = {
    "ecs:DescribeServices": "arn:{partition}:ecs:{region}:{account}:service/*",
    "rds:DescribeDBInstances": "arn:{partition}:rds:{region}:{account}:db:*",
}
_RUNS = (
    "ssm:AddTagsToResource",
    "ssm:GetAutomationExecution",
    "ssm:StopAutomationExecution",
)


@dataclass(frozen=True, slots=True)
class ActingPlace:
    """Where the worker acts: `*` leaves a part of the ARNs open.

    Args:
        partition: `aws`, `aws-cn`, and so on.
        region: of the targets.
        account: of the targets.
        runbook_role: the name of the roles that runbooks run as, as a pattern.
        other_role: the name of the role that is assumed in other accounts; empty where the worker keeps to its own.
    """

    partition: str = "aws"
    region: str = EVERYTHING
    account: str = EVERYTHING
    runbook_role: str = "AutoCloudOps-*"
    other_role: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """One statement of the policy: actions, the resources that they are granted on, and under which condition."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def grants(place: ActingPlace) -> Sequence[Grant]:
    """Return the statements, those that read first."""
    fields = {"partition": place.partition, "region": place.region, "account": place.account}
    reading = {action for kind in KINDS.values() for action in kind.actions}
    documents, executions = _DOCUMENTS.format(**fields), _EXECUTIONS.format(**fields)
    role = f"arn:{place.partition}:iam::{{account}}:role/{{name}}"
    assumed = role.format(account=EVERYTHING, name=place.other_role)
    return (
        Grant("ReadAnyTarget", tuple(sorted(reading.difference(_TARGETS))), (EVERYTHING,)),
        *(Grant(f"Read{_word(action)}", (action,), (arn.format(**fields),)) for action, arn in _TARGETS.items()),
        Grant("ReadAlarms", (HISTORY, ALARMS), (EVERYTHING,)),
        Grant("ReadCalendars", (CALENDAR,), (_CALENDARS.format(**fields),)),
        Grant("ReadRunbooks", (DOCUMENT,), (documents,)),
        Grant("FindRuns", ("ssm:DescribeAutomationExecutions",), (EVERYTHING,)),
        Grant("Start", ("ssm:StartAutomationExecution",), (documents, executions)),
        Grant("LookAtAndStopRuns", _RUNS, (executions,)),
        Grant("OpenOpsItems", (CREATE,), (EVERYTHING,)),
        Grant(
            "RunAs",
            ("iam:PassRole",),
            (role.format(account=place.account, name=place.runbook_role),),
            {"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}},
        ),
        *((Grant("ActElsewhere", (ASSUME,), (assumed,)),) if place.other_role else ()),
    )


def document(place: ActingPlace) -> Mapping[str, object]:
    """Return the policy as IAM takes it."""
    made = [
        {"Sid": each.sid, "Effect": "Allow", "Action": list(each.actions), "Resource": list(each.resources)}
        | ({"Condition": each.condition} if each.condition else {})
        for each in grants(place)
    ]
    return {"Version": "2012-10-17", "Statement": made}


def _word(action: str) -> str:
    return action.partition(":")[2].removeprefix("Describe")
