from datetime import timedelta
from uuid import UUID

from stored_incidents import NOON, WINDOWS, admit, alarm, decided, opened

from autocloudops.incidents.model import History, IncidentStatus, Joins, Reopens
from autocloudops.incidents.store import IncidentStore


async def test_one_asks_until_its_lease_lapses(store: IncidentStore) -> None:
    """A claim holds until its lease ends; whoever takes over raises the attempt."""
    incident = await opened(store)
    minute = timedelta(seconds=60)
    first = await store.claim(incident.incident_id, "a", minute, NOON)
    assert first is not None
    assert (first.status, first.attempt, first.asker) == (IncidentStatus.ASKING, 1, "a")
    assert await store.claim(incident.incident_id, "b", minute, NOON + timedelta(seconds=59)) is None
    second = await store.claim(incident.incident_id, "b", minute, NOON + minute)
    assert second is not None
    assert (second.attempt, second.asker) == (2, "b")


async def test_a_lease_is_given_back_by_who_holds_it(store: IncidentStore) -> None:
    """After a release the next one asks at once; a release of an older attempt changes nothing."""
    incident = await opened(store)
    hour = timedelta(hours=1)
    first = await store.claim(incident.incident_id, "a", hour, NOON)
    assert first is not None
    await store.release(first, NOON)
    second = await store.claim(incident.incident_id, "b", hour, NOON)
    assert second is not None
    await store.release(first, NOON)
    assert await store.claim(incident.incident_id, "c", hour, NOON) is None


async def test_a_deferred_question_is_left_alone_until_its_time(store: IncidentStore) -> None:
    """Nobody claims it before; then somebody does, and it still says that it was deferred, until it is decided."""
    incident, lease, retry_at = await opened(store), timedelta(seconds=60), NOON + timedelta(seconds=45)
    asked = await store.claim(incident.incident_id, "a", lease, NOON)
    assert asked
    assert await store.defer(asked, retry_at)
    deferred = await store.incident(incident.incident_id)
    assert deferred
    assert (deferred.status, deferred.retry_at, deferred.lease_until) == (IncidentStatus.OPEN, retry_at, None)
    assert await store.claim(incident.incident_id, "b", lease, retry_at - timedelta(milliseconds=1)) is None
    again = await store.claim(incident.incident_id, "b", lease, retry_at)
    assert again
    assert (again.attempt, again.retry_at) == (2, retry_at)
    assert await store.settle(again, UUID(int=1), "sha", retry_at)
    decided = await store.incident(incident.incident_id)
    assert decided
    assert decided.retry_at is None


async def test_only_the_current_attempt_defers(store: IncidentStore) -> None:
    """Whoever was taken over neither defers nor decides, and nobody decides what he deferred."""
    incident, lease = await opened(store), timedelta(seconds=60)
    first = await store.claim(incident.incident_id, "a", lease, NOON)
    second = await store.claim(incident.incident_id, "b", lease, NOON + lease)
    assert first
    assert second
    assert not await store.defer(first, NOON + lease)
    assert await store.defer(second, NOON + lease)
    assert not await store.settle(second, UUID(int=1), "sha", NOON + lease)


async def test_only_the_current_attempt_decides(store: IncidentStore) -> None:
    """A late reply of an attempt that was taken over decides nothing, and a decision stands."""
    incident = await opened(store)
    first = await store.claim(incident.incident_id, "a", timedelta(seconds=1), NOON - timedelta(seconds=1))
    second = await store.claim(incident.incident_id, "b", timedelta(seconds=60), NOON)
    assert first is not None
    assert second is not None
    decision = UUID(int=7)
    assert await store.settle(first, decision, "late", NOON) is False
    assert await store.settle(second, decision, "sha", NOON) is True
    assert await store.settle(second, decision, "again", NOON) is False
    decided = await store.incident(incident.incident_id)
    assert decided is not None
    assert (decided.status, decided.decision_id, decided.record_sha256) == (IncidentStatus.DECIDED, decision, "sha")
    assert await store.claim(incident.incident_id, "c", timedelta(days=1), NOON + timedelta(hours=9)) is None


async def test_an_unfinished_incident_is_found_until_it_is_finished(store: IncidentStore) -> None:
    """Whoever sweeps up sees what was opened until it is decided and somebody said that nothing is left to do."""
    incident = await opened(store)
    assert [each.incident_id for each in await store.unfinished()] == [incident.incident_id]
    await store.finish(incident.model_copy(update={"revision": 1}))
    await decided(store, incident)
    (standing,) = await store.unfinished()
    assert standing.status is IncidentStatus.DECIDED
    await store.finish(standing)
    assert await store.unfinished() == []


