"""How an alarm has behaved before: how often it fired, for how long, and whether it clears by itself.

Episode        one run of ALARM to the next OK
TrackRecord    the episodes of a stretch of time in a few numbers
SelfClearing   what is known of an alarm that clears by itself
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Protocol

from autocloudops.alarms.model import AlarmState
from autocloudops.values import Value

SOON = timedelta(minutes=5)
FLAP = timedelta(hours=1)
FEWEST_FIRES = 10
LEAST_SHARE = 0.8


class Turn(Protocol):
    """One change of state, in whatever noun it is kept."""

    @property
    def state(self) -> AlarmState:
        """The new state."""
        ...

    @property
    def at(self) -> datetime:
        """The time of the change."""
        ...


class Episode(Value):
    """A run of ALARM; `ended` is None while it lasts."""

    began: datetime
    ended: datetime | None = None

    @property
    def seconds(self) -> float | None:
        """How long it lasted, None while it does."""
        return (self.ended - self.began).total_seconds() if self.ended else None


class TrackRecord(Value):
    """Episodes in a few numbers.

    `fires` counts them all, `ended` those that came to an end: the median duration is theirs, and `soon` how many of
    them were OK again within five minutes. `flaps` counts fires within an hour of the fire before. `previous` is when
    the last but one began.
    """

    fires: int
    ended: int
    soon: int
    flaps: int
    median_seconds: float | None = None
    previous: datetime | None = None

    @property
    def soon_share(self) -> float | None:
        """The share that was OK again within five minutes, None where none has ended."""
        return self.soon / self.ended if self.ended else None


class SelfClearing(Value):
    """An alarm that clears by itself: a `share` of its `fires` in five minutes, nine of ten within `p90_seconds`.

    Its model request can wait until it has lasted longer than that.
    """

    share: float
    p90_seconds: float
    fires: int


def episodes(history: Sequence[Turn]) -> tuple[Episode, ...]:
    """Return the runs of ALARM in `history`, by time; INSUFFICIENT_DATA neither begins nor ends one.

    Args:
        history: state changes of one alarm, in any order.
    """
    found: list[Episode] = []
    for turn in sorted(history, key=lambda turn: turn.at):
        firing = bool(found) and found[-1].ended is None
        if turn.state is AlarmState.ALARM and not firing:
            found.append(Episode(began=turn.at))
        elif turn.state is AlarmState.OK and firing:
            found[-1] = Episode(began=found[-1].began, ended=turn.at)
    return tuple(found)


def track_record(history: Sequence[Turn]) -> TrackRecord:
    """Return how the alarm behaved over `history`: state changes of it, in any order."""
    found = episodes(history)
    lasted = _durations(found)
    return TrackRecord(
        fires=len(found),
        ended=len(lasted),
        soon=sum(seconds <= SOON.total_seconds() for seconds in lasted),
        flaps=sum(after.began - before.began <= FLAP for before, after in pairwise(found)),
        median_seconds=median(lasted) if lasted else None,
        previous=found[-2].began if len(found) > 1 else None,
    )


def self_clearing(history: Sequence[Turn]) -> SelfClearing | None:
    """Return how an alarm clears by itself, None where it does not, or fired too rarely to say so.

    It does where more than 80 % of at least ten fires that ended were OK within five minutes. Nobody can tell from a
    history who cleared them; five minutes are less than a person needs.

    Args:
        history: state changes of one alarm, in any order.
    """
    lasted = sorted(_durations(episodes(history)))
    soon = sum(seconds <= SOON.total_seconds() for seconds in lasted)
    if len(lasted) < FEWEST_FIRES or soon <= LEAST_SHARE * len(lasted):
        return None
    p90 = lasted[ceil(0.9 * len(lasted)) - 1]
    return SelfClearing(share=soon / len(lasted), p90_seconds=p90, fires=len(lasted))


def _durations(found: Sequence[Episode]) -> list[float]:
    return [episode.seconds for episode in found if episode.seconds is not None]
