"""SSM's answers over HTTP, row by row, and what becomes of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from acting import REQUEST, TARGET, sent_for
from aiohttp import web

from autocloudops.actions.accounts import ActionClients
from autocloudops.actions.execution import Phase
from autocloudops.actions.executions import Executions
from autocloudops.clock import SystemClock
from autocloudops.errors import (
    AccessDenied,
    AccountUnread,
    ServiceFailed,
    ServiceUnavailable,
    SettingsInvalid,
    TargetMissing,
    Throttled,
    TokenTaken,
)

TOKEN = UUID("6a0c4f0e-3d52-4b7e-9f10-7b1d2a9c8e35")
SENT = sent_for(TOKEN)
EXECUTION = "11111111-2222-4333-8444-555555555555"
Answer = Callable[[Mapping[str, Any]], Awaitable[web.Response]]


@dataclass
class ScriptedSsm:
    """An HTTP server that answers AWS JSON 1.1 as a test says, and keeps what it was asked."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].removeprefix("AmazonSSM.")
        call = json.loads(await request.text())
        self.asked.append((operation, call))
        return await self.answers[operation](call)

    def gives(self, operation: str, *answers: Mapping[str, object]) -> None:
        left = list(answers)

        async def answered(_: Mapping[str, Any]) -> web.Response:
            return web.json_response(left.pop(0), content_type="application/x-amz-json-1.1")

        self.answers[operation] = answered

    def refuses(self, operation: str, code: str, status: int = 400) -> None:
        async def answered(_: Mapping[str, Any]) -> web.Response:
            said = {"__type": code, "Message": "because"}
            return web.json_response(said, status=status, content_type="application/x-amz-json-1.1")

        self.answers[operation] = answered


@pytest.fixture
async def ssm(point_at: Callable[[str], None]) -> AsyncIterator[ScriptedSsm]:
    """A scripted SSM that AWS clients are pointed at."""
    scripted = ScriptedSsm()
    app = web.Application()
    app.router.add_post("/", scripted.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    scripted.url = f"http://{host}:{port}"
    point_at(scripted.url)
    yield scripted
    await runner.cleanup()


@pytest.fixture
def executions(ssm: ScriptedSsm, stack: AsyncExitStack) -> Executions:
    """The adapter, pointed at the scripted SSM."""
    assert ssm.url
    return Executions(ActionClients(stack, SystemClock(), TARGET.account))


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AutomationDefinitionNotFoundException", 400, TargetMissing),
        ("AutomationDefinitionVersionNotFoundException", 400, TargetMissing),
        ("AutomationExecutionLimitExceededException", 400, Throttled),
        ("ThrottlingException", 400, Throttled),
        ("InvalidAutomationExecutionParametersException", 400, ServiceFailed),
        ("InvalidTarget", 400, TargetMissing),
        ("AccessDeniedException", 400, AccessDenied),
        ("ExpiredTokenException", 400, AccessDenied),
        ("IdempotentParameterMismatch", 400, TokenTaken),
        ("InternalServerError", 500, ServiceUnavailable),
        ("ServiceUnavailable", 503, ServiceUnavailable),
        ("ThrottlingException", 503, ServiceUnavailable),
    ],
)
async def test_every_refusal_of_a_start_has_its_name(
    ssm: ScriptedSsm, executions: Executions, code: str, status: int, error: type[ServiceFailed]
) -> None:
    """Each row of StartAutomationExecution's errors is one of ours, is asked for once, and names the runbook."""
    ssm.refuses("StartAutomationExecution", code, status)
    with pytest.raises(ServiceFailed) as raised:
        await executions.start(REQUEST, TOKEN, SENT)
    assert type(raised.value) is error
    assert REQUEST.runbook in str(raised.value)
    assert code in str(raised.value)
    assert len(ssm.asked) == 1


