"""The best fixed limit, found by trying: what the controller is measured against."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.utilisation.measures import MEDIAN, P95, quantile, seconds_taken, throughput
from bench.utilisation.peers import Fixed
from bench.utilisation.world import Setting, Worker, answers_of

from autocloudops.sandbox.endpoint.batching import Scale
from autocloudops.sandbox.endpoint.gpus import Profile

CEILING_SECONDS = 45.0
ABOUT_TOKENS = 200
FIRST_LIMIT, COARSE, FINE = 4, 1.3, (0.82, 0.9, 1.1)
AROUND = (0.8, 0.9, 1.0, 1.1)
BEYOND_MOST = 1.4
DEMAND, MOST_INSTANCES = 3, 4
WARM_UP, MEASURED = 4.0, 20.0
AS_GOOD = 0.99


@dataclass(frozen=True, slots=True)
class Tried:
    """What a fixed limit came to, on so many instances: tokens a second, median and 95th percentile in seconds."""

    instances: int
    limit: int
    throughput: float
    median_seconds: float
    p95_seconds: float


@dataclass(frozen=True, slots=True)
class Reference:
    """The best that fixed limits do under the ceiling.

    `service_seconds` is the median latency of the smallest limit that is as good within a hundredth: a larger one only
    makes requests wait.
    """

    limit: int
    throughput: float
    service_seconds: float


@dataclass(frozen=True, slots=True)
class References:
    """The references of a profile on one instance and on four."""

    one: Reference
    four: Reference


def references(profile: Profile, seed: int) -> References:
    """Try fixed limits on one instance, then around four times the best on four."""
    one = _sweep_one(profile, seed)
    best = _best(one)
    median = max(each.median_seconds for each in one if each.limit <= best.limit)
    limits = sorted({round(4 * best.limit * part) for part in AROUND})
    four = [_tried(profile, 4, limit, median, seed) for limit in limits]
    return References(best, _best(four))


def _sweep_one(profile: Profile, seed: int) -> list[Tried]:
    tried = list(_coarse(profile, seed))
    best = _best(tried)
    more = {round(best.limit * part) for part in FINE} - {each.limit for each in tried}
    tried += [_tried(profile, 1, limit, best.service_seconds, seed) for limit in more]
    return sorted(tried, key=lambda each: each.limit)


def _coarse(profile: Profile, seed: int) -> Iterator[Tried]:
    """Yield limits that grow by a third, until the ceiling is crossed or no more could run."""
    limit, median = FIRST_LIMIT, profile.alpha_ms / 1000 * ABOUT_TOKENS
    while limit <= BEYOND_MOST * profile.max_sequences:
        tried = _tried(profile, 1, limit, min(median * COARSE, CEILING_SECONDS), seed)
        yield tried
        if tried.p95_seconds > CEILING_SECONDS:
            return
        limit, median = max(limit + 1, round(limit * COARSE)), tried.median_seconds


def _tried(profile: Profile, instances: int, limit: int, about_seconds: float, seed: int) -> Tried:
    """Run a fixed limit for a while: `about_seconds` is what a request may take.

    As many questions are ready as the controller has: with fewer, those that never fit into 60 s would soon take the
    places of all others, and the reference would be lower than what the limit can do.
    """
    begin, end = WARM_UP * about_seconds, (WARM_UP + MEASURED) * about_seconds
    clients = DEMAND * MOST_INSTANCES // instances * limit
    setting = Setting(profile, clients, end, (Scale(0.0, instances),), seed)
    answers = answers_of(setting, [Worker(Fixed(limit))])
    taken = seconds_taken(answers, begin, end)
    return Tried(instances, limit, throughput(answers, begin, end), quantile(taken, MEDIAN), quantile(taken, P95))


def _best(tried: list[Tried]) -> Reference:
    allowed = [each for each in tried if each.p95_seconds <= CEILING_SECONDS]
    most = max(each.throughput for each in allowed)
    enough = next(each for each in allowed if each.throughput >= AS_GOOD * most)
    return Reference(enough.limit, most, enough.median_seconds)
