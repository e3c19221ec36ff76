import asyncio
from datetime import timedelta
from unittest.mock import AsyncMock
from uuid import uuid4

import pytest
from acting_service import PATIENCE, Site, Worker, delivery_of, served, service_alarm
from attacked_world import POLICY
from fake_automation import PERSON

from autocloudops.alarms.model import AlarmState
from autocloudops.decisions.claims import Claim, ClaimState, Helped
from autocloudops.decisions.modes import Mode
from autocloudops.errors import ServiceFailed, ServiceUnavailable
from autocloudops.queue.endings import Done, Park

AN_ID = "5d0c1f7e-3b8a-4c52-9e61-7a2f4b8d1c30"

DOWN = ServiceUnavailable("sns:Publish", "topic", "down")


async def begun(site: Site, worker: Worker) -> Claim:
    """Let an alarm be acted on, and return the claim."""
    await worker.receive(service_alarm())
    (claim,) = await site.world.ledger.unfinished()
    return claim


async def ended(site: Site, worker: Worker, state: ClaimState) -> Claim:
    """Return a claim in the ledger that ended in a state that people have to hear of, without anybody told."""
    claim = await begun(site, worker)
    running = claim.model_copy(update={"state": state, "said": "step scale: access denied"})
    moved = await site.world.ledger.move(claim, running)
    assert moved is not None
    site.topic.told.clear()
    return moved


async def stalled(site: Site, worker: Worker) -> Claim:
    """Return a claim whose call has no answer."""
    site.world.automation.loses = 2
    return await begun(site, worker)


@pytest.mark.parametrize(("state", "title"), [(ClaimState.FAILED, "FAILED"), (ClaimState.UNKNOWN, "MAY HAVE RUN")])
def test_a_bad_ending_is_told(state: ClaimState, title: str) -> None:
    """What failed, or may have run, is told with why, and its follow-up is done with."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await ended(site, worker, state)
        site.reminders.sent.clear()
        assert isinstance(await worker.acting.handle(delivery_of(str(claim.claim_id))), Done)
        (told,) = site.topic.told
        assert told.subject.startswith(f"{title}: scale_out_service of shop/orders-api")
        assert "step scale: access denied" in told.text
        assert site.reminders.sent == []

    served(test)


def test_a_bad_ending_is_told_again_where_the_topic_failed() -> None:
    """The follow-up comes back until somebody was told."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await ended(site, worker, ClaimState.FAILED)
        site.topic.down = DOWN
        with pytest.raises(ServiceFailed):
            await worker.acting.handle(delivery_of(str(claim.claim_id)))
        site.topic.down = None
        assert isinstance(await worker.acting.handle(delivery_of(str(claim.claim_id), 2)), Done)
        assert len(site.topic.told) == 1

    served(test)


def test_what_runs_is_looked_at_again() -> None:
    """Nobody is told of what goes well so far; the next look is on its way before the message is deleted."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await stalled(site, worker)
        assert claim.state is ClaimState.INTENT
        site.topic.told.clear()
        site.reminders.sent.clear()
        assert isinstance(await worker.acting.handle(delivery_of(str(claim.claim_id))), Done)
        assert [claim_id for claim_id, _ in site.reminders.sent] == [claim.claim_id]
        assert site.topic.told == []

    served(test)


def test_a_look_that_cannot_be_asked_for_keeps_its_message() -> None:
    """A follow-up whose successor is not in the queue is not acknowledged."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await stalled(site, worker)
        site.reminders.down = ServiceUnavailable("sqs:SendMessage", "follow-ups", "down")
        with pytest.raises(ServiceFailed):
            await worker.acting.handle(delivery_of(str(claim.claim_id)))

    served(test)


