from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from autocloudops.alarms.inventory import Entry
from autocloudops.alarms.model import AlarmKey, AlarmKind, AlarmState, Metric, ResourceRef, Robot
from autocloudops.incidents.forecast import Forecast, forecast
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import Opens, Windows
from autocloudops.incidents.replay import Replay, Transition, alarm_of
from autocloudops.state.memory import MemoryIncidents

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = {"account": "111122223333", "region": "eu-west-1"}


def entry(name: str, owner: str = "db", metric: str = "CPUUtilization", **changes: object) -> Entry:
    """Return one candidate."""
    known = Entry(
        key=AlarmKey(**PLACE, name=name),
        kind=AlarmKind.METRIC,
        resource=ResourceRef(type="rds:db-instance", id=owner, owner=f"rds-db-instance/{owner}", **PLACE),
        state=AlarmState.OK,
        state_at=NOON,
        seen_at=NOON,
        metric=Metric(namespace="AWS/RDS", name=metric),
    )
    return known.model_copy(update=changes)


def fires(name: str, minute: float, minutes: float = 10) -> list[Transition]:
    """Return an episode of an alarm that begins `minute` minutes after noon."""
    key = AlarmKey(**PLACE, name=name)
    began = NOON + timedelta(minutes=minute)
    return [
        Transition(key, AlarmState.ALARM, began),
        Transition(key, AlarmState.OK, began + timedelta(minutes=minutes)),
    ]


def came_to(entries: Sequence[Entry], *episodes: list[Transition], waits: bool = True) -> Forecast:
    """Return what a day of these episodes comes to."""
    history = [each for episode in episodes for each in episode]
    return forecast(entries, history, (NOON, NOON + timedelta(days=1)), Windows(), waits=waits)


def test_alarms_of_one_owner_are_one_incident_and_one_question() -> None:
    """Two alarms of a database within the join window are asked about once, a third of another owner on its own."""
    entries = [entry("cpu"), entry("cpu-2"), entry("other", owner="queue")]
    found = came_to(entries, fires("cpu", 0), fires("cpu-2", 2), fires("other", 2))
    assert (found.transitions, found.episodes, found.incidents, found.questions) == (6, 3, 2, 2)


def test_a_new_metric_asks_again_but_the_same_does_not() -> None:
    """A member that brings a new metric after the rest between two questions is asked about, as a worker would."""
    entries = [entry("cpu"), entry("cpu-2"), entry("memory", metric="FreeableMemory")]
    assert came_to(entries, fires("cpu", 0, 30), fires("cpu-2", 5)).questions == 1
    assert came_to(entries, fires("cpu", 0, 30), fires("memory", 5)).questions == 2


def test_what_comes_while_a_question_is_on_its_way_asks_nothing_of_its_own() -> None:
    """A new metric that no answer could have seen is a member, and not a question."""
    entries = [entry("cpu"), entry("memory", metric="FreeableMemory")]
    found = came_to(entries, fires("cpu", 0, 30), fires("memory", 0.1, 20))
    assert [at - NOON for at in found.asked_at] == [timedelta(seconds=1)]


def test_a_flapping_alarm_is_asked_about_once_an_hour() -> None:
    """Ten episodes within fifty minutes are incidents, but all but the first questions rest."""
    found = came_to([entry("cpu")], *(fires("cpu", 5 * number, 2) for number in range(10)), waits=False)
    assert (found.incidents, found.questions + found.rested) == (10, 10)
    assert found.questions == 2
    assert found.soon == found.ended == 10


def test_alarms_that_clear_by_themselves_are_waited_for() -> None:
    """Of twenty episodes that lie far apart, those that were over within the alarm's own p90 cost no question."""
    short = [fires("cpu", 65 * number, 1) for number in range(19)]
    found = came_to([entry("cpu")], *short, fires("cpu", 65 * 19, 30))
    assert (found.incidents, found.questions, found.spared) == (20, 1, 19)
    assert found.asked_at[0] - NOON > timedelta(minutes=65 * 19 + 1)
    assert [noise.questions for noise in found.noisiest] == [1]


def test_a_team_that_wants_no_waiting_is_asked_at_once() -> None:
    """Where the setting is off, every incident is a question, as the worker's are."""
    found = came_to([entry("cpu")], *(fires("cpu", 65 * number, 1) for number in range(20)), waits=False)
    assert (found.questions, found.spared) == (20, 0)


