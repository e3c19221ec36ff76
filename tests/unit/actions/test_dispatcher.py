import asyncio

import pytest
from acting import INCIDENT, LIMITS, LOST, REQUEST, ActingWorld, claim_of, in_active, sent_for
from fake_automation import FakeAutomation, MemoryActionLog, refusal
from virtual_time import START, run

from autocloudops.alarms.model import AlarmState
from autocloudops.decisions.claims import Claim, ClaimState, NotClaimed, Refused, Step
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ActionRule, AlarmRule
from autocloudops.errors import AuditConflict, ServiceUnavailable


def test_an_action_is_begun_once_its_intent_is_durable_and_ends_with_its_outcome() -> None:
    """INTENT stands in log and ledger when the call is made; OUTCOME stands when the claim is final."""

    async def body(world: ActingWorld) -> None:
        actor = world.worker()
        begun = await actor.dispatcher.act(claim_of())
        assert isinstance(begun, Claim)
        assert (begun.state, begun.execution_id) == (ClaimState.STARTED, world.automation.effects[0])
        assert world.log.steps(begun.claim_id) == [Step.INTENT]
        done = await actor.dispatcher.look(begun)
        assert (done.state, done.said) == (ClaimState.DONE, "succeeded")

    world = in_active(body)
    (intent, outcome) = world.log.entries.values()
    assert intent.claim.before == {"DesiredCount": "2"}
    assert (outcome.step, outcome.claim.state) == (Step.OUTCOME, ClaimState.DONE)


def test_the_call_carries_token_tag_and_every_parameter_of_the_runbook() -> None:
    """What SSM gets is the claim's id as token, tag and `ClaimId`, and the request's parameters as they are."""

    async def body(world: ActingWorld) -> None:
        await world.worker().dispatcher.act(claim_of())

    world = in_active(body)
    (execution,) = world.automation.executions.values()
    claim_id = execution["token"]
    assert execution["tags"] == [{"Key": "autocloudops:claim", "Value": claim_id}]
    assert execution["Parameters"] == {
        "Cluster": ["shop"],
        "Service": ["orders"],
        "DesiredCount": ["3"],
        "ExpectedDesiredCount": ["2"],
        "AutomationAssumeRole": ["arn:aws:iam::111122223333:role/AutoCloudOps-ScaleOutService"],
        "StateTable": ["autocloudops-state"],
        "ClaimId": [claim_id],
        "RequireApproval": ["false"],
        "Approvers": ["arn:aws:iam::111122223333:role/on-call"],
    }


def test_a_second_delivery_does_nothing() -> None:
    """Who comes second is told that it is claimed, and no second call is made."""

    async def body(world: ActingWorld) -> None:
        await world.worker("first").dispatcher.act(claim_of())
        again = await world.worker("second").dispatcher.act(claim_of(worker="second"))
        assert isinstance(again, NotClaimed)
        assert again.which is Refused.DUPLICATE

    world = in_active(body)
    assert len(world.automation.effects) == 1


@pytest.mark.parametrize("fault", [ServiceUnavailable("s3:PutObject", "b", "down"), AuditConflict("alien")])
def test_without_a_durable_intent_nothing_is_called(fault: Exception) -> None:
    """An intent that cannot be written drops the claim before any call."""

    async def body(world: ActingWorld) -> None:
        world.log.faults = [fault]
        dropped = await world.worker().dispatcher.act(claim_of())
        assert isinstance(dropped, Claim)
        assert dropped.state is ClaimState.DROPPED
        assert "its intent is not durable" in dropped.said

    world = in_active(body)
    assert world.automation.called == []


def test_while_the_action_log_is_down_a_dropped_claim_is_never_called() -> None:
    """A claim that is to be dropped keeps its ending until its outcome is durable, and no sweep begins it."""

    async def body(world: ActingWorld) -> None:
        world.log.faults = [ServiceUnavailable("s3:PutObject", "b", "down")] * 3
        held = await world.worker().dispatcher.act(claim_of())
        assert isinstance(held, Claim)
        assert (held.state, held.ending) == (ClaimState.INTENT, ClaimState.DROPPED)
        await asyncio.sleep(LOST)
        assert await world.worker("second").sweeper.sweep() == []
        (dropped,) = await world.worker("second").sweeper.sweep()
        assert (dropped.state, dropped.ending) == (ClaimState.DROPPED, None)

    world = in_active(body)
    assert world.automation.called == []
    assert [entry.claim.state for entry in world.log.entries.values()] == [ClaimState.DROPPED]


class SlowLog(MemoryActionLog):
    """An action log that takes nearly as long as a lease."""

    async def write(self, entry: object) -> None:
        await asyncio.sleep(LIMITS.lease.total_seconds() - 5)
        await super().write(entry)  # type: ignore[arg-type] # the parameter is the parent's