def test_what_is_done_is_verified_by_its_follow_ups() -> None:
    """Follow-ups go on after the action ended, until its alarm was OK for long enough, and people hear of that."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await begun(site, worker)
        site.topic.told.clear()
        site.reading.state = AlarmState.OK
        await asyncio.sleep(2)
        assert isinstance(await worker.acting.handle(delivery_of(str(claim.claim_id))), Done)
        (done,) = await site.world.ledger.unfinished()
        assert (done.state, done.helped, site.topic.told) == (ClaimState.DONE, None, [])
        assert site.reminders.sent[-1][0] == claim.claim_id

    served(test)


def test_what_verification_finds_is_told() -> None:
    """An alarm that stays in ALARM ends in a message that says that the action did not help."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await begun(site, worker)
        await asyncio.sleep(PATIENCE.within.total_seconds() + 60)
        for _ in range(4):
            await worker.acting.handle(delivery_of(str(claim.claim_id)))
        found = await site.world.ledger.find(claim.claim_id)
        assert found is not None
        assert found.helped is Helped.ROLLED_BACK
        assert site.topic.told[-1].subject.startswith("ROLLED BACK: scale_out_service of shop/orders-api")

    served(test)


@pytest.mark.parametrize("body", ["", "no id", AN_ID.upper(), f"{AN_ID} ", '{"claim": 1}', service_alarm()])
def test_what_no_worker_sends_is_parked(body: str) -> None:
    """A forged body does nothing but go where people find it."""

    async def test(site: Site, worker: Worker) -> None:
        ending = await worker.acting.handle(delivery_of(body))
        assert isinstance(ending, Park)
        assert ending.code == "no_follow_up"
        assert ending.reason
        assert site.world.automation.called == []

    served(test)


def test_an_id_of_nobody_s_claim_is_done_with() -> None:
    """A follow-up that names no claim says nothing and asks for nothing."""

    async def test(site: Site, worker: Worker) -> None:
        assert isinstance(await worker.acting.handle(delivery_of(str(uuid4()))), Done)
        assert (site.topic.told, site.reminders.sent, site.world.automation.called) == ([], [], [])

    served(test)


def test_a_sweep_reminds_of_what_it_changed_and_of_nothing_else() -> None:
    """A claim that a sweep brought on is looked at at once; one that stays as it is waits for its own follow-up."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await begun(site, worker)
        site.reminders.sent.clear()
        await worker.acting.sweep()
        assert site.reminders.sent == [(claim.claim_id, timedelta())]
        await worker.acting.sweep()
        assert len(site.reminders.sent) == 1

    served(test)


def test_a_sweep_verifies_what_lost_its_follow_ups() -> None:
    """Without any follow-up an action is verified by sweeps, and people hear of it."""

    async def test(site: Site, worker: Worker) -> None:
        site.reminders.down = ServiceUnavailable("sqs:SendMessage", "follow-ups", "down")
        await begun(site, worker)
        site.topic.told.clear()
        for _ in range(60):
            await asyncio.sleep(30)
            await worker.acting.sweep()
        assert [each.attributes["helped"] for each in site.topic.told] == [Helped.ROLLED_BACK]

    served(test)


async def asked(site: Site, worker: Worker) -> Claim:
    """Let an action wait for a person."""
    claim = await begun(site, worker)
    assert claim.state is ClaimState.WAITING
    site.reminders.sent.clear()
    return claim


def approving() -> Site:
    """Return a site whose policy asks a person before anything."""
    return Site(policy=POLICY.model_copy(update={"mode": Mode.APPROVE}))


def test_an_ok_revokes_what_waits_for_a_person() -> None:
    """The alarm's OK ends the question, whose follow-up tells people that nothing was done."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await asked(site, worker)
        assert isinstance(await worker.receive(service_alarm(value="OK", seconds=30)), Done)
        revoked = await site.world.ledger.find(claim.claim_id)
        assert revoked is not None
        assert revoked.state is ClaimState.DROPPED
        assert revoked.said.startswith("revoked: alarm orders-cpu is OK again")
        assert site.reminders.sent == [(claim.claim_id, timedelta())]
        await worker.acting.handle(delivery_of(str(claim.claim_id)))
        assert site.topic.told[-1].subject.startswith("NOT DONE: scale_out_service of shop/orders-api")
        assert site.effects == 0

    served(test, approving())


