import asyncio
from contextlib import suppress
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest
from acting import ActingWorld
from acting_service import PATIENCE, Site, Worker, served, service_alarm
from attacked_world import POLICY
from deciding import WELL
from fake_automation import FakeAutomation, Interruptions
from triage import reply
from virtual_time import START, run

from autocloudops.alarms.model import AlarmState
from autocloudops.audit.record import Outcome
from autocloudops.decisions.claims import Claim, ClaimState, NotClaimed
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.errors import ServiceUnavailable
from autocloudops.pipeline.acting import BEGUN_WITHIN
from autocloudops.pipeline.telling import TELL_ATTEMPTS, TOLD_WITHIN, Notice
from autocloudops.queue.endings import Done
from autocloudops.state.memory_claims import MemoryLedger

APPROVING = POLICY.model_copy(update={"mode": Mode.APPROVE})
DRY = POLICY.model_copy(update={"mode": Mode.DRY_RUN})
DOWN = ServiceUnavailable("dynamodb:GetItem", "state", "no answer")
MOST_CALLS = 20
LEASE_SECONDS = ClaimLimits().lease.total_seconds()


class DownLedger(MemoryLedger):
    """A ledger that can be read or not, and that takes claims or loses its answer to them."""

    def __init__(self, *, reads: bool, answers: bool = True) -> None:
        super().__init__()
        self._reads = reads
        self._answers = answers

    async def find(self, claim_id: object) -> Claim | None:
        if not self._reads:
            raise DOWN
        assert claim_id
        return None

    async def claim(self, wanted: Claim, limits: ClaimLimits, now: object) -> Claim | NotClaimed:
        del limits, now  # nobody gets as far as that
        if self._answers:
            raise AssertionError("nobody may claim what cannot be read")
        raise ServiceUnavailable("dynamodb:TransactWriteItems", str(wanted.claim_id), "no answer")


async def alarmed(_: Site, worker: Worker) -> None:
    """Let one alarm arrive."""
    assert isinstance(await worker.receive(service_alarm()), Done)


def test_an_executed_decision_is_begun_told_and_looked_after() -> None:
    """EXECUTE begins once, its message says as what execution, and the first look is asked for."""
    site = served(alarmed)
    (claim,) = run(site.claims())
    assert site.effects == 1
    assert site.topic.actions == [f"started as execution {claim.execution_id}"]
    assert site.topic.told[0].attributes["verdict"] == Verdict.EXECUTE
    assert site.reminders.sent == [(claim.claim_id, PATIENCE.first)]
    assert claim.before == WELL.state


@pytest.mark.parametrize("control", [Mode.APPROVE, Mode.ACTIVE])
def test_a_decision_that_needs_approval_waits_for_it(control: Mode) -> None:
    """NEEDS_APPROVAL changes nothing, and the message has the command that says yes."""
    site = served(alarmed, Site(policy=APPROVING), control)
    (claim,) = run(site.claims())
    assert claim.state is ClaimState.WAITING
    assert site.effects == 0
    (said,) = site.topic.actions
    assert said.startswith("waits for approval")
    assert said.endswith(f": autocloudops approvals approve {claim.claim_id}")


@pytest.mark.parametrize(
    ("policy", "says"),
    [(DRY, reply()), (POLICY, reply(action="investigate")), (POLICY, reply(confidence=2)), (POLICY, "no JSON")],
)
def test_no_other_decision_begins_anything(policy: Policy, says: str) -> None:
    """A dry run, an action that executes nothing, and a manual verdict leave no claim, no call and no line."""
    site = served(alarmed, Site(policy=policy, says=says))
    assert run(site.claims()) == []
    assert site.world.automation.called == []
    assert site.topic.actions == []
    assert len(site.topic.told) == 1


