import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from acting import INCIDENT, LIMITS, REQUEST, TTL, ActingWorld, claim_of
from fake_automation import PERSON, refusal
from virtual_time import run

from autocloudops.actions.approvals import Approval, pin_of
from autocloudops.decisions.claims import Claim, ClaimState, NotClaimed, Refused, Step
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ApprovalRule
from autocloudops.errors import ApprovalRefused, ServiceFailed
from autocloudops.notify.action import begun


def asking(test: Callable[[ActingWorld, Approval], Awaitable[None]]) -> ActingWorld:
    """Run a test against a world in which one action waits for a person."""
    world = ActingWorld()

    async def body() -> None:
        await world.switch(Mode.APPROVE)
        await world.worker().dispatcher.act(claim_of(approval=True))
        (asked,) = await world.worker().approvals.waiting()
        await test(world, asked)

    run(body())
    return world


async def approved(world: ActingWorld, asked: Approval) -> Claim:
    """Say yes as a person, and return the claim as the next sweep leaves it."""
    said = await world.worker().approvals.approve(asked, PERSON)
    assert (said.state, said.said) == (ClaimState.WAITING, f"approved by {PERSON}")
    (claim,) = await world.worker("second").sweeper.sweep()
    return claim


def test_an_action_that_needs_a_person_waits_and_says_exactly_what_it_would_do() -> None:
    """The question carries the whole request, its undo, its pin and until when it may be answered."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        assert asked.claim.state is ClaimState.WAITING
        assert asked.claim.request == REQUEST
        assert "3" in asked.does
        assert asked.undo
        assert asked.expires_at == asked.claim.claimed_at + TTL
        assert asked.pin == pin_of(await world.claim())

    assert asking(body).automation.effects == []


def test_what_was_approved_is_done_once_and_says_by_whom() -> None:
    """A yes lets the runbook go on; the outcome names the person."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        done = await approved(world, asked)
        assert (done.state, done.said) == (ClaimState.DONE, f"approved by {PERSON}; succeeded")
        with pytest.raises(ApprovalRefused, match="does not wait any more"):
            await world.worker().approvals.approve(asked, PERSON)

    world = asking(body)
    assert len(world.automation.effects) == 1
    assert PERSON in next(entry.claim.said for entry in world.log.entries.values() if entry.step is Step.OUTCOME)


def test_what_was_rejected_is_dropped_and_says_why() -> None:
    """A no ends the runbook before it changes anything."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        await world.worker().approvals.reject(asked, PERSON, "a deployment runs")
        (dropped,) = await world.worker("second").sweeper.sweep()
        assert dropped.state is ClaimState.DROPPED
        assert dropped.said.startswith(f"rejected by {PERSON}: a deployment runs; not approved")

    assert asking(body).automation.effects == []


def test_whoever_answers_in_the_console_is_named_by_what_ssm_keeps() -> None:
    """An answer that was not given here is found by the next sweep, with its approver."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        assert asked.claim.execution_id is not None
        executions = world.worker().executions
        await executions.approve(asked.claim.execution_id, REQUEST.target, "fine")
        (done,) = await world.worker("second").sweeper.sweep()
        assert done.state is ClaimState.DONE
        assert PERSON in done.said

    asking(body)


def test_an_approver_whose_connection_broke_may_ask_again() -> None:
    """A lost answer to the approval leaves a claim that the next look brings to its end."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        world.automation.faults["signal"] = [TimeoutError()]
        with pytest.raises(ServiceFailed):
            await world.worker().approvals.approve(asked, PERSON)
        assert (await approved(world, asked)).state is ClaimState.DONE

    assert len(asking(body).automation.effects) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("DocumentName", "AutoCloudOps-RestartService"),
        ("Parameters", {"Cluster": ["shop"], "Service": ["orders"], "DesiredCount": ["99"]}),
    ],
)
def test_an_execution_that_is_not_what_its_claim_says_is_not_approved(field: str, value: object) -> None:
    """Runbook and parameters of the execution are compared with the claim's, byte for byte."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        assert asked.claim.execution_id is not None
        world.automation.executions[asked.claim.execution_id][field] = value
        with pytest.raises(ApprovalRefused, match="is not what its claim says"):
            await world.worker().approvals.approve(asked, PERSON)

    assert asking(body).automation.effects == []


