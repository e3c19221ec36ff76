"""SSM Automation: runbooks begun once, read, signalled and stopped.

Facts: the API reference of StartAutomationExecution, DescribeAutomationExecutions, GetAutomationExecution,
SendAutomationSignal and StopAutomationExecution, as botocore's model of `ssm` has them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from botocore.exceptions import ClientError

from autocloudops.actions.execution import Execution, execution_of
from autocloudops.actions.runbook import CLAIM_PARAMETER, CLAIM_TAG
from autocloudops.alarms.model import ResourceRef
from autocloudops.aws import error_code, error_message, translated
from autocloudops.catalogue.model import ActionRequest
from autocloudops.clock import EPOCH
from autocloudops.errors import ServiceFailed, ServiceUnavailable, TargetMissing, Throttled, TokenTaken

CALL_SECONDS = 10.0
PAGE = 50
COMMENT_CHARACTERS = 512
SERVER_ERROR = 500

NAMED: Mapping[str, tuple[type[ServiceFailed], str]] = {
    "AutomationDefinitionNotFoundException": (TargetMissing, "create the runbook in this account and region"),
    "AutomationDefinitionVersionNotFoundException": (TargetMissing, "give the runbook a default version"),
    "AutomationExecutionNotFoundException": (TargetMissing, "it is of another account or region, or long over"),
    "AutomationStepNotFoundException": (ServiceFailed, "it no longer waits for an answer"),
    "AutomationExecutionLimitExceededException": (Throttled, "wait until other automations of this account have ended"),
    "IdempotentParameterMismatch": (TokenTaken, "look at what was begun with it"),
    "InvalidAutomationExecutionParametersException": (
        ServiceFailed,
        "the runbook there is another than the one of this version: update it",
    ),
    "InvalidAutomationSignalException": (ServiceFailed, "it no longer waits for an answer"),
    "InvalidTarget": (TargetMissing, "check its name, account and region"),
}
ENDED = "InvalidAutomationStatusUpdateException"


class Clients(Protocol):
    """Opens AWS clients that may act in an account; they are kept and closed by whoever made this."""

    async def client(self, service: str, account: str, region: str) -> Any:  # noqa: ANN401 - there are stubs for few
        """Return a client of a service.

        Raises:
            ServiceFailed: the account's role cannot be assumed.
        """
        ...


class Executions:
    """Automation executions in the account and region of the resource that they are about.

    No call is ever made twice here: whoever lost an answer has to find out first.

    Args:
        clients: opens SSM clients that send each call once.
        call_seconds: how long one call may take, its client's opening included.
    """

    def __init__(self, clients: Clients, call_seconds: float = CALL_SECONDS) -> None:
        self._clients = clients
        self.call_seconds = call_seconds

    async def start(self, request: ActionRequest, token: UUID, parameters: Mapping[str, tuple[str, ...]]) -> str:
        """Begin a request's runbook and return the execution's id.

        Args:
            request: the runbook and its target.
            token: the client token, which is also the value of the execution's tag `autocloudops:claim`.
            parameters: all that it is started with.

        Raises:
            ServiceUnavailable: nobody knows whether it began: no answer in time, or a server error.
            TokenTaken: something else began with this token.
            ServiceFailed: it was refused, and nothing began.
            SettingsInvalid: the call could not be made, and nothing began.
        """
        call = {
            "DocumentName": request.runbook,
            "Parameters": {name: list(values) for name, values in parameters.items()},
            "ClientToken": str(token),
            "Tags": [{"Key": CLAIM_TAG, "Value": str(token)}],
        }
        answer = await self._called("StartAutomationExecution", request.target, request.runbook, call)
        return str(answer["AutomationExecutionId"])

    async def probe(self, request: ActionRequest, token: UUID, since: datetime) -> str | None:
        """Return the id of the execution that began with a token, None where there is none.

        The filter `TagKey` narrows the search; whose execution it is says its parameter `ClaimId`, because AWS's
        reference does not say whether that filter looks at values.

        Args:
            request: what was to begin.
            token: with which client token.
            since: nothing that began earlier is looked at.

        Raises:
            ServiceFailed: it could not be found out.
        """
        async for begun in self._ours(request, since):
            found = await self.read(begun, request.target)
            if found.parameters.get(CLAIM_PARAMETER) == (str(token),):
                return begun
        return None

    async def _ours(self, request: ActionRequest, since: datetime) -> AsyncIterator[str]:
        filters = [
            {"Key": "TagKey", "Values": [CLAIM_TAG]},
            {"Key": "DocumentNamePrefix", "Values": [request.runbook]},
        ]
        call: dict[str, object] = {"Filters": filters, "MaxResults": PAGE}
        while True:
            page = await self._called("DescribeAutomationExecutions", request.target, request.runbook, call)
            for each in page["AutomationExecutionMetadataList"]:
                if each.get("ExecutionStartTime", EPOCH) >= since:
                    yield each["AutomationExecutionId"]
            if not page.get("NextToken"):
                return
            call["NextToken"] = page["NextToken"]

    async def read(self, execution_id: str, target: ResourceRef) -> Execution:
        """Return how an execution stands.

        Args:
            execution_id: what `start` returned.
            target: what it is about: says where it runs.

        Raises:
            TargetMissing: there is none.
            ServiceFailed: it cannot be read.
        """
        call = {"AutomationExecutionId": execution_id}
        answer = await self._called("GetAutomationExecution", target, execution_id, call)
        return execution_of(answer["AutomationExecution"])

    async def approve(self, execution_id: str, target: ResourceRef, comment: str) -> None:
        """Approve what an execution waits with; AWS takes it from those alone whom the runbook names as approvers.

        Raises:
            ServiceFailed: it was not taken, or nobody knows.
        """
        await self._signal("Approve", execution_id, target, comment)

    async def reject(self, execution_id: str, target: ResourceRef, comment: str) -> None:
        """Reject what an execution waits with; it ends.

        Raises:
            ServiceFailed: it was not taken, or nobody knows.
        """
        await self._signal("Reject", execution_id, target, comment)

    async def _signal(self, signal: str, execution_id: str, target: ResourceRef, comment: str) -> None:
        call = {
            "AutomationExecutionId": execution_id,
            "SignalType": signal,
            "Payload": {"Comment": [comment[:COMMENT_CHARACTERS]]},
        }
        await self._called("SendAutomationSignal", target, execution_id, call)

    async def stop(self, execution_id: str, target: ResourceRef) -> None:
        """Stop an execution where it is; one that has ended stays as it is.

        Raises:
            ServiceFailed: it was not stopped, or nobody knows.
        """
        call = {"AutomationExecutionId": execution_id, "Type": "Cancel"}
        try:
            await self._called("StopAutomationExecution", target, execution_id, call)
        except ServiceFailed as error:
            if not isinstance(error.__cause__, ClientError) or error_code(error.__cause__) != ENDED:
                raise

    async def _called(
        self, operation: str, target: ResourceRef, named: str, call: Mapping[str, object]
    ) -> Mapping[str, Any]:
        with _translated(f"ssm:{operation}", f"{named} in {target.account}/{target.region}"):
            async with asyncio.timeout(self.call_seconds):
                client = await self._clients.client("ssm", target.account, target.region)
                answer: Mapping[str, Any] = await getattr(client, METHODS[operation])(**call)
                return answer


METHODS = {
    "StartAutomationExecution": "start_automation_execution",
    "DescribeAutomationExecutions": "describe_automation_executions",
    "GetAutomationExecution": "get_automation_execution",
    "SendAutomationSignal": "send_automation_signal",
    "StopAutomationExecution": "stop_automation_execution",
}


@contextmanager
def _translated(operation: str, target: str) -> Iterator[None]:
    """Raise SSM's own errors by name; a server error of any code leaves open whether the call was done."""
    with translated(operation, target):
        try:
            yield
        except ClientError as error:
            code, said = error_code(error), f"{error_code(error)}: {error_message(error)}"
            if int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= SERVER_ERROR:
                raise ServiceUnavailable(operation, target, said) from error
            if code not in NAMED:
                raise
            kind, advice = NAMED[code]
            raise kind(operation, target, said, advice) from error