def test_a_lowered_control_item_lets_nothing_begin() -> None:
    """The claim's own condition holds where the switch falls after the gates read it; it is told, and audited."""
    site = served(alarmed, mode=Mode.DRY_RUN)
    (said,) = site.topic.actions
    assert said.startswith("not done: scale_out_service of shop/orders-api: killed: the control item says dry-run")
    assert run(site.notes()) == [said]
    assert site.effects == 0
    assert site.reminders.sent == []


def test_what_is_to_be_done_is_kept_in_the_write_that_makes_the_decision_effective() -> None:
    """The notice of a decision carries its claim, and nobody has claimed anything by then."""
    site = Site()

    async def nothing_yet() -> None:
        assert await site.world.ledger.unfinished() == ()

    site.incidents.on_settled = nothing_yet
    served(alarmed, site)
    ((decision_id, kept),) = site.incidents.settled
    assert kept is not None
    wanted = Notice.model_validate_json(kept).wanted
    assert wanted is not None
    (claim,) = run(site.claims())
    assert (wanted.claim_id, wanted.decision_id) == (claim.claim_id, decision_id)


@pytest.mark.parametrize("step", range(1, MOST_CALLS))
def test_a_worker_may_be_gone_at_any_call(step: int) -> None:
    """Whatever it had begun by then, others bring it on: the target changes once, and people are told once or more."""
    site, gone = Site(), Interruptions(at=step)

    async def body() -> None:
        await site.world.switch(Mode.ACTIVE)
        async with site.working("first", gone) as worker:
            with suppress(asyncio.CancelledError):
                await worker.receive(service_alarm())
        async with site.working("second") as worker:
            for _ in range(3):
                await asyncio.sleep(LEASE_SECONDS)
                await worker.asking.sweep()
                await worker.acting.sweep()

    run(body())
    assert site.effects == 1
    assert site.topic.told
    assert all(said.startswith(("started", "may have started")) for said in site.topic.actions)
    (claim,) = run(site.claims())
    assert claim.state is ClaimState.DONE
    assert claim.claim_id in {claim_id for claim_id, _ in site.reminders.sent}


def test_dying_early_is_among_the_steps() -> None:
    """The steps of the test before this one begin before the claim, and reach beyond the last call."""
    gone = Interruptions()
    site = Site()

    async def body() -> None:
        await site.world.switch(Mode.ACTIVE)
        async with site.working("first", gone) as worker:
            await worker.receive(service_alarm())

    run(body())
    assert 10 <= gone.seen < MOST_CALLS


async def died_after_settling(site: Site, after_seconds: float) -> None:
    """Let a worker die as soon as its decision stands, and another sweep after a while."""
    await site.world.switch(Mode.ACTIVE)
    async with site.working("first", Interruptions(at=1)) as worker:
        with suppress(asyncio.CancelledError):
            await worker.receive(service_alarm())
    assert await site.world.ledger.unfinished() == ()
    async with site.working("second") as worker:
        await asyncio.sleep(after_seconds)
        await worker.asking.sweep()
        await asyncio.sleep(after_seconds)
        await worker.asking.sweep()


def test_the_sweeper_begins_what_nobody_lived_to_begin() -> None:
    """It begins it once, in its own name and with a lease of its own."""
    site = Site()
    run(died_after_settling(site, TOLD_WITHIN.total_seconds() + 5))
    (claim,) = run(site.claims())
    assert site.effects == 1
    assert claim.worker == "second"
    assert claim.claimed_at >= START + TOLD_WITHIN
    assert site.topic.actions == [f"started as execution {claim.execution_id}"]


def test_what_recovered_meanwhile_is_not_begun() -> None:
    """An alarm that went back to OK while nobody was there is nothing to act on, and that is told and kept."""
    site = Site()
    site.reading.state = AlarmState.OK
    run(died_after_settling(site, TOLD_WITHIN.total_seconds() + 5))
    assert site.effects == 0
    (said,) = site.topic.actions
    assert said.startswith("not done: scale_out_service of shop/orders-api: alarm: it is OK since 2026-03-01 12:00:")
    assert run(site.notes()) == [said]


