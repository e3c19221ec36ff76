"""Schedules: which messages come when, which workers meet which faults. A seed says all of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from alarm_bodies import eventbridge
from database_alarms import composite, event, moment, sns
from faulty_calls import Fault, Pair, Planned

METRICS = ("ReadLatency", "WriteLatency", "DatabaseConnections")
TURNS = (("ALARM",), ("ALARM", "OK"), ("ALARM", "OK", "ALARM"), ("ALARM", "INSUFFICIENT_DATA"))
SPAN_SECONDS = 110.0
FUNCTION = "L"
IN_TURN = 5
PATIENCE_SECONDS = 45.0

CALLS: Mapping[str, int] = {
    "queue.receive": 12,
    "queue.delete": 4,
    "queue.release": 1,
    "queue.extend": 1,
    "queue.park": 1,
    "state.read": 3,
    "state.query": 40,
    "state.batch": 20,
    "state.open": 1,
    "state.record": 4,
    "state.count": 2,
    "state.claim": 2,
    "state.hold": 1,
    "state.settle": 2,
    "state.reopen": 1,
    "state.told": 2,
    "state.finish": 1,
    "state.storm": 2,
    "audit.create": 8,
    "model.complete": 2,
    "notifier.tell": 2,
}
"""Every stage, and how many of its first calls a schedule makes for sure, or nearly: one of them meets a fault."""

SLEEPS = {("model.complete", number): Planned(Fault.SLOW, seconds=65.0) for number in range(3)}
"""Questions that last longer than a Lambda function waits, so that it defers them."""

SURE = ("queue.receive", "state.query", "state.batch", "audit.create")
HANGS = ("model.complete", 0), Planned(Fault.SLOW, seconds=65.0)
FAILS = ("state.open", 0), Planned(Fault.THROTTLED, times=3)
BROUGHT_ABOUT_BY = {"state.hold": HANGS, "queue.extend": HANGS, "queue.release": FAILS}
"""What makes a stage that a schedule may do without: a question that lasts, a message that cannot be handled."""

ANY = (Fault.THROTTLED, Fault.LOST, Fault.SLOW, Fault.LATE, Fault.DIES_BEFORE, Fault.DIES_AFTER, Fault.STALLS)
READING = tuple(fault for fault in ANY if fault is not Fault.LATE)
SOME: Mapping[str, tuple[Fault, ...]] = {
    "queue.receive": (*ANY, Fault.DUPLICATE),
    "queue.delete": (*ANY, Fault.PARTIAL),
    "queue.release": (*ANY, Fault.PARTIAL),
    "queue.extend": (*ANY, Fault.PARTIAL),
    "state.read": READING,
    "state.query": READING,
    "state.batch": (*READING, Fault.PARTIAL),
    "state.open": (*ANY, Fault.PARTIAL),
    "state.count": (*ANY, Fault.PARTIAL),
    "state.settle": (*ANY, Fault.PARTIAL),
    "state.reopen": (*ANY, Fault.PARTIAL),
    "model.complete": (*ANY, Fault.PARTIAL),
}
PAIRS: Sequence[Pair] = tuple((fault, stage) for stage in CALLS for fault in SOME.get(stage, ANY))
"""Every fault with every stage that it can meet."""


@dataclass(frozen=True, slots=True)
class Employee:
    """A worker of a schedule: when it starts and is told to stop for its successor, and how wrong its clock is.

    One whose name begins with `FUNCTION` runs as a Lambda function, the others as services.
    """

    name: str
    starts_at: float
    stops_at: float | None
    skew_seconds: float


@dataclass(frozen=True)
class Schedule:
    """What one seed says."""

    seed: int
    workers: Sequence[Employee]
    sending: Sequence[tuple[float, str]]
    planned: Mapping[tuple[str, int], Planned]
    concurrency: int
    lease_seconds: int


def schedule(seed: int) -> Schedule:
    """Return the schedule of a seed."""
    rng = Random(seed)  # noqa: S311 - the same every time is what is wanted
    workers = list(_workers(rng))
    functions = any(each.name.startswith(FUNCTION) for each in workers)
    return Schedule(
        seed=seed,
        workers=workers,
        sending=_sending(rng),
        planned=(SLEEPS if functions else {}) | _planned(seed, rng),
        concurrency=rng.choice((2, 4, 8)),
        lease_seconds=rng.choice((30, 30, 90, 180)),
    )


def _workers(rng: Random) -> Iterator[Employee]:
    functions = FUNCTION if rng.random() < 1 / 4 else ""
    for name in f"{functions}ABC"[: rng.choice((2, 2, 3))]:
        stops = rng.uniform(20, SPAN_SECONDS) if rng.random() < 1 / 3 else None
        yield Employee(name, rng.uniform(0, 3), stops, rng.choice((0.0, rng.uniform(-3, 3))))


def _planned(seed: int, rng: Random) -> dict[tuple[str, int], Planned]:
    """Take the next pairs in their turn, so that few seeds meet them all, and some more by chance."""
    turn = [PAIRS[(seed + number * len(PAIRS) // IN_TURN) % len(PAIRS)] for number in range(IN_TURN)]
    sure = rng.choices([pair for pair in PAIRS if pair[1] in SURE], k=2)
    chance = rng.choices(PAIRS, k=rng.randrange(3))
    planned = dict(BROUGHT_ABOUT_BY[stage] for _, stage in turn if stage in BROUGHT_ABOUT_BY)
    for fault, stage in (*sure, *chance, *turn):
        number = rng.randrange(CALLS[stage])
        planned[stage, number] = Planned(fault, rng.choice((1, 1, 3)), _seconds(fault, rng))
    return planned


def _seconds(fault: Fault, rng: Random) -> float:
    return rng.choice((20.0, 100.0, 250.0)) if fault is Fault.STALLS else rng.uniform(1, 60)


def _sending(rng: Random) -> list[tuple[float, str]]:
    """Return bodies by the second at which they arrive: late, twice, out of order."""
    changes = [*_news(rng), *_episodes(rng), *_composites(rng)]
    copies = [(at, twin) for at, twin, _ in rng.sample(changes, 4)]
    bodies = [(at, body) for at, _, body in changes] + copies + list(_others(rng))
    return sorted((at + _delay_seconds(rng), body) for at, body in bodies)


def _delay_seconds(rng: Random) -> float:
    return rng.uniform(0, 60) if rng.random() < 1 / 5 else rng.uniform(0, 0.5)


def _news(rng: Random) -> Iterator[tuple[float, str, str]]:
    """Yield an alarm that goes on, and one of another kind long after, which is news to a decided incident."""
    for name, metric, at in (("first", METRICS[0], rng.uniform(0, 5)), ("news", "CPUUtilization", SPAN_SECONDS)):
        yield at, event(name, "ALARM", at, metric, "orders-0"), sns(name, "ALARM", at, metric, "orders-0")


def _episodes(rng: Random) -> Iterator[tuple[float, str, str]]:
    """Yield changes of alarms: when, as EventBridge tells it, and as SNS does."""
    databases = [f"orders-{number}" for number in range(rng.choice((1, 2, 3)))]
    left = rng.randrange(12, 16)
    while left > 0:
        name = f"alarm-{left}"
        metric, database = rng.choice(METRICS), rng.choice(databases)
        at = round(rng.uniform(0, SPAN_SECONDS / 2), 3)
        for value in rng.choice(
            (("ALARM",), ("ALARM", "OK"), ("ALARM", "OK", "ALARM"), ("ALARM", "INSUFFICIENT_DATA"))
        ):
            yield at, event(name, value, at, metric, database), sns(name, value, at, metric, database)
            at = round(at + rng.choice((rng.uniform(0.1, 2), rng.uniform(5, 60))), 3)
            left -= 1


def _composites(rng: Random) -> Iterator[tuple[float, str, str]]:
    if rng.random() < 1 / 4:
        at = round(rng.uniform(0, SPAN_SECONDS / 2), 3)
        body = composite("all", "alarm-12", "alarm-11", "alarm-10", "first", seconds=at)
        yield at, body, body


def _others(rng: Random) -> Iterator[tuple[float, str]]:
    """Yield what is no alarm: an event of another service, and bodies that nobody can read."""
    at = rng.uniform(0, SPAN_SECONDS)
    notice = eventbridge(
        {"EventID": "RDS-EVENT-0006"},
        source="aws.rds",
        detail_type="RDS DB Instance Event",
        time=moment(round(at)),
        id=f"event-{rng.random()}",
    )
    yield at, json.dumps(notice)
    for number in range(rng.choice((1, 2))):
        yield rng.uniform(0, SPAN_SECONDS), f"is somebody there? {number}"