def test_the_ok_of_another_alarm_revokes_nothing() -> None:
    """What waits because of an alarm that still fires may still be approved."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await asked(site, worker)
        await worker.receive(service_alarm("orders-busy", seconds=5))
        await worker.receive(service_alarm("orders-busy", value="OK", seconds=30))
        standing = await site.world.ledger.find(claim.claim_id)
        assert standing is not None
        assert standing.state is ClaimState.WAITING
        assert "stop" not in site.world.automation.called

    served(test, approving())


def test_an_ok_that_comes_after_the_next_alarm_revokes_nothing() -> None:
    """Messages overtake each other: what fires again since an OK is not OK."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await asked(site, worker)
        await worker.receive(service_alarm(seconds=40))
        await worker.receive(service_alarm(value="OK", seconds=20))
        standing = await site.world.ledger.find(claim.claim_id)
        assert standing is not None
        assert standing.state is ClaimState.WAITING

    served(test, approving())


@pytest.mark.parametrize(("fires_again", "state"), [(False, ClaimState.DROPPED), (True, ClaimState.WAITING)])
def test_an_ok_whose_worker_died_revokes_when_it_comes_again(*, fires_again: bool, state: ClaimState) -> None:
    """What a recorded OK did not live to revoke its next delivery does, unless the alarm fires again by then."""

    async def test(site: Site, worker: Worker) -> None:
        claim, ok = await asked(site, worker), service_alarm(value="OK", seconds=30)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(worker.pipeline, "_append", AsyncMock(side_effect=DOWN))
            with pytest.raises(ServiceUnavailable):
                await worker.receive(ok)
        if fires_again:
            await worker.receive(service_alarm(seconds=40))
        assert isinstance(await worker.receive(ok, times=2), Done)
        standing = await site.world.ledger.find(claim.claim_id)
        assert standing is not None
        assert standing.state is state

    served(test, approving())


def test_an_ok_loses_nothing_where_ssm_cannot_be_asked() -> None:
    """The OK is recorded and acknowledged; what waits ends when the time is over in which it may be approved."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await asked(site, worker)
        site.world.automation.faults["get"] = [ServiceUnavailable("ssm:Get", "execution", "down")]
        assert isinstance(await worker.receive(service_alarm(value="OK", seconds=30)), Done)
        incident = await site.incidents.incident(claim.incident_id)
        assert incident is not None
        assert incident.resolved
        await asyncio.sleep(1800)
        await worker.acting.sweep()
        dropped = await site.world.ledger.find(claim.claim_id)
        assert dropped is not None
        assert dropped.state is ClaimState.DROPPED
        assert site.reminders.sent == [(claim.claim_id, timedelta())]

    served(test, approving())


def test_an_ok_loses_nothing_where_what_acts_cannot_be_opened() -> None:
    """A worker that gets no clients acknowledges the OK too, which would come back as one that is known already."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await asked(site, worker)
        worker.acting._hands = AsyncMock(side_effect=ServiceUnavailable("opening a client", "ssm", "no credentials"))
        assert isinstance(await worker.receive(service_alarm(value="OK", seconds=30)), Done)
        standing = await site.world.ledger.find(claim.claim_id)
        assert standing is not None
        assert standing.state is ClaimState.WAITING

    served(test, approving())


def test_an_ok_stops_nothing_that_runs() -> None:
    """What was approved, or needed no approval, is verified and not revoked."""

    async def test(site: Site, worker: Worker) -> None:
        await begun(site, worker)
        await worker.receive(service_alarm(value="OK", seconds=30))
        assert "stop" not in site.world.automation.called

    served(test)


def test_what_a_person_approved_goes_on_after_the_next_sweep() -> None:
    """A yes is found by a sweep, which brings the claim on and asks for its verification."""

    async def test(site: Site, worker: Worker) -> None:
        claim = await asked(site, worker)
        actor = site.world.worker("a person")
        (question,) = await actor.approvals.waiting()
        await actor.approvals.approve(question, PERSON)
        await worker.acting.sweep()
        done = await site.world.ledger.find(claim.claim_id)
        assert done is not None
        assert done.state is ClaimState.DONE
        assert site.reminders.sent == [(claim.claim_id, timedelta())]

    site = served(test, approving())
    assert site.effects == 1
