"""Of what a storm consists: how many causes of each sort, and how many alarms each of them sets off.

The shares are meant to be those of a bad hour in a large estate. Most causes hit one owner. Six in fifty reach several
owners: three of those owners stand under a composite alarm, as teams build them for a service and what it needs; of the
other three nothing in any message tells that they belong together. Independent troubles on one owner at once are rare
and small: one host's disk fills while the group has another problem.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Sort(StrEnum):
    """What a cause is like."""

    FLEET = "one owner, many parts"
    FEW = "one owner, few alarms"
    TWIN = "two accounts, equal names"
    AGAIN = "the same again after OK"
    AFTER = "another on that owner after OK"
    MEANWHILE = "another on that owner meanwhile"
    FLAPPING = "an alarm that flaps"
    COMPOSITE = "several owners under a composite"
    SCATTERED = "several owners, nothing connects"


SHARES: Mapping[Sort, int] = {
    Sort.FLEET: 19,
    Sort.FEW: 10,
    Sort.TWIN: 4,
    Sort.AGAIN: 4,
    Sort.AFTER: 2,
    Sort.MEANWHILE: 3,
    Sort.FLAPPING: 2,
    Sort.COMPOSITE: 3,
    Sort.SCATTERED: 3,
}
"""Of fifty causes."""
SLOW_SHARE = 0.2
"""Causes of which one metric needs more datapoints than the others, and shows a minute or two later."""
WEIGHTS: Mapping[Sort, float] = {
    Sort.FLEET: 1.0,
    Sort.TWIN: 0.7,
    Sort.AGAIN: 0.6,
    Sort.COMPOSITE: 1.0,
    Sort.SCATTERED: 1.0,
}
"""How the alarms are shared out among the large causes; each varies by a fifth."""
SMALL: Mapping[Sort, tuple[int, int]] = {Sort.FEW: (2, 8), Sort.AFTER: (3, 8), Sort.FLAPPING: (4, 5)}
"""How many alarms the small causes set off, from and to."""
MEANWHILE_SHARE = 0.0008
"""Of all alarms, what an independent trouble sets off at most on an owner that is in trouble already."""


@dataclass(frozen=True, slots=True)
class Part:
    """One owner that a cause hits: its kind, and its share of the alarms."""

    kind: str
    share: float


SERVICE = (Part("ecs", 0.92), Part("alb", 0.05), Part("sqs", 0.03))
DATABASE = (Part("rds", 0.03), Part("ecs", 0.92), Part("alb", 0.05))
REACH: Mapping[Sort, tuple[tuple[Part, ...], ...]] = {
    Sort.COMPOSITE: (SERVICE, (Part("asg", 0.6), Part("ecs", 0.4)), SERVICE),
    Sort.SCATTERED: (DATABASE, (Part("asg", 0.5), Part("ecs", 0.3), Part("kinesis", 0.2)), DATABASE),
}
"""The owners that causes over several of them hit, in turn; they begin with the first."""
FEWEST_OF_A_PART = 2


def sorts(causes: int) -> list[Sort]:
    """Return the sort of each of `causes` causes, in the proportions of `SHARES`."""
    numbers = apportioned(causes, list(SHARES.values()))
    numbers[list(SHARES).index(Sort.TWIN)] &= ~1
    numbers[0] += causes - sum(numbers)
    return [sort for sort, number in zip(SHARES, numbers, strict=True) for _ in range(number)]


def sizes(random: Random, chosen: Sequence[Sort], alarms: int) -> list[int]:
    """Return how many alarms each cause sets off, `alarms` in all."""
    bounds = {**SMALL, Sort.MEANWHILE: (1, max(1, int(alarms * MEANWHILE_SHARE)))}
    small = [random.randint(*bounds[sort]) if sort in bounds else 0 for sort in chosen]
    weights = [WEIGHTS.get(sort, 0.0) * random.uniform(0.8, 1.2) for sort in chosen]
    large = apportioned(alarms - sum(small), weights)
    return [few + many for few, many in zip(small, large, strict=True)]


def apportioned(total: int, weights: Sequence[float]) -> list[int]:
    """Return whole shares of `total` in proportion to `weights`, by largest remainder."""
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: shares[index] - exact[index])
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares
