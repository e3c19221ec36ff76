"""What the reader of facts asks, scripted: clients of AWS services, requests about targets, the setup of runbooks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from autocloudops.actions.runbook import RunbookSetup
from autocloudops.alarms.model import ResourceRef
from autocloudops.catalogue import ACTIONS
from autocloudops.catalogue.model import ActionRequest

ACCOUNT, OTHER, REGION = "111122223333", "222222222222", "eu-west-1"
SETUP = RunbookSetup(role="arn:aws:iam::{account}:role/autocloudops-{runbook}", table="autocloudops-state")
PARAMETERS = ("ApprovalTopicArn", "Approvers", "AutomationAssumeRole", "ClaimId", "RequireApproval", "StateTable")
ACTION_OF = {
    "ecs:service": "scale_out_service",
    "autoscaling:group": "scale_out_group",
    "rds:db-instance": "restart_database_clients",
    "ec2:instance": "clean_logs",
}
HANGS = object()
"""The answer that never comes."""


def request_about(type_: str, id_: str, account: str = ACCOUNT, action: str = "") -> ActionRequest:
    """Return a request for the action that each kind of target has."""
    target = ResourceRef(type=type_, id=id_, account=account, region=REGION, owner=f"{type_.replace(':', '-')}/{id_}")
    return ACTIONS[action or ACTION_OF[type_]].request(target, {"Extra": "1"})


def runbook_document(*parameters: str, status: str = "Active", type_: str = "Automation") -> Mapping[str, object]:
    """Return what DescribeDocument says of a runbook that takes the common parameters and these."""
    names = [{"Name": name, "Type": "String"} for name in (*PARAMETERS, *parameters)]
    return {"Document": {"Status": status, "DocumentType": type_, "DocumentVersion": "1", "Parameters": names}}


def refused(code: str, status: int = 400) -> ClientError:
    """Return what the SDK raises for an error of a service."""
    said = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "Call")  # type: ignore[arg-type] # the stub wants every key of the metadata


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: which client's, whose, where, and with which arguments."""

    call: str
    account: str
    region: str
    arguments: Mapping[str, Any]


Answerer = Callable[[Asked], object]


@dataclass
class ScriptedClients:
    """Clients whose every call is answered by `answer`: an exception is raised, `HANGS` never comes.

    `opening` is answered likewise when a client is opened. `asked` are the calls that were made, `opened` the services
    whose clients were wanted.
    """

    answer: Answerer
    opening: object = None
    asked: list[Asked] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    async def client(self, service: str, account: str, region: str) -> "_Client":
        """Return a client, or fail as `opening` says."""
        self.opened.append(service)
        await _said(self.opening)
        return _Client(self, service, account, region)

    async def made(self, asked: Asked) -> object:
        """Note a call and answer it."""
        self.asked.append(asked)
        return await _said(self.answer(asked))

    def calls(self) -> list[str]:
        """Return the calls that were made, in order of their names."""
        return sorted(each.call for each in self.asked)


@dataclass(frozen=True)
class _Client:
    clients: ScriptedClients
    service: str
    account: str
    region: str

    def __getattr__(self, method: str) -> Callable[..., Awaitable[object]]:
        def called(**arguments: object) -> Awaitable[object]:
            return self.clients.made(Asked(f"{self.service}:{method}", self.account, self.region, arguments))

        return called


async def _said(answer: object) -> object:
    if answer is HANGS:
        await asyncio.Event().wait()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def service_answer(account: str = ACCOUNT, **different: object) -> Mapping[str, object]:
    """Return what DescribeServices says of the service `orders` in the cluster `shop`."""
    service = {
        "serviceArn": f"arn:aws:ecs:{REGION}:{account}:service/shop/orders",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 1,
        "taskDefinition": f"arn:aws:ecs:{REGION}:{account}:task-definition/orders:7",
        "deployments": [
            {"id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "COMPLETED"},
            {"id": "ecs-svc/0", "status": "ACTIVE"},
        ],
        "tags": [{"key": "autocloudops:allow", "value": "true"}],
    }
    return {"services": [service | different]}


WELL: Mapping[str, object] = {
    "ecs:describe_services": service_answer(),
    "application-autoscaling:describe_scalable_targets": {
        "ScalableTargets": [{"ResourceId": "service/shop/orders", "MinCapacity": 1, "MaxCapacity": 6}]
    },
    "application-autoscaling:describe_scaling_policies": {"ScalingPolicies": [{"PolicyName": "cpu"}]},
    "ssm:get_calendar_state": {"State": "OPEN"},
    "ssm:describe_document": runbook_document("Extra"),
    "cloudwatch:describe_alarms": {
        "MetricAlarms": [{"AlarmName": "deploying", "StateValue": "OK"}],
        "CompositeAlarms": [{"AlarmName": "burning", "StateValue": "ALARM"}],
    },
}


def clients_that(different: Mapping[str, object] | None = None) -> ScriptedClients:
    """Return clients that say that all is well, but for some calls."""
    answers = {**WELL, **(different or {})}
    return ScriptedClients(lambda asked: answers.get(asked.call, {}))
