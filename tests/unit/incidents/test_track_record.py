from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from virtual_time import START

from autocloudops.alarms.model import AlarmState
from autocloudops.incidents.track_record import (
    Episode,
    SelfClearing,
    TrackRecord,
    episodes,
    self_clearing,
    track_record,
)

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Turned:
    """A change of state."""

    state: AlarmState
    at: datetime


def turned(*turns: tuple[str, float]) -> list[Turned]:
    """Return changes of state at minutes after noon."""
    return [Turned(AlarmState(state), START + minute * MINUTE) for state, minute in turns]


def fires(*minutes: float, every: float = 120) -> list[Turned]:
    """Return fires that last so many minutes each, one every two hours."""
    return turned(
        *(turn for n, length in enumerate(minutes) for turn in (("ALARM", n * every), ("OK", n * every + length)))
    )


def test_an_episode_is_a_run_of_alarm_to_the_next_ok() -> None:
    """Order does not matter, repeated states count once, and missing data neither begins nor ends a run."""
    history = turned(
        ("OK", 0), ("ALARM", 1), ("INSUFFICIENT_DATA", 2), ("ALARM", 3), ("OK", 4), ("OK", 5), ("ALARM", 9)
    )
    expected = (Episode(began=START + MINUTE, ended=START + 4 * MINUTE), Episode(began=START + 9 * MINUTE))
    assert episodes(history) == expected
    assert episodes(history[::-1]) == expected
    assert episodes([]) == ()


def test_a_track_record_counts_what_ended() -> None:
    """Durations and shares are those of fires that ended; a fire within an hour of the one before is a flap."""
    history = [*fires(2, 4, 30), *turned(("ALARM", 290))]
    assert track_record(history) == TrackRecord(
        fires=4, ended=3, soon=2, flaps=1, median_seconds=240, previous=START + 240 * MINUTE
    )
    assert track_record(history).soon_share == pytest.approx(2 / 3)
    assert track_record([]) == TrackRecord(fires=0, ended=0, soon=0, flaps=0)
    assert track_record([]).soon_share is None


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        ([1.0] * 9, None),
        ([1.0] * 10, SelfClearing(share=1.0, p90_seconds=60, fires=10)),
        ([1.0] * 8 + [10.0] * 2, None),
        ([1.0] * 9 + [10.0], SelfClearing(share=0.9, p90_seconds=60, fires=10)),
        ([5.0] * 17 + [10.0] * 3, SelfClearing(share=0.85, p90_seconds=600, fires=20)),
        ([5.1] * 20, None),
        ([], None),
    ],
)
def test_an_alarm_clears_by_itself_where_more_than_four_in_five_fires_did(
    minutes: list[float], found: SelfClearing | None
) -> None:
    """Ten fires that ended are needed, and more than 80 % of them OK within five minutes; p90 is one duration."""
    assert self_clearing(fires(*minutes)) == found


def test_a_fire_that_still_burns_says_nothing_yet() -> None:
    """The fire that is being asked about counts neither for nor against."""
    burning = turned(("ALARM", 10_000))
    assert self_clearing([*fires(*[1.0] * 9), *burning]) is None
    assert self_clearing([*fires(*[1.0] * 10), *burning]) == SelfClearing(share=1.0, p90_seconds=60, fires=10)
