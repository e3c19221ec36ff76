"""Alarms that cannot make up their mind: marked, asked about rarely, never hidden."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from autocloudops.alarms.model import AlarmState
from autocloudops.incidents.model import Change, Role
from autocloudops.values import Value

WINDOW = timedelta(hours=1)
FEWEST_TURNS = 3
ASKING = frozenset({Role.OPENER, Role.REOPENER})


class Flapping(Value):
    """How an alarm behaved in the last hour.

    `turns` counts changes between OK and ALARM; `rests` says that it was asked about within that hour already.
    """

    turns: int
    alarms: int
    rests: bool


def flapping(changes: Sequence[Change], at: datetime) -> Flapping | None:
    """Return how much an alarm flaps at `at`, or None where it does not.

    An alarm flaps that turned at least three times within an hour: A, B, A, B. While it flaps it is asked about once
    an hour, counted from the last of its openers that did not rest.

    Args:
        changes: recorded changes of one key, the newest included, in any order.
        at: the state time up to which they count.
    """
    known = sorted((c for c in changes if c.state is not AlarmState.INSUFFICIENT_DATA and c.at <= at), key=_time)
    turns = _turns(known, at)
    if turns < FEWEST_TURNS:
        return None
    alarms = sum(c.state is AlarmState.ALARM and at - c.at <= WINDOW for c in known)
    asked = max((c.at for c in known if c.role in ASKING and not c.rests and c.at < at), default=None)
    return Flapping(turns=turns, alarms=alarms, rests=asked is not None and at - asked < WINDOW)


def _turns(changes: Sequence[Change], at: datetime) -> int:
    recent = [change for change in changes if timedelta() <= at - change.at <= WINDOW]
    return sum(before.state is not after.state for before, after in pairwise(recent))


def _time(change: Change) -> datetime:
    return change.at
