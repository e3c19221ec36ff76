"""Two workers and their sweepers around one incident, each dying or standing still at every step that it takes.

A schedule is who meets what at which step. In each, messages are duplicated, alarms join before, during and after the
question, a member asks again, leases lapse, and replies come late; afterwards every promise is checked.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from random import Random
from uuid import UUID

import pytest
from database_alarms import event, sns
from virtual_time import run
from worlds import Fate, World, send

from autocloudops.alarms.model import Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.audit.reader import Found
from autocloudops.audit.record import Outcome
from autocloudops.incidents.model import Incident, IncidentStatus

SENDING = (
    (0.00, sns("reads")),
    (0.05, event("reads")),
    (0.10, sns("writes", seconds=0.1, metric="WriteLatency")),
    (2.00, sns("reads-too", seconds=2)),
    (5.00, sns("reads-too", "OK", seconds=5)),
    (5.10, "{"),
    (5.20, sns("quiet", "INSUFFICIENT_DATA", seconds=5)),
    (80.0, sns("connections", seconds=80, metric="DatabaseConnections")),
    (82.0, event("connections", seconds=80, metric="DatabaseConnections")),
)
LONGEST_SECONDS = 1200
Fates = Mapping[str, Fate]


async def live(fates: Fates, *, durable: bool) -> World:
    """Let two workers meet their fates, and return what is left when everything is settled."""
    world = World(durable=durable, concurrency=3)
    for name in ("A", "B"):
        world.start(name, fates.get(name))
        await asyncio.sleep(0.01)
    await send(world.queue, SENDING)
    await world.settled(LONGEST_SECONDS)
    await world.close()
    return world


def steps(*, durable: bool) -> dict[str, int]:
    """Return how many steps each worker takes where nobody meets anything."""
    world = run(live({}, durable=durable))
    return dict(zip(("A", "B"), (len(worker.life.steps) for worker in world.workers), strict=True))


async def broken(world: World) -> list[str]:
    """Return every promise that a world broke."""
    incidents = await world.incidents()
    effective = dict(_effective(world.kept, incidents))
    return [
        *(f"{len(lines)} effective decisions of {name}" for name, lines in effective.items() if len(lines) != 1),
        *(f"undecided: {each}" for each in incidents.values() if each.status is not IncidentStatus.DECIDED),
        *_lost(world, {line.sha256 for lines in effective.values() for line in lines}),
        *(f"deleted without a durable record: {each}" for each in world.queue.deleted_too_early),
        *(f"still in the queue: {each}" for each in world.queue.messages),
        *(["told more often than decided"] if len(world.told.notifications) > len(effective) else []),
        *(["parked wrongly"] if {body for body, _ in world.queue.parked} != {"{"} else []),
    ]


def _effective(kept: Iterable[Found], incidents: Mapping[UUID, Incident]) -> Iterator[tuple[str, list[Found]]]:
    """Yield the effective decisions of each incident and revision.

    The newest revision's is the one that the incident names. Of an older one it is the last attempt's: an attempt
    begins only while no decision stands, and settles only while it is the last.
    """
    decided: defaultdict[tuple[UUID, int], list[Found]] = defaultdict(list)
    for found in kept:
        record = found.record
        if record.outcome is Outcome.DECIDED and record.decision and not record.repeated:
            decided[record.decision.incident_id, record.decision.revision].append(found)
    for incident in incidents.values():
        for revision in range(incident.revision + 1):
            lines = decided[incident.incident_id, revision]
            last = max((line.record.attempt or 0 for line in lines), default=0)
            named = [line for line in lines if line.record.attempt == last]
            if revision == incident.revision:
                assert [line.sha256 for line in named] == [incident.record_sha256]
            yield f"{incident.incident_id}/{revision}", named


def _lost(world: World, effective: set[str]) -> Iterator[str]:
    """Yield every event that does not end in exactly one state.

    A repeated line says how its event ended too: it is the only one where a worker died between state and audit.
    """
    ends: defaultdict[UUID, set[Outcome]] = defaultdict(set)
    for found in world.kept:
        record = found.record
        answers = record.outcome is not Outcome.DECIDED or record.repeated or found.sha256 in effective
        if record.event_id and record.outcome is not Outcome.NOTE and answers:
            ends[record.event_id].add(record.outcome)
    sent = {part.event_id for _, body in SENDING for part in parse(body) if not isinstance(part, Unparseable)}
    yield from (f"{each} was never sent" for each in ends.keys() - sent)
    yield from (f"{each} ends as {sorted(ends[each])}" for each in sent if len(ends[each]) != 1)


def judge(schedules: Iterable[Fates], *, durable: bool) -> int:
    """Live through every schedule and return how many there were."""
    number = 0
    for number, fates in enumerate(schedules, 1):

        async def one(fates: Fates = fates) -> list[str]:
            return await broken(await live(fates, durable=durable))

        assert run(one()) == [], f"{fates}"
    return number


def single(*, durable: bool, dies: bool) -> Iterator[Fates]:
    """Yield every schedule in which one worker meets one fate, at each of its steps."""
    for name, taken in steps(durable=durable).items():
        for step in range(taken):
            yield {name: Fate(step, dies)}


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
@pytest.mark.parametrize("dies", [True, False], ids=["dies", "stalls"])
def test_one_worker_fails_at_any_step(dies: bool, durable: bool) -> None:
    """Whoever dies or stands still, wherever: nothing is lost, and each revision has one effective decision."""
    taken = steps(durable=durable)
    assert judge(single(durable=durable, dies=dies), durable=durable) == sum(taken.values()) > 100
