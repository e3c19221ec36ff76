"""A whole storm from a seed: which causes strike, when, and on whose alarms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from math import ceil
from random import Random

from bench.storms.composition import FEWEST_OF_A_PART, REACH, SLOW_SHARE, Part, Sort, apportioned, sizes, sorts
from bench.storms.estate import FLEETS, KINDS, SINGLES, Owner, Watch, most_watches, watches
from bench.storms.outages import PROMPT, RECOVERY_SECONDS, Manner, Span, Turn, caused_by, flapping, outage, summary

from autocloudops.alarms.model import AlarmState
from autocloudops.alarms.wire.shape import Place

ACCOUNTS = ("111122223333", "444455556666", "777788889999")
REGIONS = ("eu-west-1", "us-east-1", "eu-north-1")
WORDS = ("orders", "search", "basket", "billing", "media", "profile", "pricing", "stock", "mail", "ledger", "routing")
TWIN_KINDS = ("kinesis", "dynamodb")
"""What two accounts can really have under equal names: ids of hosts, tasks and load balancers are never the same."""
STARTS_WITHIN_SECONDS = 110.0
WOBBLING = 0.15
NOTIFY_OK = 0.4
FEWEST_ALARMS_PER_CAUSE = 20
ON_HOSTS = frozenset({Sort.AGAIN, Sort.AFTER, Sort.MEANWHILE})
"""Causes that strike an owner of another cause, its host; each host has one."""
ABLE_TO_BE_SLOW = frozenset({Sort.FLEET, Sort.FEW, Sort.COMPOSITE, Sort.SCATTERED})


@dataclass(frozen=True, slots=True)
class Storm:
    """Every state change in order of time, each with the name of its cause; and the sort of each cause."""

    turns: tuple[Turn, ...]
    sorts: Mapping[str, Sort]

    @property
    def alarms(self) -> tuple[Turn, ...]:
        """The turns to ALARM."""
        return tuple(turn for turn in self.turns if turn.state is AlarmState.ALARM)


@dataclass(frozen=True, slots=True)
class Strike:
    """One owner hit by one cause: how many alarms this sets off, when, and how they behave."""

    owner: Owner
    alarms: int
    span: Span
    manner: Manner = PROMPT

    @property
    def keys(self) -> int:
        """How many alarms of the owner fire: some of a fleet's fire twice."""
        return self.alarms if self.owner.kind in SINGLES else ceil(self.alarms / (1 + WOBBLING))


def storm(seed: int, alarms: int, causes: int) -> Storm:
    """Return the storm of `seed`: `alarms` turns to ALARM from `causes` causes, and the OKs that are notified.

    A cause is one thing that goes wrong. What goes wrong again after every alarm had returned to OK is a cause of its
    own, because it needs to be looked at anew.

    Raises:
        ValueError: there are too few alarms for that many causes.
    """
    if alarms < FEWEST_ALARMS_PER_CAUSE * causes:
        raise ValueError(f"{causes} causes need at least {FEWEST_ALARMS_PER_CAUSE * causes} alarms")
    random = Random(seed)  # noqa: S311 - to be repeated, not to be kept secret
    chosen = sorts(causes)
    author = _Author(random, chosen)
    turns: list[Turn] = []
    for number, (sort, size) in enumerate(zip(chosen, sizes(random, chosen, alarms), strict=True)):
        turns += caused_by(f"cause-{number:02}", author.turns(sort, size))
    named = {f"cause-{number:02}": sort for number, sort in enumerate(chosen)}
    return Storm(tuple(sorted(turns, key=lambda turn: turn.at_seconds)), named)