async def test_a_start_asks_for_what_the_claim_says_once(ssm: ScriptedSsm, executions: Executions) -> None:
    """Document, parameters, token and tag are on the wire; the answer is the execution's id."""
    ssm.gives("StartAutomationExecution", {"AutomationExecutionId": EXECUTION})
    assert await executions.start(REQUEST, TOKEN, sent_for(TOKEN, approval=True)) == EXECUTION
    ((operation, call),) = ssm.asked
    assert operation == "StartAutomationExecution"
    assert call["DocumentName"] == "AutoCloudOps-ScaleOutService"
    assert call["ClientToken"] == str(TOKEN)
    assert call["Tags"] == [{"Key": "autocloudops:claim", "Value": str(TOKEN)}]
    assert call["Parameters"]["RequireApproval"] == ["true"]
    assert call["Parameters"]["DesiredCount"] == ["3"]
    assert "ApprovalTopicArn" not in call["Parameters"]


async def test_no_answer_in_time_may_have_begun(ssm: ScriptedSsm, executions: Executions) -> None:
    """A call that hangs ends after its bound, is not repeated, and is said to be open."""

    async def hangs(_: Mapping[str, Any]) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    ssm.answers["StartAutomationExecution"] = hangs
    await executions._clients.client("ssm", TARGET.account, TARGET.region)
    quick = Executions(executions._clients, call_seconds=1)
    with pytest.raises(ServiceUnavailable):
        await quick.start(REQUEST, TOKEN, SENT)
    assert len(ssm.asked) == 1


async def test_a_broken_connection_may_have_begun(ssm: ScriptedSsm, executions: Executions) -> None:
    """An answer that never comes back is no refusal."""

    async def drops(_: Mapping[str, Any]) -> web.Response:
        raise ConnectionResetError

    ssm.answers["StartAutomationExecution"] = drops
    with pytest.raises(ServiceUnavailable):
        await executions.start(REQUEST, TOKEN, SENT)
    assert len(ssm.asked) == 1


async def test_parameters_that_ssm_does_not_take_are_never_sent(ssm: ScriptedSsm, executions: Executions) -> None:
    """A value longer than the API model allows is refused before it leaves."""
    with pytest.raises(SettingsInvalid):
        await executions.start(REQUEST, TOKEN, {"Service": ("",)})
    assert ssm.asked == []


async def test_another_account_without_a_role_is_never_called(ssm: ScriptedSsm, executions: Executions) -> None:
    """A target in an account that nobody may act in is refused before any call."""
    target = TARGET.model_copy(update={"account": "999988887777"})
    with pytest.raises(AccountUnread, match="999988887777"):
        await executions.start(REQUEST.model_copy(update={"target": target}), TOKEN, SENT)
    assert ssm.asked == []


def execution(status: str, **fields: object) -> Mapping[str, object]:
    """Return GetAutomationExecution's answer."""
    return {
        "AutomationExecution": {
            "AutomationExecutionId": EXECUTION,
            "DocumentName": REQUEST.runbook,
            "AutomationExecutionStatus": status,
            "Parameters": {"ClaimId": [str(TOKEN)]},
            **fields,
        }
    }


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("Pending", Phase.RUNNING),
        ("InProgress", Phase.RUNNING),
        ("Cancelling", Phase.RUNNING),
        ("SomethingNew", Phase.RUNNING),
        ("Waiting", Phase.WAITING),
        ("PendingApproval", Phase.WAITING),
        ("Success", Phase.SUCCEEDED),
        ("CompletedWithSuccess", Phase.SUCCEEDED),
        ("Failed", Phase.FAILED),
        ("Rejected", Phase.FAILED),
        ("CompletedWithFailure", Phase.FAILED),
        ("TimedOut", Phase.TIMED_OUT),
        ("Cancelled", Phase.CANCELLED),
    ],
)
async def test_every_status_has_its_phase(ssm: ScriptedSsm, executions: Executions, status: str, phase: Phase) -> None:
    """What SSM calls an execution's status is one of six, and nothing unknown is taken for an end."""
    ssm.gives("GetAutomationExecution", execution(status))
    assert (await executions.read(EXECUTION, TARGET)).phase is phase


