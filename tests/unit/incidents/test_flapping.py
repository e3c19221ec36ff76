from datetime import UTC, datetime, timedelta

import pytest
from database_alarms import sns
from worlds import World, served

from autocloudops.alarms.model import AlarmKey, AlarmState
from autocloudops.decisions.model import Verdict
from autocloudops.incidents.flapping import Flapping, flapping
from autocloudops.incidents.model import Change, Role

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = AlarmKey(account="111122223333", region="eu-west-1", name="flips")
HOUR = 60


def turned(minutes: float, *, rests: bool = False) -> Change:
    """Return a change of an alarm that fires in even minutes and is well in odd ones; whenever it fires, it opens."""
    state = AlarmState.OK if minutes % 2 else AlarmState.ALARM
    at = NOON + timedelta(minutes=minutes)
    role = Role.CLEAR if minutes % 2 else Role.OPENER
    return Change(event_id=KEY.event_id(state, at), state=state, at=at, role=role, rests=rests)


def test_three_turns_within_an_hour_are_flapping() -> None:
    """A, B, A is a recurrence; A, B, A, B is flapping."""
    assert flapping([turned(0), turned(1), turned(2)], turned(2).at) is None
    marked = flapping([turned(0), turned(1), turned(2), turned(3)], turned(3).at)
    assert marked == Flapping(turns=3, alarms=2, rests=True)


def test_turns_older_than_an_hour_do_not_count() -> None:
    """An alarm that turned often, and then kept still for an hour, does not flap."""
    long_ago = [turned(0), turned(1), turned(2), turned(3)]
    assert flapping([*long_ago, turned(70)], turned(70).at) is None


def test_missing_data_is_no_turn() -> None:
    """An alarm that loses its data and finds it again fires all along."""
    gaps = [
        turned(minutes).model_copy(update={"state": AlarmState.INSUFFICIENT_DATA, "role": Role.NOTED})
        for minutes in (1, 3, 5)
    ]
    assert flapping([turned(0), *gaps, turned(2), turned(4), turned(6)], turned(6).at) is None


def test_the_order_of_arrival_does_not_matter() -> None:
    """Turns are counted by the times of the changes, and only up to the moment that is asked about."""
    changes = [turned(3), turned(0), turned(4), turned(2), turned(1)]
    assert flapping(changes, turned(3).at) == Flapping(turns=3, alarms=2, rests=True)


def test_it_rests_for_an_hour_from_the_last_question() -> None:
    """Only openers that were asked about begin an hour of rest: those that rested themselves do not prolong it."""
    asked = [turned(0), turned(1)]
    rested = [turned(minutes, rests=True) for minutes in range(2, 60)]
    assert flapping([*asked, *rested], turned(58).at) == Flapping(turns=58, alarms=30, rests=True)
    assert flapping([*asked, *rested, turned(60)], turned(60).at) == Flapping(turns=60, alarms=31, rests=False)


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
def test_a_flapping_alarm_is_asked_about_once_an_hour(durable: bool) -> None:
    """An alarm that turns every minute for three hours is asked about and told of once an hour, and never hidden."""
    minutes = range(3 * HOUR)
    sending = [(60 * minute, sns("flips", "OK" if minute % 2 else "ALARM", seconds=60 * minute)) for minute in minutes]
    world = served(*sending, world=World(durable=durable))
    asked = [round(seconds / 60) for seconds in world.model.asked_at]
    assert asked == [0, 2, 2 + HOUR, 2 + 2 * HOUR]
    assert len(world.told.notifications) == len(asked)
    suppressed = [line for line in world.decided if line.decision and line.decision.verdict is Verdict.SUPPRESSED]
    assert len(suppressed) == len(minutes) / 2 - len(asked)


def test_counts_stay_visible() -> None:
    """Each record of a flapping alarm says how often it turned within the hour, whether it was asked about or not."""
    minutes = range(2 * HOUR)
    sending = [(60 * minute, sns("flips", "OK" if minute % 2 else "ALARM", seconds=60 * minute)) for minute in minutes]
    world = served(*sending, world=World(durable=True))
    lines = sorted((found.record for found in world.kept), key=lambda line: line.alarm.at if line.alarm else NOON)
    turns = [line.flapping.turns if line.flapping else 0 for line in lines]
    assert turns == [min(minute, HOUR) if minute > 2 else 0 for minute in minutes]
    (last,) = [line for line in world.decided if line.alarm and line.alarm.at == NOON + timedelta(minutes=118)]
    assert last.decision
    assert f"turned {HOUR} times within an hour" in last.decision.gates[0].reason


def test_another_alarm_of_the_owner_is_not_hidden() -> None:
    """While one alarm of a database flaps, another one that fires beside it is asked about with it, and told of."""
    flips = [(60 * minute, sns("flips", "OK" if minute % 2 else "ALARM", seconds=60 * minute)) for minute in range(9)]
    early = served(*flips, (8 * 60 + 0.5, sns("connections", seconds=480, metric="DatabaseConnections")))
    late = served(*flips, (8 * 60 + 20, sns("reads", seconds=500)))
    for world, name in ((early, "connections"), (late, "reads")):
        assert [round(seconds / 60) for seconds in world.model.asked_at] == [0, 2, 8]
        decision = world.decided[-1].decision
        assert decision
        assert decision.incident_id == world.line(name).incident_id
        assert decision.verdict is not Verdict.SUPPRESSED
