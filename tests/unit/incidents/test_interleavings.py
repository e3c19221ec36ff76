"""Two workers and their sweepers around one incident, each dying or standing still at every step that it takes.

A schedule is who meets what at which step. In each, messages are duplicated, alarms join before, during and after the
question, a member asks again, leases lapse and replies come late; afterwards every promise is checked. Workers that
Lambda runs meet an endpoint without an instance, and defer.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, product
from random import Random
from uuid import UUID

import pytest
from cheaper import cheaper
from database_alarms import event, sns
from lambda_worlds import ColdModel, LambdaWorker
from virtual_time import run
from worlds import Fate, World, send

from autocloudops.alarms.model import Alarm, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.audit.reader import Found
from autocloudops.audit.record import Outcome, StoredRecord
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
    (82.0, event("writes", seconds=0.1, metric="WriteLatency")),
)
SENT = {part.event_id for _, body in SENDING for part in parse(body) if not isinstance(part, Unparseable)}
LONGEST_SECONDS = 1200
LEASE_SECONDS = 100
PAIRS = 40
FUNCTION_STRIDE = 4
Fates = Mapping[str, Fate]


@dataclass(frozen=True)
class Setting:
    """How incidents are kept, and how workers are run: as services, or by Lambda before an endpoint that sleeps."""

    durable: bool
    deferring: bool = False

    def world(self) -> World:
        """Return an empty world."""
        if self.deferring:
            return World(durable=self.durable, kind=LambdaWorker, model=ColdModel())
        return World(durable=self.durable, concurrency=3)


MEMORY, TABLE = Setting(durable=False), Setting(durable=True)
LAMBDA_MEMORY, LAMBDA_TABLE = Setting(durable=False, deferring=True), Setting(durable=True, deferring=True)


async def live(fates: Fates, setting: Setting) -> World:
    """Let two workers meet their fates, and return what is left when everything is settled."""
    world = setting.world()
    for name in ("A", "B"):
        world.start(name, fates.get(name))
        await asyncio.sleep(0.01)
    await send(world.queue, SENDING)
    await world.settled(LONGEST_SECONDS)
    await world.close()
    return world


def steps(setting: Setting) -> dict[str, list[str]]:
    """Return the steps that each worker takes where nobody meets anything."""
    world = run(live({}, setting))
    return dict(zip(("A", "B"), (worker.life.steps for worker in world.workers), strict=True))


def broken(world: World) -> list[str]:
    """Return every promise that a world broke."""
    effective = dict(_effective(world.kept, world.incidents))
    return [
        *(f"{len(lines)} effective decisions of {name}" for name, lines in effective.items() if len(lines) != 1),
        *(f"undecided: {each}" for each in world.incidents.values() if each.status is not IncidentStatus.DECIDED),
        *_lost(world, {line.sha256 for lines in effective.values() for line in lines}),
        *(f"deleted without a durable record: {each}" for each in world.queue.deleted_too_early),
        *(f"still in the queue: {each}" for each in world.queue.messages),
        *_untold(world, len(effective)),
        *_miscounted(world),
        *(["parked wrongly"] if {body for body, _ in world.queue.parked} != {"{"} else []),
    ]


def _miscounted(world: World) -> Iterator[str]:
    """Yield every incident that does not count each of its members once, up and down."""
    records = [found.record for found in world.kept if found.record.alarm]
    oks = [record for record in records if record.outcome is Outcome.OK]
    for incident in world.incidents.values():
        own = [record for record in records if record.incident_id == incident.incident_id]
        joined = [record for record in own if record.outcome in {Outcome.DECIDED, Outcome.JOINED}]
        members = len({record.event_id for record in joined})
        ended = len({ok.event_id for ok in oks if ok in own or _came_first(ok, joined)})
        if (incident.members, incident.members - incident.firing) != (members, ended):
            yield f"{incident.members} members, {incident.firing} firing, where {members} and {ended} OKs are recorded"


def _came_first(ok: StoredRecord, joined: Iterable[StoredRecord]) -> bool:
    """Tell whether an OK ended what was not known yet: its alarm came after it, and so joined as one that has ended."""
    alarms = (record.alarm for record in joined)
    return ok.incident_id is None and any(
        ok.alarm and alarm and alarm.key == ok.alarm.key and alarm.at < ok.alarm.at for alarm in alarms
    )


def _untold(world: World, decisions: int) -> Iterator[str]:
    """Yield whether people were told less than once about a decision, or twice where nobody met anything."""
    told, fated = len(world.told.notifications), sum(worker.life.fate is not None for worker in world.workers)
    if not decisions <= told <= decisions + fated:
        yield f"told {told} times about {decisions} decisions"


def _effective(kept: Iterable[Found], incidents: Mapping[UUID, Incident]) -> Iterator[tuple[str, list[Found]]]:
    """Yield the effective decisions of each incident and revision.

    The newest revision's is the one that the incident names. Of an older one it is the last attempt's: an attempt
    begins only while no decision stands, and settles only while it is the last.
    """
    decided: defaultdict[tuple[UUID, int], list[Found]] = defaultdict(list)
    for found in kept:
        decision = found.record.decision
        if found.record.outcome is Outcome.DECIDED and decision:
            decided[decision.incident_id, decision.revision].append(found)
    for incident in incidents.values():
        for revision in range(incident.revision + 1):
            lines = decided[incident.incident_id, revision]
            last = max((line.record.attempt or 0 for line in lines), default=0)
            named = [line for line in lines if line.record.attempt == last]
            if revision == incident.revision:
                named = [line for line in named if line.sha256 == incident.record_sha256]
            yield f"{incident.incident_id}/{revision}", named


def _lost(world: World, effective: set[str]) -> Iterator[str]:
    """Yield every event that does not end in exactly one state.

    A repeated line says how its event ended too: it is the only one where a worker died between state and audit.
    """
    ends: defaultdict[UUID, set[Outcome]] = defaultdict(set)
    for found in world.kept:
        record = found.record
        answers = record.outcome is not Outcome.DECIDED or record.repeated or found.sha256 in effective
        if record.event_id and record.outcome not in {Outcome.NOTE, Outcome.DEFERRED} and answers:
            ends[record.event_id].add(record.outcome)
    yield from (f"{each} was never sent" for each in ends.keys() - SENT)
    yield from (f"{each} ends as {sorted(ends[each])}" for each in SENT if len(ends[each]) != 1)


def judge(schedules: Iterable[Fates], setting: Setting) -> Counter[str]:
    """Live through every schedule, and return how often each thing happened that makes a schedule hard."""
    seen: Counter[str] = Counter()
    for fates in schedules:
        with cheaper():
            world = run(live(fates, setting))
        assert broken(world) == [], f"{fates}"
        seen.update(["schedule", *{hard for found in world.kept for hard in _hard(found.record)}])
    return seen


def _hard(record: StoredRecord) -> Iterator[str]:
    if record.outcome is Outcome.NOTE:
        yield "late reply"
    elif record.decision and record.delivery is None:
        yield "taken over by a sweeper"
    if record.decision and record.delivery and record.decision.revision == 0 and (record.attempt or 0) > 1:
        yield "taken over by a delivery"
    if record.repeated and record.outcome in {Outcome.JOINED, Outcome.DEFERRED}:
        yield "died between state and audit"
    if record.outcome is Outcome.DEFERRED:
        yield "deferred by a delivery" if record.delivery else "deferred by a sweeper"


def each_step(setting: Setting, *, dies: bool) -> Iterator[Fates]:
    """Yield every schedule in which one worker meets one fate, at each of its steps.

    To stand still after a call is to stand still before the next one, so only the latter is tried.
    """
    for name, taken in steps(setting).items():
        for number, step in enumerate(taken):
            if dies or step.startswith("before"):
                yield {name: Fate(number, dies)}


def effects(taken: Sequence[str]) -> list[int]:
    """Return at which steps dying differs: before the first call, and right after each.

    What a call was to change stands once it is answered: to die before the next one leaves nothing else behind.
    """
    return [number for number, step in enumerate(taken) if not number or step.startswith("after")]


def each_effect(setting: Setting) -> Iterator[Fates]:
    """Yield every schedule in which one worker dies right after one of its calls, or before its first."""
    for name, taken in steps(setting).items():
        yield from ({name: Fate(number, dies=True)} for number in effects(taken))


def each_pair(setting: Setting) -> list[Fates]:
    """Return every schedule in which both workers die, each right after a call, or before its first."""
    taken = steps(setting)
    pairs = product(effects(taken["A"]), effects(taken["B"]))
    return [{"A": Fate(first, dies=True), "B": Fate(second, dies=True)} for first, second in pairs]


def test_a_worker_may_die_at_any_step() -> None:
    """Wherever a worker dies: no event is lost or ends twice, and each revision has one effective decision."""
    seen = judge(each_effect(TABLE), TABLE)
    assert seen["schedule"] >= sum(map(len, steps(TABLE).values())) / 2 > 100
    assert seen["taken over by a delivery"]
    assert seen["taken over by a sweeper"]
    assert seen["died between state and audit"]


def test_a_worker_may_stand_still_at_any_step() -> None:
    """Wherever a worker stands still until its lease has lapsed and its messages are with others: likewise."""
    seen = judge(each_step(MEMORY, dies=False), MEMORY)
    assert seen["schedule"] >= 60
    assert seen["taken over by a sweeper"]


def test_a_late_reply_may_meet_the_next_question() -> None:
    """A worker that wakes up while another asks in its place decides nothing, at whatever moment it wakes up."""
    taken = steps(MEMORY)["A"]
    replied = taken.index("after model.complete")
    told = taken.index("before notifier.tell")
    late = [number for number in range(replied, told) if taken[number].startswith("before")]
    waking = [LEASE_SECONDS + halves / 2 for halves in range(4, 28)]
    schedules = [{"A": Fate(number, seconds=seconds)} for number in late for seconds in waking]
    assert judge(schedules, MEMORY)["late reply"] > len(schedules) / 2


def test_both_workers_may_die() -> None:
    """Wherever both workers die, their successors finish what they began."""
    schedules = Random(3).sample(each_pair(TABLE), PAIRS)  # noqa: S311 - a sample that is the same every time
    assert judge(schedules, TABLE)["schedule"] == PAIRS


def test_a_function_may_die_at_any_step_while_it_defers() -> None:
    """Wherever Lambda ends an environment whose endpoint sleeps: what was acknowledged is asked about by a sweeper."""
    seen = judge(islice(each_step(LAMBDA_TABLE, dies=True), 0, None, FUNCTION_STRIDE), LAMBDA_TABLE)
    assert seen["schedule"] > 50
    assert seen["deferred by a delivery"] > seen["schedule"] / 2
    assert seen["taken over by a sweeper"]
    assert seen["died between state and audit"]


def test_a_function_may_freeze_at_any_step_while_it_defers() -> None:
    """Wherever an environment stands still for minutes: likewise."""
    seen = judge(each_step(LAMBDA_MEMORY, dies=False), LAMBDA_MEMORY)
    assert seen["schedule"] >= 60
    assert seen["taken over by a sweeper"]


@pytest.mark.soak
@pytest.mark.parametrize("setting", [MEMORY, TABLE, LAMBDA_MEMORY, LAMBDA_TABLE], ids=str)
def test_any_pair_of_steps_and_any_standstill(setting: Setting) -> None:
    """The same promises over every pair of deaths, every standstill and every death, however workers are run."""
    pairs = each_pair(setting)
    assert judge(pairs, setting)["schedule"] == len(pairs)
    assert judge(each_step(setting, dies=False), setting)["schedule"] >= 60
    assert judge(each_step(setting, dies=True), setting)["schedule"] > 150


async def turn(bodies: tuple[str, str, str], apart_seconds: float, *, durable: bool) -> tuple[World, Incident]:
    """Let three changes of one alarm arrive, two of them at almost the same moment, before two workers.

    Return the world, and the incident in which the alarm is firing afterwards: there must be exactly one.

    Args:
        bodies: the two that arrive together, and the one that arrives a minute away from them.
        apart_seconds: how much later the second of the two arrives than the first; negative for earlier.
        durable: keep incidents as the state table does.
    """
    world = World(durable=durable, concurrency=1)
    for name in ("A", "B"):
        world.start(name)
        await asyncio.sleep(0.01)
    first, second, alone = bodies
    pair = [(60 + max(0.0, -apart_seconds), first), (60 + max(0.0, apart_seconds), second)]
    alone_at = 0 if moment_of(alone) < moment_of(first) else 120
    await send(world.queue, sorted([*pair, (alone_at, alone)]))
    await world.settled(LONGEST_SECONDS)
    await world.close()
    (firing,) = [each for each in world.incidents.values() if each.firing]
    assert firing.firing == 1
    return world, firing


def moment_of(body: str) -> datetime:
    """Return when the change in a body happened."""
    (change,) = parse(body)
    assert isinstance(change, Alarm)
    return change.at


def line_of(world: World, body: str) -> StoredRecord:
    """Return the record of the change in a body."""
    (found,) = [each.record for each in world.kept if each.record.alarm and each.record.alarm.at == moment_of(body)]
    return found


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
@pytest.mark.parametrize("apart", range(-30, 31, 3))
def test_an_alarm_and_its_ok_may_be_in_flight_together(apart: int, durable: bool) -> None:
    """By however few milliseconds an ALARM or its OK is faster: the episode ends, and the next one is asked about."""
    fired, ended, again = sns("reads", seconds=10), sns("reads", "OK", seconds=20), sns("reads", seconds=90)
    world, firing = run(turn((fired, ended, again), apart / 1000, durable=durable))
    assert line_of(world, again).outcome is Outcome.DECIDED
    assert line_of(world, again).incident_id == firing.incident_id


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
@pytest.mark.parametrize("apart", range(-30, 31, 3))
def test_an_ok_and_the_next_alarm_may_be_in_flight_together(apart: int, durable: bool) -> None:
    """By however few milliseconds an OK or the ALARM after it is faster: the alarm fires in one incident, its last."""
    fired, ended, again = sns("reads", seconds=0), sns("reads", "OK", seconds=20), sns("reads", seconds=40)
    world, firing = run(turn((ended, again, fired), apart / 1000, durable=durable))
    assert line_of(world, again).incident_id == firing.incident_id