async def test_something_new_asks_again_and_something_known_does_not(store: IncidentStore) -> None:
    """A member that brings a new metric to a decided incident opens its next revision, once, and not too soon."""
    incident = await opened(store)
    await decided(store, incident, NOON - WINDOWS.reask)
    assert isinstance(await admit(store, alarm("same-metric")), Joins)
    placement = await admit(store, alarm("latency", metric="Latency"))
    assert placement == Reopens(incident_id=incident.incident_id, revision=1)
    again = await store.incident(incident.incident_id)
    assert again is not None
    assert (again.status, again.revision, again.members) == (IncidentStatus.OPEN, 1, 3)
    assert again.token == alarm("latency", metric="Latency").event_id
    assert again.token in {each.event_id for each in await store.members(again)}
    assert isinstance(await admit(store, alarm("errors", metric="Errors")), Joins)
    assert [each.incident_id for each in await store.unfinished()] == [incident.incident_id]
    await decided(store, incident)
    assert isinstance(await admit(store, alarm("faults", metric="Faults")), Joins)


async def test_a_suppressed_decision_says_until_when(store: IncidentStore) -> None:
    """How long a suppression holds stands in the incident until a decision without one takes its place."""
    incident = await opened(store)
    asked = await store.claim(incident.incident_id, "a", timedelta(seconds=60), NOON)
    assert asked is not None
    until = NOON + timedelta(hours=1)
    assert await store.settle(asked.model_copy(update={"suppressed_until": until}), UUID(int=1), "sha", NOON)
    standing = await store.incident(incident.incident_id)
    assert standing is not None
    assert standing.suppressed_until == until
    reopening = Reopens(incident_id=incident.incident_id, revision=1)
    assert await store.record(alarm("other"), reopening, History(), NOON)
    await decided(store, incident)
    again = await store.incident(incident.incident_id)
    assert again is not None
    assert (again.revision, again.suppressed_until) == (1, None)


async def test_a_lease_is_held_by_the_current_attempt_only(store: IncidentStore) -> None:
    """Renewing moves the end of a lease; once somebody else asks, or a decision stands, it does nothing."""
    incident = await opened(store)
    minute = timedelta(seconds=60)
    first = await store.claim(incident.incident_id, "a", minute, NOON)
    assert first is not None
    assert await store.renew(first, minute, NOON + minute / 2)
    assert await store.claim(incident.incident_id, "b", minute, NOON + minute) is None
    second = await store.claim(incident.incident_id, "b", minute, NOON + 2 * minute)
    assert second is not None
    assert not await store.renew(first, minute, NOON + 2 * minute)
    assert await store.settle(second, UUID(int=1), "sha", NOON)
    assert not await store.renew(second, minute, NOON)


async def test_a_notice_is_kept_until_people_were_told(store: IncidentStore) -> None:
    """What is to be told stands with its decision, and outlives the next question until people were told."""
    incident = await opened(store)
    asked = await store.claim(incident.incident_id, "a", timedelta(seconds=60), NOON)
    assert asked is not None
    assert await store.notice(incident.incident_id) is None
    assert await store.settle(asked, UUID(int=1), "sha", NOON, "what happened")
    await store.finish(asked)
    (standing,) = await store.unfinished()
    assert await store.ask_again(standing, NOON)
    assert await store.notice(incident.incident_id) == "what happened"
    await store.told(incident.incident_id, "what happened")
    assert await store.notice(incident.incident_id) is None
    assert [each.revision for each in await store.unfinished()] == [1]


async def test_who_told_an_earlier_notice_forgets_no_later_one(store: IncidentStore) -> None:
    """A notice that took the place of another one while people were told that one is kept until they hear it too."""
    incident = await opened(store)
    for revision, notice in enumerate(("first", "first, second")):
        asked = await store.claim(incident.incident_id, "a", timedelta(seconds=60), NOON)
        assert asked is not None
        assert await store.settle(asked, UUID(int=revision), "sha", NOON, notice)
        (standing,) = await store.unfinished()
        assert await store.ask_again(standing, NOON)
    await store.told(incident.incident_id, "first")
    assert await store.notice(incident.incident_id) == "first, second"
    await store.told(incident.incident_id, "first, second")
    assert await store.notice(incident.incident_id) is None
    await store.told(incident.incident_id, "first, second")
    assert [each.revision for each in await store.unfinished()] == [2]


async def test_a_decided_incident_is_asked_about_again_once(store: IncidentStore) -> None:
    """Of two sweepers that saw the same decided incident, one opens its next revision; its token stays."""
    incident = await opened(store)
    assert await store.ask_again(incident, NOON) is False
    await decided(store, incident)
    (standing,) = await store.unfinished()
    later = NOON + timedelta(seconds=90)
    assert sorted([await store.ask_again(standing, later), await store.ask_again(standing, later)]) == [False, True]
    (again,) = await store.unfinished()
    assert (again.status, again.revision, again.token) == (IncidentStatus.OPEN, 1, incident.token)
    assert (again.waiting_since, again.asked_families) == (later, incident.families)
    await store.finish(standing)
    assert await store.unfinished() == [again]