def test_another_kind_of_trouble_ends_a_wait() -> None:
    """A new metric on an owner whose alarm was left to clear is asked about at once, and nothing was spared."""
    usual = [fires("cpu", 65 * number, 4) for number in range(12)]
    entries = [entry("cpu"), entry("memory", metric="FreeableMemory")]
    found = came_to(entries, *usual, fires("cpu", 900, 4), fires("memory", 901, 4))
    assert (found.questions, found.spared) == (1, 12)
    assert timedelta(minutes=901) < found.asked_at[0] - NOON < timedelta(minutes=902)


def test_a_composite_alarm_joins_the_incident_of_its_child() -> None:
    """A composite alarm that fires after its child asks nothing new, whoever its owner is."""
    child = f"arn:aws:cloudwatch:{PLACE['region']}:{PLACE['account']}:alarm:cpu"
    alone = ResourceRef(type="alarm", id="all", owner="alarm/all", **PLACE)
    composite = entry("all", kind=AlarmKind.COMPOSITE, resource=alone, children=(child,))
    found = came_to([entry("cpu"), composite], fires("cpu", 0, 30), fires("all", 0.1, 30))
    assert found.incidents == 1


def test_what_is_excluded_gone_or_told_twice_does_not_count() -> None:
    """Robots' alarms and alarms that are no more are counted apart, copies of a change once."""
    entries = [entry("cpu"), entry("scaling", settled_by=Robot.TARGET_TRACKING)]
    found = came_to(entries, fires("cpu", 0), fires("cpu", 0), fires("scaling", 0), fires("deleted", 0))
    assert (found.transitions, found.excluded, found.unknown, found.questions) == (2, 2, 2, 1)


def test_an_alarm_that_was_on_before_history_began_opens_nothing() -> None:
    """An OK without its ALARM is no episode, and insufficient data neither begins nor ends one."""
    key = AlarmKey(**PLACE, name="cpu")
    known = [
        Transition(key, AlarmState.OK, NOON),
        Transition(key, AlarmState.INSUFFICIENT_DATA, NOON + timedelta(hours=1)),
    ]
    found = came_to([entry("cpu")], known)
    assert (found.episodes, found.incidents, found.questions_a_day) == (0, 0, 0)


def test_the_noisiest_come_first_with_their_questions() -> None:
    """Alarms are ordered by how often they fired, with the questions that they raised."""
    entries = [entry("quiet", owner="a"), entry("loud", owner="b")]
    found = came_to(entries, fires("quiet", 0), *(fires("loud", 100 * number) for number in range(3)))
    assert [(each.key.name, each.record.fires, each.questions) for each in found.noisiest] == [
        ("loud", 3, 3),
        ("quiet", 1, 1),
    ]


def test_many_incidents_leave_nothing_behind() -> None:
    """What a replay keeps does not grow with the history: incidents that are over are forgotten."""
    known = entry("cpu")
    replay = Replay({known.key: known}, Windows(), {})
    for number in range(200):
        for transition in fires("cpu", 30 * number):
            replay.take(transition)
    told = replay.finish()
    assert told.incidents == 200
    assert (len(replay._standing), len(replay._due)) == (0, 0)
    assert len(replay._changes[known.key]) < 10


@pytest.mark.parametrize("seed", range(5))
async def test_a_replay_opens_what_the_store_opens(seed: int) -> None:
    """The incidents of a replay are those that the same changes open in a store of incidents, one after the other."""
    chance = Random(seed)  # noqa: S311 - test data
    known = {entry.key: entry for entry in (entry(f"a{number}", owner=f"db{number % 3}") for number in range(8))}
    begun = [(key, 90 * turn + chance.uniform(0, 60)) for key in known for turn in range(6)]
    changes = [each for key, minute in begun for each in fires(key.name, minute, chance.uniform(1, 25))]
    changes.sort(key=lambda change: change.at)
    store, opened = MemoryIncidents(), 0
    for change in changes:
        alarm = alarm_of(known[change.key]).model_copy(update={"state": change.state, "at": change.at})
        seen = await store.history(alarm.key, alarm.at - timedelta(hours=1))
        current = await store.current(alarm.resource.owner_key)
        placement = place(alarm, seen, current, Windows(), alarm.at)
        assert await store.record(alarm, placement, seen, alarm.at)
        opened += isinstance(placement, Opens)
    assert came_to(list(known.values()), changes).incidents == opened > 10