async def test_an_execution_is_read_with_its_steps(ssm: ScriptedSsm, executions: Executions) -> None:
    """The failed step, its message, the approvers, the outputs and the end are read; skipped steps ask nobody."""
    steps = [
        {
            "StepName": "approve",
            "Action": "aws:approve",
            "StepStatus": "Success",
            "Outputs": {"ApproverDecisions": ['{"approver":"arn:aws:iam::111122223333:user/ana"}']},
        },
        {"StepName": "approveAndTell", "Action": "aws:approve", "StepStatus": "Pending"},
        {"StepName": "setCount", "Action": "aws:executeAwsApi", "StepStatus": "Failed", "FailureMessage": "no such"},
    ]
    answer = execution(
        "Failed", StepExecutions=steps, Outputs={"readBefore.DesiredCount": ["2"]}, ExecutionEndTime=1_800_000_000.5
    )
    ssm.gives("GetAutomationExecution", answer)
    found = await executions.read(EXECUTION, TARGET)
    assert found.approved is True
    assert "user/ana" in found.approvers
    assert (found.failed_step, found.said) == ("setCount", "no such")
    assert found.ended_at is not None
    assert found.ended_at.astimezone(UTC) == datetime(2027, 1, 15, 8, 0, 0, 500_000, UTC)
    assert found.story == "failed at step setCount: no such: readBefore.DesiredCount 2"


async def test_a_probe_goes_through_all_pages_and_skips_what_is_older(ssm: ScriptedSsm, executions: Executions) -> None:
    """The filters are on the wire; an execution from before the claim is not even read."""
    now = datetime(2027, 1, 15, tzinfo=UTC)
    old = {"AutomationExecutionId": EXECUTION, "ExecutionStartTime": (now - timedelta(days=1)).timestamp()}
    new = {"AutomationExecutionId": EXECUTION, "ExecutionStartTime": now.timestamp()}
    ssm.gives(
        "DescribeAutomationExecutions",
        {"AutomationExecutionMetadataList": [old], "NextToken": "more"},
        {"AutomationExecutionMetadataList": [new]},
    )
    ssm.gives("GetAutomationExecution", execution("Success"))
    assert await executions.probe(REQUEST, TOKEN, now - timedelta(minutes=5)) == EXECUTION
    assert [operation for operation, _ in ssm.asked].count("GetAutomationExecution") == 1
    (first, second, _) = (call for _, call in ssm.asked)
    assert first["Filters"] == [
        {"Key": "TagKey", "Values": ["autocloudops:claim"]},
        {"Key": "DocumentNamePrefix", "Values": [REQUEST.runbook]},
    ]
    assert second["NextToken"] == "more"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("InvalidAutomationSignalException", ServiceFailed),
        ("AutomationStepNotFoundException", ServiceFailed),
        ("AutomationExecutionNotFoundException", TargetMissing),
        ("AccessDeniedException", AccessDenied),
        ("InternalServerError", ServiceFailed),
    ],
)
async def test_every_refusal_of_a_signal_has_its_name(
    ssm: ScriptedSsm, executions: Executions, code: str, error: type[ServiceFailed]
) -> None:
    """Each row of SendAutomationSignal's errors is one of ours."""
    ssm.refuses("SendAutomationSignal", code)
    with pytest.raises(ServiceFailed) as raised:
        await executions.approve(EXECUTION, TARGET, "fine")
    assert type(raised.value) is error


async def test_answers_go_out_as_ssm_takes_them(ssm: ScriptedSsm, executions: Executions) -> None:
    """Approve and Reject carry a comment of at most 512 characters; a stop cancels."""
    ssm.gives("SendAutomationSignal", {}, {})
    ssm.gives("StopAutomationExecution", {})
    await executions.approve(EXECUTION, TARGET, "fine")
    await executions.reject(EXECUTION, TARGET, "n" * 600)
    await executions.stop(EXECUTION, TARGET)
    approved, rejected, stopped = (call for _, call in ssm.asked)
    assert (approved["SignalType"], approved["Payload"]) == ("Approve", {"Comment": ["fine"]})
    assert (rejected["SignalType"], rejected["Payload"]) == ("Reject", {"Comment": ["n" * 512]})
    assert stopped == {"AutomationExecutionId": EXECUTION, "Type": "Cancel"}


async def test_a_stop_of_what_has_ended_is_no_error(ssm: ScriptedSsm, executions: Executions) -> None:
    """An execution that is over stays as it is; any other refusal of a stop is told."""
    ssm.refuses("StopAutomationExecution", "InvalidAutomationStatusUpdateException")
    await executions.stop(EXECUTION, TARGET)
    ssm.refuses("StopAutomationExecution", "AutomationExecutionNotFoundException")
    with pytest.raises(TargetMissing):
        await executions.stop(EXECUTION, TARGET)
