import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import virtual_time
from botocore.exceptions import ClientError
from virtual_time import VirtualClock

from autocloudops.aws import PERMISSIONS
from autocloudops.entrypoints.preflight import Check, Finding, State, Weight, examine, planned, preflight
from autocloudops.entrypoints.preflight.audit import audit_checks
from autocloudops.entrypoints.preflight.clients import Clients
from autocloudops.entrypoints.preflight.queues import follow_up_checks, queue_checks
from autocloudops.entrypoints.preflight.table import table_checks
from autocloudops.entrypoints.preflight.topic import topic_checks
from autocloudops.errors import (
    AccessDenied,
    AutoCloudOpsError,
    ModelAsleep,
    ServiceFailed,
    ServiceUnavailable,
    SettingsInvalid,
    TargetMissing,
    Throttled,
)
from autocloudops.settings import QueueSettings

QUEUE = QueueSettings(url="https://sqs.eu-west-1.amazonaws.com/111122223333/alarms", dlq_url="https://q/1/dlq")
DENIED = AccessDenied("sqs:DeleteMessage", "queue", "denied", "allow it")
DOWN = ServiceUnavailable("s3:PutObject", "bucket", "connection refused")

Look = Callable[[], Awaitable[str]]


def saying(*outcomes: str | Exception) -> Look:
    """Return a look with these outcomes, the last one for ever."""
    left = list(outcomes)

    async def look() -> str:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return look


def check(look: Look, weight: Weight = Weight.VITAL) -> Check:
    """Return a check that looks so."""
    return Check("a check", "a target", weight, look)


def found(*checks: Check) -> list[Finding]:
    """Return what checks find, in virtual time."""
    return virtual_time.run(examine(checks, lambda _: None))


def started(*checks: Check, stop_after_seconds: float | None = None) -> float:
    """Run a preflight, and return how many seconds it took."""

    async def main() -> float:
        stop = asyncio.Event()
        if stop_after_seconds is not None:
            asyncio.get_running_loop().call_later(stop_after_seconds, stop.set)
        await preflight(checks, VirtualClock(), stop)
        return VirtualClock().monotonic()

    return virtual_time.run(main())


@pytest.mark.parametrize(
    ("weight", "error", "state"),
    [
        (Weight.VITAL, DENIED, State.FAILED),
        (Weight.VITAL, TargetMissing("s3:PutObject", "bucket", "none"), State.FAILED),
        (Weight.VITAL, SettingsInvalid("no region"), State.FAILED),
        (Weight.VITAL, DOWN, State.UNKNOWN),
        (Weight.VITAL, Throttled("sqs:ReceiveMessage", "queue", "slow down"), State.UNKNOWN),
        (Weight.WATCHED, ModelAsleep("sagemaker://nim", "no instance"), State.UNKNOWN),
        (Weight.ADVISORY, DENIED, State.UNKNOWN),
        (Weight.ADVISORY, ServiceFailed("sns:GetTopicAttributes", "topic", "odd"), State.UNKNOWN),
        (Weight.ADVISORY, SettingsInvalid("no redrive policy"), State.WARNING),
        (Weight.ADVISORY, TargetMissing("sqs:GetQueueAttributes", "queue", "none"), State.FAILED),
    ],
)
def test_what_may_pass_is_unknown_and_what_will_not_has_failed(
    weight: Weight, error: AutoCloudOpsError, state: State
) -> None:
    """A person is told to wait only where waiting may help, and a fact that cannot be read is not called wrong."""
    (finding,) = found(check(saying(error), weight))
    assert (finding.state, finding.said, finding.error) == (state, error.message, error)
    assert finding.fix


@pytest.mark.parametrize("weight", list(Weight))
def test_a_fault_in_a_check_hides_no_other(weight: Weight) -> None:
    """What a check cannot read is told by the name of the fault, and the other checks say what they found."""
    broken, well = found(check(saying(KeyError("Attributes")), weight), check(saying("there")))
    assert (broken.state, well.state) == (State.FAILED, State.OK)
    assert broken.said == "unexpected KeyError: 'Attributes'"
    assert broken.error


def test_a_service_that_is_silent_is_unknown_and_holds_up_nobody() -> None:
    """A target that answers nothing costs 15 s, the other checks nothing, and findings keep their order."""

    async def silent() -> str:
        await asyncio.Event().wait()
        raise AssertionError

    told: list[Finding] = []
    findings = virtual_time.run(examine([check(silent), check(saying("there"))], told.append))
    assert [each.state for each in findings] == [State.UNKNOWN, State.OK]
    assert [each.state for each in told] == [State.OK, State.UNKNOWN]


