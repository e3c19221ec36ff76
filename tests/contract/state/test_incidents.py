import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from stored_incidents import NOON, WINDOWS, admit, alarm, opened

from autocloudops.alarms.model import AlarmKind, AlarmState, ResourceRef
from autocloudops.clock import SystemClock
from autocloudops.entrypoints.wiring import open_table
from autocloudops.errors import TargetMissing
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import Clears, History, Opens, Repeats, Role
from autocloudops.incidents.silence import Silence
from autocloudops.incidents.store import IncidentStore
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.items import HISTORY_LIMIT


async def test_an_opened_incident_is_the_owners_current_one(store: IncidentStore) -> None:
    """What was opened is read back as it was written."""
    incident = await opened(store)
    assert await store.current("111122223333/eu-west-1/svc/a") == incident
    assert await store.incident(incident.incident_id) == incident
    assert await store.incident(uuid4()) is None


async def test_of_two_openers_one_wins(store: IncidentStore) -> None:
    """Two workers that saw no incident cannot both open one for the same owner."""
    first, second = alarm("cpu"), alarm("memory")
    placements = [place(each, History(), None, WINDOWS, NOON) for each in (first, second)]
    won = await asyncio.gather(
        *(store.record(each, placed, History(), NOON) for each, placed in zip((first, second), placements, strict=True))
    )
    assert sorted(won) == [False, True]


async def test_concurrent_members_are_all_counted_and_kept(store: IncidentStore) -> None:
    """Joins from several workers lose no member, and the incident knows its alarms by time."""
    incident = await opened(store)
    others = [alarm(f"other-{number}", seconds=number) for number in range(1, 9)]
    await asyncio.gather(*(admit(store, each) for each in others))
    now = await store.incident(incident.incident_id)
    assert now is not None
    assert (now.members, now.firing) == (9, 9)
    members = await store.members(now)
    assert {each.key.name for each in members} >= {"cpu"}
    assert [each.at for each in members] == sorted(each.at for each in members)
    assert len(members) == len({each.event_id for each in members}) >= 8


async def test_a_copy_is_recorded_once(store: IncidentStore) -> None:
    """The same change recorded twice is one member and one line of history."""
    incident = await opened(store)
    assert await store.record(alarm(), Opens(incident=incident), History(), NOON) is False
    assert isinstance(await admit(store, alarm()), Repeats)
    history = await store.history(alarm().key, NOON)
    assert [(each.role, each.incident_id) for each in history.changes] == [(Role.OPENER, incident.incident_id)]


async def test_all_clear_resolves_and_the_next_alarm_opens_a_linked_incident(store: IncidentStore) -> None:
    """After every member's OK the incident takes no more alarms."""
    incident = await opened(store)
    await admit(store, alarm(state=AlarmState.OK, seconds=30))
    resolved = await store.incident(incident.incident_id)
    assert resolved is not None
    assert resolved.resolved
    placement = await admit(store, alarm(seconds=60))
    assert isinstance(placement, Opens)
    assert placement.incident.previous == incident.incident_id
    assert await store.current(incident.owner_key) == placement.incident


async def test_a_join_that_comes_too_late_is_taken_back(store: IncidentStore) -> None:
    """An incident that was resolved between reading and writing takes no member: the alarm is placed again."""
    incident = await opened(store)
    other = alarm("other", seconds=5)
    joining = place(other, History(), incident, WINDOWS, NOON)
    await admit(store, alarm(state=AlarmState.OK, seconds=30))
    assert await store.record(other, joining, History(), NOON) is False
    assert await store.history(other.key, NOON) == History()
    placement = await admit(store, other)
    assert isinstance(placement, Opens)
    assert placement.incident.previous == incident.incident_id


async def test_a_composite_alarm_names_itself_to_its_children(store: IncidentStore) -> None:
    """A child learns which incident the composite alarm opened, and only the children that it names."""
    child = alarm("child")
    composite = alarm("both").model_copy(
        update={
            "kind": AlarmKind.COMPOSITE,
            "children": ("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:child",),
        }
    )
    placement = await admit(store, composite)
    assert isinstance(placement, Opens)
    assert (await store.history(child.key, NOON)).parent == placement.incident.incident_id
    assert (await store.history(alarm("stranger").key, NOON)).parent is None


async def test_a_storm_counts_resources_and_not_alarms(store: IncidentStore) -> None:
    """Ten alarms of one resource are one; another account's alarms do not count."""
    await opened(store)
    await asyncio.gather(*(admit(store, alarm(f"more-{number}")) for number in range(9)))
    other = ResourceRef(type="svc", id="b", account="111122223333", region="eu-west-1", owner="svc/b")
    await admit(store, alarm("b").model_copy(update={"resource": other}))
    assert await store.storm("111122223333", "eu-west-1", NOON) == 2
    assert await store.storm("444455556666", "eu-west-1", NOON) == 0
    assert await store.storm("111122223333", "eu-west-1", NOON + timedelta(minutes=5)) == 0


async def test_a_silence_ends_by_time_or_by_hand(store: IncidentStore) -> None:
    """A silence is listed until it expires or is lifted, and there is one for each owner."""
    hour = timedelta(hours=1)
    quiet = Silence(owner_key="o", since=NOON, until=NOON + hour, reason="deploy", by="ana")
    await store.silence(quiet)
    await store.silence(quiet.model_copy(update={"reason": "longer deploy"}))
    assert [each.reason for each in await store.silences(NOON)] == ["longer deploy"]
    assert await store.silences(NOON + hour) == []
    assert await store.lift("o") is True
    assert await store.lift("o") is False
    assert await store.silences(NOON) == []