@pytest.mark.parametrize("policy", [POLICY, APPROVING])
def test_what_recovers_while_the_model_thinks_is_not_begun(policy: Policy) -> None:
    """An alarm that is OK when the answer comes is nothing to act on, nor to ask anybody about."""

    async def recovers(site: Site, worker: Worker) -> None:
        site.model.takes_seconds = 50
        asking = asyncio.create_task(worker.receive(service_alarm()))
        await asyncio.sleep(10)
        site.reading.state = AlarmState.OK
        assert isinstance(await worker.receive(service_alarm(value="OK", seconds=9)), Done)
        assert isinstance(await asking, Done)

    site = served(recovers, Site(policy=policy))
    assert site.effects == 0
    assert run(site.claims()) == []
    (said,) = site.topic.actions
    assert said.startswith("not done: scale_out_service of shop/orders-api: alarm: it is OK since 2026-03-01 12:00:")
    assert run(site.notes()) == [said]


def test_a_decision_grows_too_old_to_begin() -> None:
    """After five minutes the facts are as old: nothing is done, and that is told and kept."""
    site = Site()
    run(died_after_settling(site, BEGUN_WITHIN.total_seconds() + 1))
    assert site.effects == 0
    (said,) = site.topic.actions
    assert said.startswith("not done: scale_out_service of shop/orders-api: decided at 12:00:")
    assert run(site.notes()) == [said]


def test_a_redelivery_begins_nothing() -> None:
    """The same alarm again finds its decision told: no call, no message, no second claim."""

    async def twice(site: Site, worker: Worker) -> None:
        await alarmed(site, worker)
        called = list(site.world.automation.called)
        await asyncio.sleep(60)
        await worker.receive(service_alarm(), times=2)
        assert site.world.automation.called == called

    site = served(twice)
    assert site.effects == 1
    assert len(site.topic.told) == 1
    assert sorted(line.repeated for line in run(site.lines())) == [False, True]


@pytest.mark.parametrize("after", [TOLD_WITHIN * 2, BEGUN_WITHIN * 2])
def test_what_was_begun_is_not_told_to_be_undone_once_the_topic_is_back(after: timedelta) -> None:
    """A message that failed is told again with the execution that its own decision began, however much later."""

    async def told_late(site: Site, worker: Worker) -> None:
        site.topic.down = ServiceUnavailable("sns:Publish", "topic", "down")
        await alarmed(site, worker)
        await asyncio.sleep(after.total_seconds())
        await worker.asking.sweep()
        assert site.topic.told == []
        site.topic.down = None
        await worker.asking.sweep()

    site = served(told_late)
    (claim,) = run(site.claims())
    assert site.effects == 1
    assert site.topic.actions == [f"started as execution {claim.execution_id}"]
    assert [note[:15] for note in run(site.notes())] == ["nobody was told"]


def test_another_question_about_the_incident_does_nothing_a_second_time() -> None:
    """A later decision that asks for the same is refused by the ledger, and says whose claim stands."""

    async def asked_again(site: Site, worker: Worker) -> None:
        await alarmed(site, worker)
        await asyncio.sleep(61)
        await worker.receive(service_alarm("orders-busy", seconds=61, metric="CPUReservation"))

    site = served(asked_again)
    outcomes = [line.outcome for line in run(site.lines())]
    assert outcomes.count(Outcome.DECIDED) == 2
    assert site.effects == 1
    assert site.topic.actions[0].startswith("started as execution")
    assert site.topic.actions[1].startswith("not done: scale_out_service of shop/orders-api: duplicate: claimed at ")
    assert run(site.notes()) == site.topic.actions[1:]


