"""How well a grouping matches the causes, in pairs of alarms; and what no grouping could know."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bench.storms.deliveries import event_id_of
from bench.storms.estate import Owner
from bench.storms.outages import Turn
from bench.storms.storm import Storm

from autocloudops.alarms.model import AlarmState

NAME_WINDOW_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of alarms: of one cause, in one group, and both."""

    caused: int
    grouped: int
    both: int

    @property
    def precision(self) -> float:
        """The share of grouped pairs that have one cause; 1 where nothing is grouped."""
        return self.both / self.grouped if self.grouped else 1.0

    @property
    def recall(self) -> float:
        """The share of pairs of one cause that are grouped."""
        return self.both / self.caused if self.caused else 1.0


@dataclass(frozen=True, slots=True)
class Unknowable:
    """Pairs that owners, composite alarms and times cannot tell.

    `scattered` pairs have one cause and neither an owner nor a composite alarm in common. `entangled` pairs have one
    owner and two causes that overlap in time.
    """

    scattered: int
    entangled: int


def pairs(causes: Mapping[UUID, str], groups: Mapping[UUID, Hashable]) -> Pairs:
    """Return the pairs of a grouping, counted from its contingency table; what has no group is alone.

    Args:
        causes: the cause of each alarm.
        groups: the group of each alarm.
    """
    cells = Counter((cause, groups.get(alarm, alarm)) for alarm, cause in causes.items())
    sums: Counter[Hashable] = Counter()
    for (_, group), number in cells.items():
        sums[group] += number
    return Pairs(
        caused=_choose(Counter(causes.values()).values()),
        grouped=_choose(sums.values()),
        both=_choose(cells.values()),
    )


def _choose(numbers: Iterable[int]) -> int:
    return sum(number * (number - 1) // 2 for number in numbers)


def causes_of(storm: Storm, start: datetime) -> dict[UUID, str]:
    """Return the label of each alarm of a storm that begins at `start`."""
    return {event_id_of(turn, start): turn.cause for turn in storm.alarms}


def by_name(storm: Storm, start: datetime) -> dict[UUID, Hashable]:
    """Return what a common tool does: alarms with one name within five minutes are one group."""
    groups: dict[UUID, Hashable] = {}
    opened: dict[str, float] = {}
    for turn in storm.alarms:
        name = turn.watch.name
        if turn.at_seconds - opened.get(name, -NAME_WINDOW_SECONDS) >= NAME_WINDOW_SECONDS:
            opened[name] = turn.at_seconds
        groups[event_id_of(turn, start)] = (name, opened[name])
    return groups


def unknowable(storm: Storm) -> Unknowable:
    """Return the pairs of a storm that no grouping by owners, composite alarms and times could know."""
    return Unknowable(scattered=_scattered(storm), entangled=_entangled(storm))


def _scattered(storm: Storm) -> int:
    by_cause: defaultdict[str, Counter[Owner]] = defaultdict(Counter)
    summed_up = {turn.cause for turn in storm.alarms if turn.watch.children}
    for turn in storm.alarms:
        by_cause[turn.cause][turn.watch.owner] += 1
    apart = [owners.values() for cause, owners in by_cause.items() if cause not in summed_up]
    return sum(_choose([sum(owners)]) - _choose(owners) for owners in apart)


def _entangled(storm: Storm) -> int:
    strikes: defaultdict[Owner, defaultdict[str, list[Turn]]] = defaultdict(lambda: defaultdict(list))
    for turn in storm.turns:
        strikes[turn.watch.owner][turn.cause].append(turn)
    found = 0
    for causes in strikes.values():
        runs = list(causes.values())
        found += sum(_both(one, other) for index, one in enumerate(runs) for other in runs[:index])
    return found


def _both(one: list[Turn], other: list[Turn]) -> int:
    earlier, later = sorted((one, other), key=lambda turns: turns[0].at_seconds)
    fired = [sum(turn.state is AlarmState.ALARM for turn in turns) for turns in (one, other)]
    return fired[0] * fired[1] if later[0].at_seconds < earlier[-1].at_seconds else 0
