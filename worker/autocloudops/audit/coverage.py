"""CloudWatch's memory of alarms against the audit: which changes of state nobody ever saw, and why."""

from array import array
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from autocloudops.alarms.model import AlarmKey, AlarmState
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.incidents.grouping import APPROXIMATE_WITHIN
from autocloudops.incidents.replay import Transition
from autocloudops.values import Value

ON_ITS_WAY = timedelta(minutes=10)
PARKED_WITHIN = timedelta(minutes=10)
EXAMPLES = 20


class Why(StrEnum):
    """Why a change is not in the audit, as far as the two sides tell. The first two are as they should be.

    `before_audit`: the audit began later. `on_its_way`: it was a moment ago. `place`: nothing of its account and region
    is in the audit. `switched_off`: its actions are off, and nothing of it is in the audit. `alarm`: others of its
    place are there, of it nothing. `state`: other states of it are there, this one never. `parked`: a message that
    nobody could read was put aside soon after it. `lost`: the same change of it was seen at other times.
    """

    BEFORE_AUDIT = "before_audit"
    ON_ITS_WAY = "on_its_way"
    PLACE = "place"
    SWITCHED_OFF = "switched_off"
    ALARM = "alarm"
    STATE = "state"
    PARKED = "parked"
    LOST = "lost"

    @property
    def expected(self) -> bool:
        """Whether nothing is wrong."""
        return self in {Why.BEFORE_AUDIT, Why.ON_ITS_WAY}


class Unseen(Value):
    """The changes of one alarm that are not in the audit for one reason; `examples` are the first of them."""

    key: AlarmKey
    why: Why
    changes: int
    seen: int
    unseen: int
    first: datetime
    last: datetime
    examples: tuple[str, ...]


@dataclass(slots=True)
class _Tally:
    """What became of one alarm's changes."""

    changes: int = 0
    seen: int = 0
    last: Transition | None = None
    unseen: dict[Why, list[Transition]] = field(default_factory=dict)
    counts: defaultdict[Why, int] = field(default_factory=lambda: defaultdict(int))
    ends: dict[Why, datetime] = field(default_factory=dict)


class SeenChanges:
    """The changes of state that an audit holds: eight bytes for each."""

    def __init__(self) -> None:
        self._times: defaultdict[tuple[AlarmKey, AlarmState], array[float]] = defaultdict(lambda: array("d"))
        self._alarms: set[AlarmKey] = set()
        self._places: set[tuple[str, str]] = set()
        self._parked: list[float] = []
        self.begins: datetime | None = None

    def add(self, record: AuditRecord) -> None:
        """Take note of a record."""
        self.begins = min(self.begins or record.at, record.at)
        if record.outcome is Outcome.PARKED:
            insort(self._parked, record.at.timestamp())
        if record.alarm is None:
            return
        key = record.alarm.key
        self._alarms.add(key)
        self._places.add((key.account, key.region))
        insort(self._times[key, record.alarm.state], record.alarm.at.timestamp())

    def holds(self, change: Transition) -> bool:
        """Return whether the audit holds a change; its time in the history is that of the record about it."""
        return _near(self._times.get((change.key, change.state), ()), change.at, APPROXIMATE_WITHIN)

    def why_not(self, change: Transition, *, switched_off: bool) -> Why:
        """Return the likeliest reason why the audit does not hold a change."""
        key = change.key
        if (key.account, key.region) not in self._places:
            return Why.PLACE
        if key not in self._alarms:
            return Why.SWITCHED_OFF if switched_off else Why.ALARM
        if (key, change.state) not in self._times:
            return Why.STATE
        return Why.PARKED if _near(self._parked, change.at, PARKED_WITHIN) else Why.LOST


def _near(times: "array[float] | list[float] | tuple[()]", at: datetime, within: timedelta) -> bool:
    """Return whether one of the times, which are in order, is near."""
    moment, reach = at.timestamp(), within.total_seconds()
    place = bisect_left(times, moment - reach)
    return place < len(times) and times[place] <= moment + reach


class Coverage:
    """Compares changes of state, one after the other, with what was seen.

    Args:
        seen: the audit.
        begins: when the audit began.
        now: when the history was read.
        switched_off: the alarms whose actions are off.
    """

    def __init__(self, seen: SeenChanges, begins: datetime, now: datetime, switched_off: frozenset[AlarmKey]) -> None:
        self._seen = seen
        self._begins = begins
        self._now = now
        self._switched_off = switched_off
        self._tallies: defaultdict[AlarmKey, _Tally] = defaultdict(_Tally)

    def take(self, change: Transition) -> None:
        """Compare one change; those of one alarm come by time, and one may come twice in a row."""
        tally = self._tallies[change.key]
        if change == tally.last:
            return
        tally.last = change
        tally.changes += 1
        if self._seen.holds(change):
            tally.seen += 1
            return
        why = self._why(change)
        tally.counts[why] += 1
        tally.ends[why] = change.at
        examples = tally.unseen.setdefault(why, [])
        if len(examples) < EXAMPLES:
            examples.append(change)

    def _why(self, change: Transition) -> Why:
        if change.at < self._begins:
            return Why.BEFORE_AUDIT
        if self._now - change.at < ON_ITS_WAY:
            return Why.ON_ITS_WAY
        return self._seen.why_not(change, switched_off=change.key in self._switched_off)

    def unseen(self) -> Iterator[Unseen]:
        """Yield what was never seen, by alarm and reason."""
        for key, tally in sorted(self._tallies.items(), key=lambda each: _order(each[0])):
            for why, examples in tally.unseen.items():
                yield Unseen(
                    key=key,
                    why=why,
                    changes=tally.changes,
                    seen=tally.seen,
                    unseen=tally.counts[why],
                    first=examples[0].at,
                    last=tally.ends[why],
                    examples=tuple(f"{each.state} {each.at:%Y-%m-%dT%H:%M:%S.%fZ}" for each in examples),
                )

    @property
    def counts(self) -> Mapping[str, int]:
        """How many alarms had changes, how many changes, and how many of them were seen."""
        tallies = self._tallies.values()
        return {
            "alarms": len(tallies),
            "changes": sum(each.changes for each in tallies),
            "seen": sum(each.seen for each in tallies),
        }


def _order(key: AlarmKey) -> tuple[str, str, str, str]:
    return key.account, key.region, key.name, key.contributor