def test_a_lease_that_is_nearly_over_begins_nothing() -> None:
    """Where less of the lease is left than a call may take, the call is not made."""

    async def body(world: ActingWorld) -> None:
        world.log = SlowLog()
        dropped = await world.worker().dispatcher.act(claim_of())
        assert isinstance(dropped, Claim)
        assert (dropped.state, dropped.said) == (
            ClaimState.DROPPED,
            "nothing was called: too little of its lease was left for the call",
        )

    assert in_active(body).automation.called == []


@pytest.mark.parametrize(
    "code",
    [
        "AutomationDefinitionNotFoundException",
        "AutomationExecutionLimitExceededException",
        "InvalidAutomationExecutionParametersException",
        "AccessDeniedException",
        "ThrottlingException",
    ],
)
def test_a_refused_call_fails_the_claim(code: str) -> None:
    """A known refusal began nothing: the claim is `failed`, says why, and its outcome is durable."""

    async def body(world: ActingWorld) -> None:
        world.automation.faults["start"] = [refusal(code)]
        failed = await world.worker().dispatcher.act(claim_of())
        assert isinstance(failed, Claim)
        assert failed.state is ClaimState.FAILED
        assert "nothing began" in failed.said
        assert code in failed.said
        assert world.log.steps(failed.claim_id) == [Step.INTENT, Step.OUTCOME]

    assert in_active(body).automation.effects == []


@pytest.mark.parametrize("crashed_at", [ClaimState.CLAIMED, ClaimState.INTENT])
@pytest.mark.parametrize("why", ["killed", "no control", "recovered", "deleted", "stale"])
def test_nobody_begins_what_may_not_be_begun_any_more(crashed_at: ClaimState, why: str) -> None:
    """Under a lowered control item, without its alarm or long after it no claim is resumed: dropped, or unknown."""

    async def body(world: ActingWorld) -> None:
        held = await world.ledger.claim(claim_of(), LIMITS, claim_of().claimed_at)
        assert isinstance(held, Claim)
        if crashed_at is ClaimState.INTENT:
            await world.ledger.move(held, held.model_copy(update={"state": ClaimState.INTENT}))
        if why == "killed":
            await world.switch(Mode.DRY_RUN, "an incident of its own")
        if why == "no control":
            world.ledger._switches.clear()
        world.reading.state = {"recovered": AlarmState.OK, "deleted": None}.get(why, AlarmState.ALARM)
        await asyncio.sleep(LOST if why != "stale" else 3600)
        (ended,) = await world.worker("second").sweeper.sweep()
        expected = ClaimState.DROPPED if crashed_at is ClaimState.CLAIMED else ClaimState.UNKNOWN
        assert ended.state is expected

    assert in_active(body).automation.effects == []


UNREADABLE = ServiceUnavailable("cloudwatch:DescribeAlarms", "orders-cpu", "no answer")


@pytest.mark.parametrize("state", [AlarmState.OK, AlarmState.INSUFFICIENT_DATA, None])
def test_nothing_is_begun_for_an_alarm_that_does_not_fire(state: AlarmState | None) -> None:
    """The alarm is read right before the claim: whatever it is but ALARM, nothing is claimed and nothing called."""

    async def body(world: ActingWorld) -> None:
        world.reading.state = state
        refused = await world.worker().dispatcher.act(claim_of())
        assert isinstance(refused, NotClaimed)
        assert refused.which is Refused.ALARM
        assert await world.ledger.unfinished() == ()

    assert in_active(body).automation.called == []


@pytest.mark.parametrize("approval", [False, True])
def test_an_alarm_that_nobody_can_read_is_left_to_whoever_approves(*, approval: bool) -> None:
    """Nothing runs by itself for an alarm that nobody can read; a person may still be asked, who can look."""

    async def body(world: ActingWorld) -> None:
        world.reading.unreadable = UNREADABLE
        held = await world.worker().dispatcher.act(claim_of().model_copy(update={"approval": approval}))
        assert (held.state if isinstance(held, Claim) else held.which) == (
            ClaimState.WAITING if approval else Refused.ALARM
        )

    assert in_active(body).automation.effects == []


def test_a_claim_whose_alarm_nobody_can_read_is_left_to_the_next_round() -> None:
    """Whoever takes a claim over begins it once its alarm can be read, and drops nothing before."""

    async def body(world: ActingWorld) -> None:
        await world.ledger.claim(claim_of(), LIMITS, START)
        world.reading.unreadable = UNREADABLE
        await asyncio.sleep(LOST)
        assert await world.worker("second").sweeper.sweep() == []
        world.reading.unreadable = None
        await asyncio.sleep(LOST)
        (begun,) = await world.worker("third").sweeper.sweep()
        assert begun.state is ClaimState.STARTED

    assert len(in_active(body).automation.effects) == 1