async def test_a_join_that_follows_from_an_old_history_is_refused(store: IncidentStore) -> None:
    """An alarm whose OK was recorded between reading and writing joins nothing, and leaves nothing behind."""
    incident = await opened(store)
    fired, ended = alarm("other", seconds=5), alarm("other", AlarmState.OK, seconds=10)
    joining = place(fired, History(), incident, WINDOWS, NOON)
    assert isinstance(await admit(store, ended), Clears)
    assert await store.record(fired, joining, History(), NOON) is False
    assert [each.event_id for each in (await store.history(fired.key, NOON)).changes] == [ended.event_id]
    assert await store.incident(incident.incident_id) == incident


async def test_an_episode_whose_ok_came_first_is_over_at_once(store: IncidentStore) -> None:
    """An incident that opens from an old history does not keep firing when its OK was recorded meanwhile."""
    fired, ended = alarm(), alarm(state=AlarmState.OK, seconds=10)
    opening = place(fired, History(), None, WINDOWS, NOON)
    assert isinstance(await admit(store, ended), Clears)
    await store.record(fired, opening, History(), NOON)
    await admit(store, fired)
    standing = await store.current(fired.resource.owner_key)
    assert standing is None or standing.firing == 0
    assert isinstance(await admit(store, alarm(seconds=20)), Opens)


async def test_an_ok_gives_way_to_an_alarm_that_was_faster(store: IncidentStore) -> None:
    """An OK that was placed before its alarm was recorded is placed again, and ends the episode once."""
    fired, ended = alarm(), alarm(state=AlarmState.OK, seconds=10)
    incident = await opened(store)
    assert await store.record(ended, Clears(), History(), NOON) is False
    assert await admit(store, ended) == Clears(incident_id=incident.incident_id)
    standing = await store.incident(incident.incident_id)
    assert standing is not None
    assert standing.firing == 0
    assert isinstance(await admit(store, fired), Repeats)


async def test_an_alarm_fires_in_one_incident_only(store: IncidentStore) -> None:
    """An alarm that fires on into a new incident stops firing in its old one."""
    first = await opened(store)
    placement = await admit(store, alarm(seconds=1 + WINDOWS.join.total_seconds()))
    assert isinstance(placement, Opens)
    assert placement.leaves == first.incident_id
    counts = [await store.incident(each) for each in (first.incident_id, placement.incident.incident_id)]
    assert [each.firing for each in counts if each] == [0, 1]


async def test_an_alarm_that_ended_meanwhile_leaves_nothing_twice(store: IncidentStore) -> None:
    """An opener that would stop its alarm firing elsewhere, where an OK has just done so, is placed again."""
    first = await opened(store)
    seen = await store.history(alarm().key, NOON)
    await admit(store, alarm(state=AlarmState.OK, seconds=5))
    fired, resolved = alarm(seconds=10), await store.incident(first.incident_id)
    opening = place(fired, seen, resolved, WINDOWS, NOON)
    assert isinstance(opening, Opens)
    assert opening.leaves == first.incident_id
    assert await store.record(fired, opening, seen, NOON) is False
    again = await admit(store, fired)
    assert isinstance(again, Opens)
    counts = [await store.incident(each) for each in (first.incident_id, again.incident.incident_id)]
    assert [each.firing for each in counts if each] == [0, 1]


async def test_history_reaches_as_far_back_as_it_is_asked(store: IncidentStore) -> None:
    """The newest changes are always there, and older ones if they are wanted."""
    changes = (alarm(state=AlarmState.INSUFFICIENT_DATA, seconds=seconds) for seconds in range(HISTORY_LIMIT + 10))
    await asyncio.gather(*(admit(store, change) for change in changes))
    key = alarm().key
    assert len((await store.history(key, NOON + timedelta(days=1))).changes) == HISTORY_LIMIT
    assert len((await store.history(key, NOON)).changes) == HISTORY_LIMIT + 10


async def test_the_first_and_the_last_members_are_shown(store: IncidentStore) -> None:
    """Of many members the first 20 and the last 20 that arrived are read back, the opener and the token with them."""
    incident = await opened(store)
    for third in range(3):
        numbers = range(20 * third + 1, 20 * third + 21)
        await asyncio.gather(*(admit(store, alarm(f"m-{number}", seconds=number)) for number in numbers))
    names = {each.key.name for each in await store.members(incident)}
    assert names >= {"cpu", *(f"m-{number}" for number in (*range(1, 20), *range(41, 61)))}


async def test_one_member_of_each_kind_is_shown(store: IncidentStore) -> None:
    """The one alarm among sixty that reports something else is read back, wherever it arrived."""
    incident = await opened(store)
    for third in range(3):
        odd = [alarm("odd", seconds=30, metric="DiskQueueDepth")] if third == 1 else []
        numbers = range(20 * third + 1, 20 * third + 21)
        await asyncio.gather(*(admit(store, each) for each in (*(alarm(f"m-{n}", seconds=n) for n in numbers), *odd)))
    assert "odd" in {each.key.name for each in await store.members(incident)}


async def test_a_missing_table_is_named(emulator: str, stack: AsyncExitStack) -> None:
    """A wrong table name is an error that carries the name, not a traceback of the SDK."""
    assert emulator
    incidents = DynamoIncidents(await open_table(stack), "no-such-table", SystemClock())
    with pytest.raises(TargetMissing, match="no-such-table"):
        await incidents.current("anybody")