def test_a_parameter_more_is_another_execution() -> None:
    """What the claim does not name may not be in the execution either."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        assert asked.claim.execution_id is not None
        world.automation.executions[asked.claim.execution_id]["Parameters"]["Force"] = ["true"]
        with pytest.raises(ApprovalRefused, match="is not what its claim says"):
            await world.worker().approvals.approve(asked, PERSON)

    assert asking(body).automation.effects == []


def test_parameters_with_empty_defaults_are_no_difference() -> None:
    """SSM shows what was not given as empty."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        assert asked.claim.execution_id is not None
        world.automation.executions[asked.claim.execution_id]["Parameters"] |= {"ApprovalTopicArn": [""], "Tags": []}
        assert (await approved(world, asked)).state is ClaimState.DONE

    asking(body)


@pytest.mark.parametrize("field", ["id", "arn", "account"])
def test_an_approval_is_for_the_target_that_was_shown(field: str) -> None:
    """A pin of another target, parameter or runbook is refused."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        target = asked.claim.request.target.model_copy(update={field: "arn:aws:ecs:elsewhere"})
        other = asked.claim.model_copy(update={"request": REQUEST.model_copy(update={"target": target})})
        seen = asked.model_copy(update={"pin": pin_of(other)})
        with pytest.raises(ApprovalRefused, match="not what you were shown"):
            await world.worker().approvals.approve(seen, PERSON)

    assert asking(body).automation.effects == []


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.DRY_RUN])
def test_nothing_is_approved_under_a_lowered_control_item(mode: Mode) -> None:
    """The kill switch stands above a person's yes."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        await world.switch(mode, "a bad night")
        with pytest.raises(ApprovalRefused, match=f"{mode}: a bad night"):
            await world.worker().approvals.approve(asked, PERSON)

    assert asking(body).automation.effects == []


def test_nothing_is_approved_without_a_control_item() -> None:
    """A control item that is gone means no."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        world.ledger._switches.clear()
        with pytest.raises(ApprovalRefused, match="no control item"):
            await world.worker().approvals.approve(asked, PERSON)

    assert asking(body).automation.effects == []


def test_a_question_that_nobody_answers_ends() -> None:
    """After its time nobody may say yes, and the next sweep stops the runbook and drops the claim."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        await asyncio.sleep(TTL.total_seconds() - 1)
        assert await world.worker("second").sweeper.sweep() == []
        await asyncio.sleep(1)
        with pytest.raises(ApprovalRefused, match="could be answered until"):
            await world.worker().approvals.approve(asked, PERSON)
        (dropped,) = await world.worker("second").sweeper.sweep()
        assert dropped.state is ClaimState.DROPPED
        assert dropped.said.startswith("nobody approved it until 2026-03-01 12:30:00Z; not approved: cancelled")

    world = asking(body)
    assert [each["AutomationExecutionStatus"] for each in world.automation.executions.values()] == ["Cancelled"]


def test_the_time_to_answer_is_that_of_the_policy_it_was_asked_under() -> None:
    """A shorter time is kept with the claim, so whoever answers elsewhere has no longer, and is told until when."""
    world = ActingWorld(policy=Policy(mode=Mode.APPROVE, approval=ApprovalRule(ttl=timedelta(minutes=2))))

    async def body() -> None:
        await world.switch(Mode.APPROVE)
        waiting = await world.worker().dispatcher.act(claim_of(approval=True))
        assert isinstance(waiting, Claim)
        assert begun(waiting).startswith("waits for approval until 12:02:00Z: ")
        (asked,) = await world.worker().approvals.waiting()
        assert asked.expires_at == asked.claim.claimed_at + timedelta(minutes=2)
        await asyncio.sleep(120)
        with pytest.raises(ApprovalRefused, match="could be answered until"):
            await world.worker().approvals.approve(asked, PERSON)

    run(body())
    assert world.automation.effects == []