class _Author:
    """Writes what each cause does, and remembers on whose owners others strike later."""

    def __init__(self, random: Random, chosen: Sequence[Sort]) -> None:
        self._random = random
        self._named = 0
        self._slow = _slow(random, chosen)
        self._to_host = [sort for sort in chosen if sort in ON_HOSTS]
        self._hosts: dict[Sort, list[Strike]] = {sort: [] for sort in Sort}
        self._twins: list[Strike] = []
        self._plots: Mapping[Sort, Callable[[int], list[Turn]]] = {
            Sort.FLEET: self._fleet,
            Sort.FEW: self._few,
            Sort.TWIN: self._twin,
            Sort.AGAIN: self._again,
            Sort.AFTER: self._after,
            Sort.MEANWHILE: self._meanwhile,
            Sort.FLAPPING: self._flap,
            Sort.COMPOSITE: partial(self._reaching, Sort.COMPOSITE),
            Sort.SCATTERED: partial(self._reaching, Sort.SCATTERED),
        }
        self._reach = {sort: cycle(parts) for sort, parts in REACH.items()}

    def turns(self, sort: Sort, alarms: int) -> list[Turn]:
        """Return the turns of one cause; causes come in the order of `Sort`."""
        return self._plots[sort](alarms)

    def _struck(self, strike: Strike) -> list[Turn]:
        watched = watches(strike.owner, strike.keys)
        return outage(self._random, watched, strike.alarms - len(watched), strike.span, strike.manner)

    def _fleet(self, alarms: int) -> list[Turn]:
        owner = self._owner(self._random.choice(FLEETS))
        if not self._to_host:
            return self._struck(Strike(owner, alarms, self._span(), self._manner(owner.kind)))
        sort = self._to_host.pop()
        strike = Strike(owner, alarms, self._span() if sort is Sort.MEANWHILE else self._early())
        self._hosts[sort].append(strike)
        return self._struck(strike)

    def _few(self, alarms: int) -> list[Turn]:
        enough = [kind for kind in SINGLES if len(KINDS[kind]) <= alarms == most_watches(kind, alarms)]
        kind = self._random.choice(enough)
        return self._struck(Strike(self._owner(kind), alarms, self._span(), self._manner(kind)))

    def _twin(self, alarms: int) -> list[Turn]:
        if not self._twins:
            self._twins.append(Strike(self._owner(self._random.choice(TWIN_KINDS)), alarms, self._span()))
            return self._struck(self._twins[0])
        first = self._twins.pop()
        place = first.owner.place
        other = next(account for account in ACCOUNTS if account != place.account)
        owner = Owner(first.owner.kind, first.owner.name, Place(other, place.region))
        return self._struck(Strike(owner, alarms, self._later(first.span, self._random.uniform(-20, 20))))

    def _again(self, alarms: int) -> list[Turn]:
        host = self._hosts[Sort.AGAIN].pop()
        return self._struck(Strike(host.owner, alarms, self._following(host.span)))

    def _after(self, alarms: int) -> list[Turn]:
        host = self._hosts[Sort.AFTER].pop()
        return self._elsewhere(host, alarms, self._following(host.span))

    def _meanwhile(self, alarms: int) -> list[Turn]:
        host = self._hosts[Sort.MEANWHILE].pop()
        start = host.span.start + self._random.uniform(15, 40)
        return self._elsewhere(host, alarms, Span(start, 10, host.span.end))

    def _elsewhere(self, host: Strike, alarms: int, span: Span) -> list[Turn]:
        """Return the turns of alarms on other parts of an owner that was struck, or is."""
        others = watches(host.owner, host.keys + alarms)[host.keys :]
        return outage(self._random, others, 0, span, PROMPT)

    def _flap(self, alarms: int) -> list[Turn]:
        (watch,) = watches(self._owner(self._random.choice(SINGLES)), 1)
        return flapping(self._random, watch, alarms, self._random.uniform(0, STARTS_WITHIN_SECONDS))

    def _reaching(self, sort: Sort, alarms: int) -> list[Turn]:
        """Return the turns of a cause over several owners, and of the composite alarm above them where there is one."""
        parts = next(self._reach[sort])
        place, span = self._place(), self._span()
        alarms -= sort is Sort.COMPOSITE
        turns: list[Turn] = []
        for number, (part, size) in enumerate(zip(parts, _shared(parts, alarms), strict=True)):
            owner = self._owner(part.kind, place)
            delay = self._random.uniform(5, 25) if number else 0.0
            manner = self._manner(part.kind) if part == max(parts, key=_share) else self._prompt()
            turns += self._struck(Strike(owner, size, self._later(span, delay), manner))
        return turns + self._summed_up(turns, place) if sort is Sort.COMPOSITE else turns

    def _summed_up(self, turns: Sequence[Turn], place: Place) -> list[Turn]:
        """Return the turns of a composite alarm over the first two alarms of each owner, those of the owner itself."""
        owners = dict.fromkeys(turn.watch.owner for turn in turns)
        children = tuple(watch.name for owner in owners for watch in watches(owner, 2))
        owner = Owner("composite", self._name(), place)
        return summary(self._random, Watch(owner, f"{owner.name}-health", children=children), turns)

    def _owner(self, kind: str, place: Place | None = None) -> Owner:
        return Owner(kind, self._name(), place or self._place())

    def _name(self) -> str:
        self._named += 1
        return f"{self._random.choice(WORDS)}-{self._named:02}"

    def _place(self) -> Place:
        return Place(self._random.choice(ACCOUNTS), self._random.choice(REGIONS))

    def _manner(self, kind: str) -> Manner:
        """Return how the alarms of the owner behave that a cause hits hardest: this is asked once for each cause."""
        prompt = self._prompt()
        if not self._slow.pop():
            return prompt
        return Manner(prompt.says_ok, KINDS[kind][-1].gauge.metric, self._random.uniform(80, 90))

    def _prompt(self) -> Manner:
        return Manner(says_ok=self._random.random() < NOTIFY_OK)

    def _span(self) -> Span:
        start = self._random.uniform(0, STARTS_WITHIN_SECONDS)
        return Span(start, self._random.uniform(30, 60), start + self._random.uniform(140, 155))

    def _early(self) -> Span:
        start = self._random.uniform(0, 20)
        return Span(start, 25, start + self._random.uniform(65, 80))

    def _following(self, before: Span) -> Span:
        """Return when a cause strikes after another is over and every alarm is back to OK."""
        start = before.end + RECOVERY_SECONDS + self._random.uniform(8, 20)
        return Span(start, 25, start + self._random.uniform(70, 90))

    def _later(self, span: Span, seconds: float) -> Span:
        start = max(0.0, span.start + seconds)
        return Span(start, min(span.spread, 35.0), span.end)


def _slow(random: Random, chosen: Sequence[Sort]) -> list[bool]:
    """Return which of the causes that may have a slow metric have one: those that end early cannot show it."""
    able = sum(sort in ABLE_TO_BE_SLOW for sort in chosen) - sum(sort in ON_HOSTS for sort in chosen)
    slow = min(able, round(SLOW_SHARE * len(chosen)))
    return random.sample([True] * slow + [False] * (able - slow), able)


def _share(part: Part) -> float:
    return part.share


def _shared(parts: Sequence[Part], alarms: int) -> list[int]:
    """Return how many alarms each part sets off: its share, but two at least and no more than its owner has."""
    bounded = [
        min(max(FEWEST_OF_A_PART, share), most_watches(part.kind, alarms))
        for part, share in zip(parts, apportioned(alarms, [part.share for part in parts]), strict=True)
    ]
    largest = bounded.index(max(bounded))
    bounded[largest] += alarms - sum(bounded)
    return bounded
