"""What reaches the queue of a storm: each state change by the path of its owner's team, some of them twice."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random
from uuid import UUID

from bench.storms.estate import Owner
from bench.storms.outages import Turn
from bench.storms.payloads import Node, event, moment, sns_envelope, sns_message
from bench.storms.storm import Storm

REDELIVERED = 0.01


class Path(StrEnum):
    """How an owner's alarms reach the queue."""

    SNS = "SNS"
    SNS_RAW = "SNS, raw delivery"
    EVENTBRIDGE = "EventBridge"
    BOTH = "SNS and EventBridge"


PATHS = {Path.SNS: 0.45, Path.SNS_RAW: 0.15, Path.EVENTBRIDGE: 0.25, Path.BOTH: 0.15}
WRITERS: dict[Path, tuple[Callable[[Turn, datetime], Node], ...]] = {
    Path.SNS: (sns_envelope,),
    Path.SNS_RAW: (sns_message,),
    Path.EVENTBRIDGE: (event,),
    Path.BOTH: (sns_envelope, event),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One body for the queue, due so many seconds after the storm began."""

    at_seconds: float
    event_id: UUID
    body: str


def event_id_of(turn: Turn, start: datetime) -> UUID:
    """Return the event id of a turn in a storm that begins at `start`: what its label hangs on."""
    return turn.watch.key.event_id(turn.state, moment(turn, start))


def messages(storm: Storm, seed: int, start: datetime) -> list[Message]:
    """Return the messages of a storm that begins at `start`, in the order in which they arrive.

    Every owner's team has one path; teams with two get every change twice. SQS delivers one in a hundred again.

    Args:
        storm: what happens.
        seed: the same seed gives the same paths and delays.
        start: when it begins, to the millisecond.
    """
    random = Random(seed)  # noqa: S311 - to be repeated, not to be kept secret
    paths: dict[Owner, Path] = {}
    found: list[Message] = []
    for turn in storm.turns:
        path = paths.setdefault(turn.watch.owner, *random.choices(list(PATHS), list(PATHS.values())))
        found += _copies(turn, path, random, start)
    return sorted(found, key=lambda message: message.at_seconds)


def _copies(turn: Turn, path: Path, random: Random, start: datetime) -> Iterator[Message]:
    for write in WRITERS[path]:
        copy = Message(
            at_seconds=turn.at_seconds + random.uniform(0.05, 1.5),
            event_id=event_id_of(turn, start),
            body=json.dumps(write(turn, start)),
        )
        yield copy
        if random.random() < REDELIVERED:
            yield Message(copy.at_seconds + random.uniform(0.5, 20), copy.event_id, copy.body)