def test_nobody_else_takes_a_target_while_it_waits_for_an_approval() -> None:
    """The lock outlasts the time to answer by the whole cooldown: two yeses never run on one target at once."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        other = claim_of(approval=True).model_copy(update={"claim_id": uuid4(), "incident_id": uuid4()})
        seconds = (TTL + LIMITS.cooldown).total_seconds()
        await asyncio.sleep(seconds - 1)
        refused = await world.worker("second").dispatcher.act(other)
        assert isinstance(refused, NotClaimed)
        assert refused.which is Refused.RESOURCE_LOCKED
        await asyncio.sleep(1)
        assert isinstance(await world.worker("second").dispatcher.act(other), Claim)
        assert asked.claim.execution_id is not None

    assert asking(body).automation.effects == []


def test_the_undo_that_is_shown_is_exact_and_says_who_does_it() -> None:
    """Whoever says yes has read that the count goes back to what it was, and that nobody is asked for that again."""

    async def body(_: ActingWorld, asked: Approval) -> None:
        assert "from 3 to 2" in asked.undo
        assert "asks nobody again" in asked.undo

    asking(body)


@pytest.mark.parametrize("looks", [0, 3, 50])
def test_a_question_about_an_alarm_that_is_ok_again_is_revoked(looks: int) -> None:
    """Its runbook is stopped, however long SSM takes for that, and its claim is dropped with the reason."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        world.automation.stops_after_looks = looks
        (claim,) = await world.worker().withdrawals.revoke(INCIDENT, asked.claim.alarm)
        assert claim.state is (ClaimState.DROPPED if looks < 5 else ClaimState.WAITING)
        with pytest.raises(ApprovalRefused):
            await world.worker().approvals.approve(asked, PERSON)
        while not (await world.claim()).state.final:
            await world.worker("second").sweeper.sweep()
        assert (await world.claim()).said.startswith("revoked: alarm orders-cpu is OK again; not approved: cancelled")

    assert asking(body).automation.effects == []


def test_what_was_approved_in_the_meantime_is_not_revoked() -> None:
    """A revocation does not stop what has run past its question."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        assert asked.claim.execution_id is not None
        await world.worker().executions.approve(asked.claim.execution_id, REQUEST.target, "fine")
        (claim,) = await world.worker().withdrawals.revoke(INCIDENT, asked.claim.alarm)
        assert claim.state is ClaimState.DONE
        assert "stop" not in world.automation.called

    assert len(asking(body).automation.effects) == 1


def test_an_execution_stopped_after_a_yes_is_failed_not_dropped() -> None:
    """What was stopped once it could change something is not said to have changed nothing."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        world.automation.ends = "Cancelled"
        failed = await approved(world, asked)
        assert failed.state is ClaimState.FAILED

    asking(body)


def test_a_runbook_that_never_asked_is_told_to_have_run() -> None:
    """A success without an approval step is `done`, and says that nobody was asked."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        assert asked.claim.execution_id is not None
        execution = world.automation.executions[asked.claim.execution_id]
        execution |= {"StepExecutions": [], "AutomationExecutionStatus": "Success"}
        (done,) = await world.worker().sweeper.sweep()
        assert (done.state, "without the approval" in done.said) == (ClaimState.DONE, True)

    asking(body)


def test_only_what_waits_is_listed() -> None:
    """What runs, or is over, is no question."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        await approved(world, asked)
        assert await world.worker().approvals.waiting() == []
        assert await world.worker().withdrawals.revoke(INCIDENT, asked.claim.alarm) == []

    asking(body)


def test_a_stop_that_is_refused_because_it_ended_is_no_error() -> None:
    """Two workers that end the same question at once do not trip over each other."""

    async def body(world: ActingWorld, asked: Approval) -> None:
        await asyncio.sleep(TTL.total_seconds())
        world.automation.faults["stop"] = [refusal("InvalidAutomationStatusUpdateException")]
        waiting = await world.worker().withdrawals.expire(asked.claim)
        assert waiting.state is ClaimState.WAITING
        dropped = await world.worker().withdrawals.expire(waiting)
        assert dropped.state is ClaimState.DROPPED

    asking(body)


def test_pins_differ_by_claim() -> None:
    """The same action about another incident needs its own yes."""

    async def body() -> None:
        one = claim_of()
        assert pin_of(one) != pin_of(one.model_copy(update={"claim_id": INCIDENT}))
        assert pin_of(one) == pin_of(one.model_copy(update={"version": 7, "claimed_at": one.claimed_at + timedelta(1)}))

    run(body())
