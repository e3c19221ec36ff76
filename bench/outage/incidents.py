"""Incidents that arrive steadily: each is one alarm of an owner of its own, and can be told from the prompt."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random
from uuid import UUID

from bench.storms.deliveries import event_id_of
from bench.storms.estate import Owner, watches
from bench.storms.outages import Turn
from bench.storms.payloads import event

from autocloudops.alarms.model import AlarmState
from autocloudops.alarms.wire.shape import Place

HOME = "eu-west-1"
APART_SECONDS = 4.0
NAME = re.compile(r"orders-(\d{5})")


@dataclass(frozen=True, slots=True)
class Arrival:
    """The alarm of one incident as it reaches the queue, so many seconds after the start."""

    number: int
    at_seconds: float
    event_id: UUID
    body: str


def arrivals(seconds: float, random: Random, start: datetime) -> Iterator[Arrival]:
    """Yield the incidents of `seconds`, four seconds apart give or take two."""
    for number in range(int(seconds / APART_SECONDS)):
        at = (number + random.uniform(0, 1)) * APART_SECONDS
        [watch] = watches(Owner("lambda", f"orders-{number:05}", Place("111122223333", HOME)), 1)
        turn = Turn(at, watch, AlarmState.ALARM, "")
        yield Arrival(number, at, event_id_of(turn, start), json.dumps(event(turn, start)))


def incident_in(prompt: str) -> int | None:
    """Return the number of the incident that a prompt is about; None for a probe, which names no alarm."""
    found = NAME.search(prompt)
    return int(found[1]) if found else None