@pytest.mark.parametrize("weight", [Weight.VITAL, Weight.REQUIRED])
def test_what_waiting_cannot_mend_ends_the_start_after_naming_all_of_it(
    weight: Weight, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker ends with the first thing that is wrong, and its log names every one with what to do."""
    missing = TargetMissing("dynamodb:GetItem", "table", "none", "check its name")
    with pytest.raises(AccessDenied), caplog.at_level(logging.ERROR):
        started(check(saying("there")), check(saying(DENIED), weight), check(saying(missing), weight))
    assert all(word in caplog.text for word in ("sqs:DeleteMessage", "allow it", "dynamodb:GetItem", "check its name"))


def test_what_is_down_is_waited_for_as_long_as_it_takes() -> None:
    """A bucket that is back after five looks lets the worker start then, with growing pauses up to 30 s."""
    assert started(check(saying(DOWN, DOWN, DOWN, DOWN, DOWN, "there"))) == 1 + 2 + 4 + 8 + 16
    assert started(check(saying(*[DOWN] * 7, "there"))) == 1 + 2 + 4 + 8 + 16 + 30 + 30


def test_a_worker_that_waits_can_be_stopped() -> None:
    """SIGTERM during the wait ends it at once."""
    assert started(check(saying(DOWN)), stop_after_seconds=5.0) == 5.0


@pytest.mark.parametrize(
    ("weight", "error"),
    [
        (Weight.REQUIRED, ServiceUnavailable("sns:Publish", "topic", "down")),
        (Weight.WATCHED, ServiceUnavailable("sagemaker:InvokeEndpoint", "nim", "down")),
        (Weight.WATCHED, DENIED),
        (Weight.ADVISORY, SettingsInvalid("no redrive policy")),
    ],
)
def test_a_worker_starts_without_what_it_can_do_without(weight: Weight, error: AutoCloudOpsError) -> None:
    """Alarms are grouped, recorded and decided `manual` while people cannot be told or the model is not there."""
    assert started(check(saying("there")), check(saying(error), weight)) == 0.0


class Denying:
    """A client that is denied one operation and allowed all others, which it refuses as AWS does."""

    def __init__(self, denied: str) -> None:
        self._denied = denied

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Any]]:
        refusals = {
            "receive_message": "InvalidParameterValue",
            "send_message_batch": "EmptyBatchRequest",
            "publish": "InvalidParameter",
            "put_item": "ConditionalCheckFailedException",
            "update_item": "ConditionalCheckFailedException",
            "delete_item": "ConditionalCheckFailedException",
            "transact_write_items": "TransactionCanceledException",
        }

        async def call(**_: object) -> dict[str, Any]:
            code = "AccessDeniedException" if operation == self._denied else refusals.get(operation)
            if code:
                raise ClientError({"Error": {"Code": code, "Message": "not authorized"}}, operation)
            return {"Attributes": {"VisibilityTimeout": "180"}, "Failed": [{"Id": "0"}], "Responses": {}}

        return call


class OneClient(Clients):
    """Every service is the same client."""

    def __init__(self, client: Denying) -> None:
        super().__init__(AsyncExitStack())
        self._client = client

    async def get(self, service: str, region: str | None = None) -> Any:  # noqa: ANN401, ARG002 - as its parent
        return self._client


@pytest.mark.parametrize(
    ("denied", "permission"),
    [
        ("receive_message", "sqs:ReceiveMessage"),
        ("delete_message_batch", "sqs:DeleteMessage"),
        ("change_message_visibility_batch", "sqs:ChangeMessageVisibility"),
        ("send_message_batch", "sqs:SendMessage"),
        ("put_object", "s3:PutObject"),
        ("get_item", "dynamodb:GetItem"),
        ("batch_get_item", "dynamodb:BatchGetItem"),
        ("query", "dynamodb:Query"),
        ("put_item", "dynamodb:PutItem"),
        ("update_item", "dynamodb:UpdateItem"),
        ("delete_item", "dynamodb:DeleteItem"),
        ("transact_write_items", "dynamodb:TransactWriteItems"),
        ("publish", "sns:Publish"),
    ],
)
def test_each_missing_permission_stops_the_start_by_its_name(denied: str, permission: str) -> None:
    """Bug 22: a role without one of the permissions ends the worker before it takes a message, naming that one."""
    clients = OneClient(Denying(denied))
    checks = [
        *follow_up_checks(clients, QUEUE),
        *audit_checks(clients, "s3://records"),
        *table_checks(clients, "state"),
        *topic_checks(clients, "arn:aws:sns:eu-west-1:111122223333:decisions"),
    ]
    with pytest.raises(AccessDenied) as raised:
        started(*checks)
    assert raised.value.operation == permission
    assert raised.value.advice == f"allow {PERMISSIONS.get(permission, permission)} on it for this role"


async def test_a_role_that_may_not_claim_is_told_so() -> None:
    """A claim rests on conditions, a permission of their own: `doctor` names it before an action is refused."""
    (claim,) = (
        each for each in table_checks(OneClient(Denying("transact_write_items")), "state") if "claim" in each.name
    )
    (found,) = await examine([claim], lambda _: None)
    assert (found.state, found.said.startswith("dynamodb:ConditionCheckItem")) == (State.FAILED, True)


def test_a_role_with_every_permission_may_start() -> None:
    """The same checks pass where AWS refuses only what the checks want it to refuse."""
    clients = OneClient(Denying("nothing"))
    assert started(*queue_checks(clients, QUEUE), *table_checks(clients, "state")) == 0.0


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are whole, in a region."""
    told = {
        "QUEUE_URL": QUEUE.url,
        "QUEUE_DLQ_URL": QUEUE.dlq_url,
        "MODEL_ENDPOINTS": "sagemaker://nim",
        "AUDIT_LOCATION": "s3://records/team",
        "NOTIFY_TOPIC_ARN": "arn:aws:sns:eu-west-1:111122223333:decisions",
    }
    for name, value in told.items():
        monkeypatch.setenv(f"AUTOCLOUDOPS_{name}", value)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


async def test_every_wrong_setting_is_a_finding(settings: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - a fixture for its effect
    """Whoever set several things wrong reads of all of them, by their variables, and of the rooms that are right."""
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_BATCH_SECONDS", "none")
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_BATCH_RECORDS", "0")
    monkeypatch.setenv("AUTOCLOUDOPS_SAFETY_MODE", "never")
    async with AsyncExitStack() as stack:
        checks = planned(Clients(stack))
    wrong = {each.target for each in checks if each.name == "setting"}
    assert wrong == {
        "AUTOCLOUDOPS_AUDIT_BATCH_RECORDS",
        "AUTOCLOUDOPS_AUDIT_BATCH_SECONDS",
        "AUTOCLOUDOPS_SAFETY_MODE",
    }
    assert {"receive alarms", "ask the model", "tell people"} <= {each.name for each in checks}
    assert "write the audit" not in {each.name for each in checks}


@pytest.mark.parametrize("acts", [False, True])
async def test_everything_that_a_worker_uses_is_looked_at(
    settings: None,  # noqa: ARG001 - a fixture for its effect
    monkeypatch: pytest.MonkeyPatch,
    acts: bool,
) -> None:
    """Each queue, bucket, table, topic and endpoint of the settings has its checks, those of follow-ups too."""
    if acts:
        monkeypatch.setenv("AUTOCLOUDOPS_ACTION_FOLLOWUPS_URL", "https://q/1/follow-ups")
        monkeypatch.setenv("AUTOCLOUDOPS_ACTION_FOLLOWUPS_DLQ_URL", "https://q/1/follow-ups-dlq")
    async with AsyncExitStack() as stack:
        checks = planned(Clients(stack))
    looked = {(each.name, each.target) for each in checks if each.weight is not Weight.ADVISORY}
    follow_ups = {
        ("receive follow-ups", "https://q/1/follow-ups"),
        ("delete follow-ups", "https://q/1/follow-ups"),
        ("send follow-ups", "https://q/1/follow-ups"),
        ("park unreadable bodies", "https://q/1/follow-ups-dlq"),
    }
    assert looked >= {
        ("receive alarms", QUEUE.url),
        ("delete alarms", QUEUE.url),
        ("extend and release leases", QUEUE.url),
        ("park unreadable bodies", QUEUE.dlq_url),
        ("write the audit", "s3://records/team"),
        ("read the state table", "autocloudops-state"),
        ("write the state table", "autocloudops-state"),
        ("tell people", "arn:aws:sns:eu-west-1:111122223333:decisions"),
        ("ask the model", "sagemaker://nim"),
    }
    assert looked & follow_ups == (follow_ups if acts else set())


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("AUTOCLOUDOPS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/111122223333/alarms", "region of the queue"),
        ("AUTOCLOUDOPS_NOTIFY_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:told", "region of the topic"),
    ],
)
def test_a_worker_in_another_region_than_its_queue_or_topic_does_not_start(
    settings: None,  # noqa: ARG001 - a fixture for its effect
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    name: str,
) -> None:
    """Which region was meant is said before AWS answers that nothing of that name exists."""
    monkeypatch.setenv(variable, value)

    async def regions() -> list[Finding]:
        async with AsyncExitStack() as stack:
            checks = [each for each in planned(Clients(stack)) if each.name.startswith("region")]
            return await examine(checks, lambda _: None)

    findings = {each.check.name: each for each in virtual_time.run(regions())}
    assert {each.check.name for each in findings.values() if each.state is State.FAILED} == {name}
    assert findings[name].fix == "set AWS_REGION to us-east-1"
