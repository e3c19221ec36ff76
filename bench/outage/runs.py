"""One scenario from the first alarm to the last decision, in virtual time, and what it came to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from bench.outage.incidents import Arrival, arrivals
from bench.outage.peers import Opener
from bench.outage.phases import Scenario
from bench.outage.site import Ledger, Site
from bench.outage.worker import Entrypoint, Estate
from bench.storms.virtual import TimedIncidents
from memory_audit import MemoryObjects
from memory_queue import MemoryQueue
from virtual_time import START, VirtualClock, run

from autocloudops.audit.reader import records
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.inference.reliable import ReliableEndpoint
from autocloudops.investigation import UNAVAILABLE

SETTLE_SECONDS = 300.0
MODEL, OTHERWISE = "model", "otherwise"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one incident.

    `decided` is `model`, `model_unavailable` or `otherwise`, and None while undecided; `waited_seconds` runs from the
    alarm to the decision. `answers` counts what the model said, repairs included.
    """

    phase: int
    decided: str | None
    waited_seconds: float
    answers: int
    sent: int
    begun: int


@dataclass(frozen=True, slots=True)
class Run:
    """Every incident of a scenario, and what was left in the queues."""

    scenario: Scenario
    fates: Sequence[Fate]
    ledger: Ledger
    left: int
    dead: int


def run_scenario(scenario: Scenario, entrypoint: Entrypoint, seed: int, opener: Opener = ReliableEndpoint) -> Run:
    """Return what `scenario` came to under one way of running the service."""
    return run(_ran(scenario, entrypoint, seed, opener))


async def _ran(scenario: Scenario, entrypoint: Entrypoint, seed: int, opener: Opener) -> Run:
    clock = VirtualClock()
    arriving = list(arrivals(scenario.seconds, Random(seed), START))  # noqa: S311 - to be repeated, not kept secret
    site = Site(scenario, Random(seed + 1), clock, opener)  # noqa: S311 - likewise
    estate = Estate(MemoryQueue(), TimedIncidents(), MemoryObjects(), site, clock)
    async with site.scaled(), entrypoint(estate):
        for arrival in arriving:
            await clock.sleep(arrival.at_seconds - clock.monotonic())
            estate.queue.send(arrival.body)
        await clock.sleep(scenario.seconds + SETTLE_SECONDS - clock.monotonic())
    kept = [found.record async for found in records(estate.objects)]
    fates = _fates(scenario, arriving, kept, estate)
    return Run(scenario, fates, site.ledger, len(estate.queue.messages), len(estate.queue.parked))


def _fates(
    scenario: Scenario, arriving: Sequence[Arrival], kept: Sequence[AuditRecord], estate: Estate
) -> Sequence[Fate]:
    """Return the fate of each incident: the decision that stands is the first, and notes are answers that came late.

    What a redelivered message adds to a decided incident holds no decision of its own.
    """
    decisions: dict[object, AuditRecord] = {}
    answers: Counter[object] = Counter()
    for record in kept:
        answers[record.event_id] += record.model.requests if record.model else 0
        if record.outcome is Outcome.DECIDED and record.decision:
            decisions.setdefault(record.event_id, record)
    return [_fate(scenario, each, decisions.get(each.event_id), answers, estate) for each in arriving]


def _fate(
    scenario: Scenario,
    arrival: Arrival,
    decision: AuditRecord | None,
    answers: Mapping[object, int],
    estate: Estate,
) -> Fate:
    stood = estate.incidents.first_decided.get(decision.incident_id) if decision and decision.incident_id else None
    waited = (stood - START).total_seconds() - arrival.at_seconds if stood else float("inf")
    ledger = estate.site.ledger
    return Fate(
        phase=scenario.at(arrival.at_seconds),
        decided=_by_whom(decision) if decision and stood else None,
        waited_seconds=waited,
        answers=answers[arrival.event_id],
        sent=ledger.sent[arrival.number],
        begun=ledger.begun[arrival.number],
    )


def _by_whom(record: AuditRecord) -> str:
    assert record.decision, "a decided record holds its decision"
    if record.decision.diagnosis:
        return MODEL
    said = {gate.reason for gate in record.decision.gates}
    return UNAVAILABLE if UNAVAILABLE in said else OTHERWISE