LOWERED = (
    Policy(mode=Mode.DRY_RUN),
    Policy(mode=Mode.APPROVE),
    Policy(mode=Mode.ACTIVE, accounts={"999988887777": Mode.ACTIVE}),
    Policy(mode=Mode.ACTIVE, regions=("us-east-1",)),
    Policy(mode=Mode.ACTIVE, actions={"scale_out_service": ActionRule(mode=Mode.OFF)}),
    Policy(mode=Mode.ACTIVE, alarms=(AlarmRule(name="orders-*", mode=Mode.DRY_RUN),)),
)


@pytest.mark.parametrize("policy", LOWERED)
def test_a_worker_begins_nothing_beyond_its_own_policy(policy: Policy) -> None:
    """What was decided under a higher policy, and left to a worker with a lower one, is not claimed."""

    async def body(world: ActingWorld) -> None:
        world.policy = policy
        refused = await world.worker().dispatcher.act(claim_of())
        assert isinstance(refused, NotClaimed)
        assert (refused.which, refused.detail[:11]) == (Refused.POLICY, "the mode is")
        assert await world.ledger.unfinished() == ()

    assert in_active(body).automation.called == []


@pytest.mark.parametrize("policy", LOWERED)
def test_a_worker_takes_nothing_over_beyond_its_own_policy(policy: Policy) -> None:
    """What was claimed by a worker that is gone is dropped by one whose policy does not allow it."""

    async def body(world: ActingWorld) -> None:
        await world.ledger.claim(claim_of(), LIMITS, START)
        world.policy = policy
        await asyncio.sleep(LOST)
        (dropped,) = await world.worker("second").sweeper.sweep()
        assert (dropped.state, "the mode is" in dropped.said) == (ClaimState.DROPPED, True)

    assert in_active(body).automation.called == []


@pytest.mark.parametrize(
    ("status", "said"), [("Failed", "failed"), ("TimedOut", "timed out"), ("Cancelled", "cancelled")]
)
def test_an_execution_that_ends_badly_fails_the_claim(status: str, said: str) -> None:
    """What has run and not succeeded is `failed`, and says how it ended."""

    async def body(world: ActingWorld) -> None:
        world.automation.ends = status
        begun = await world.worker().dispatcher.act(claim_of())
        assert isinstance(begun, Claim)
        failed = await world.worker().dispatcher.look(begun)
        assert (failed.state, failed.said) == (ClaimState.FAILED, said)

    in_active(body)


def test_an_execution_that_is_gone_is_unknown() -> None:
    """An execution that SSM no longer knows cannot be told to have succeeded."""

    async def body(world: ActingWorld) -> None:
        begun = await world.worker().dispatcher.act(claim_of())
        assert isinstance(begun, Claim)
        world.automation.executions.clear()
        assert (await world.worker().dispatcher.look(begun)).state is ClaimState.UNKNOWN

    in_active(body)


def test_a_claim_that_cannot_be_brought_on_is_left_to_the_next_round() -> None:
    """A sweep goes on past a claim that it cannot read now."""

    async def body(world: ActingWorld) -> None:
        await world.worker().dispatcher.act(claim_of())
        world.automation.faults["get"] = [refusal("ThrottlingException")]
        assert await world.worker("second").sweeper.sweep() == []
        (done,) = await world.worker("second").sweeper.sweep()
        assert done.state is ClaimState.DONE

    in_active(body)


def test_an_outcome_that_somebody_else_wrote_ends_the_claim_and_is_said() -> None:
    """A foreign entry in the place of an outcome stops no sweep for ever; the claim says that it is there."""

    async def body(world: ActingWorld) -> None:
        begun = await world.worker().dispatcher.act(claim_of())
        assert isinstance(begun, Claim)
        world.log.faults = [AuditConflict("alien")]
        done = await world.worker().dispatcher.look(begun)
        assert (done.state, done.said) == (ClaimState.DONE, "succeeded (the action log holds another outcome)")

    in_active(body)


def test_the_fake_has_effects_at_all() -> None:
    """Where SSM forgets tokens, two starts have two effects, so that counting them proves something."""

    async def body() -> None:
        automation = FakeAutomation(remembers_tokens=False)
        world = ActingWorld(automation=automation)
        executions = world.worker().executions
        for _ in range(2):
            await executions.start(REQUEST, INCIDENT, sent_for(INCIDENT))
        assert len(automation.effects) == 2

    run(body())