def test_a_target_that_another_incident_holds_is_left_alone() -> None:
    """The lock of a target refuses whoever comes next, with until when and whose it is."""

    async def over_and_back(site: Site, worker: Worker) -> None:
        await alarmed(site, worker)
        await worker.receive(service_alarm(value="OK", seconds=20))
        await worker.receive(service_alarm(seconds=40))

    site = served(over_and_back)
    (claim,) = run(site.claims())
    assert site.effects == 1
    assert "shop/orders-api: resource_locked: until 2026-03-01T12:" in site.topic.actions[1]
    assert str(claim.incident_id) in site.topic.actions[1]


def test_a_ledger_that_cannot_be_read_lets_nothing_begin() -> None:
    """Nothing is called, the decision still stands and is told, and both say why nothing was done."""
    site = served(alarmed, Site(world=ActingWorld(ledger=DownLedger(reads=False))))
    (said,) = site.topic.actions
    assert said.startswith("not done: scale_out_service of shop/orders-api: nobody knows whether it may be done: ")
    assert run(site.notes()) == [said]
    assert site.world.automation.called == []


def test_what_acts_and_cannot_be_opened_keeps_no_decision_from_people() -> None:
    """A worker that gets no clients tells the decision, and that nothing was done about it."""

    async def unopened(site: Site, worker: Worker) -> None:
        worker.acting._hands = AsyncMock(side_effect=ServiceUnavailable("opening a client", "ssm", "no credentials"))
        await alarmed(site, worker)

    site = served(unopened)
    (said,) = site.topic.actions
    assert said.startswith("not done: scale_out_service of shop/orders-api: nobody knows whether it may be done: ")
    assert "no credentials" in said
    assert run(site.notes()) == [said]


def test_a_claim_without_an_answer_is_not_said_to_be_undone() -> None:
    """Whoever does not know whether it has begun says so: the ledger or a sweep tells later."""
    site = served(alarmed, Site(world=ActingWorld(ledger=DownLedger(reads=True, answers=False))))
    (said,) = site.topic.actions
    assert said.startswith("may have started: scale_out_service of shop/orders-api: ")
    assert run(site.notes()) == [said]
    assert site.world.automation.called == []


def test_a_start_that_ssm_refuses_is_told_as_failed() -> None:
    """What did not begin is said in the decision's own message."""
    automation = FakeAutomation(faults={"start": [ServiceUnavailable("ssm:Start", "runbook", "gone")] * 9})
    site = served(alarmed, Site(world=ActingWorld(automation)))
    (said,) = site.topic.actions
    assert said == "may have started: nobody knows yet, and it is being found out"
    assert site.effects == 0


def test_a_follow_up_that_cannot_be_sent_changes_nothing() -> None:
    """The action is begun and told; the sweeper finds its claim."""
    site = Site()
    site.reminders.down = ServiceUnavailable("sqs:SendMessage", "follow-ups", "down")

    async def swept(site: Site, worker: Worker) -> None:
        await alarmed(site, worker)
        site.reminders.down = None
        await worker.acting.sweep()

    served(swept, site)
    (claim,) = run(site.claims())
    assert site.topic.actions[0].startswith("started as execution")
    assert site.reminders.sent == [(claim.claim_id, timedelta())]


def test_a_topic_that_fails_is_tried_again_within_the_call() -> None:
    """Telling is retried, beginning is not: one claim, one effect."""

    class Shaky:
        def __init__(self) -> None:
            self.attempts = 0

    shaky = Shaky()
    site = Site()
    tell = site.topic.tell

    async def fails_at_first(notification: object) -> None:
        shaky.attempts += 1
        if shaky.attempts < TELL_ATTEMPTS:
            raise ServiceUnavailable("sns:Publish", "topic", "down")
        await tell(notification)  # type: ignore[arg-type] # passed on

    site.topic.tell = fails_at_first  # type: ignore[method-assign] # a test's own
    served(alarmed, site)
    assert shaky.attempts == TELL_ATTEMPTS
    assert site.effects == 1
    assert len(site.topic.told) == 1
