"""The oracles see what they are for: each guard of the worker is broken on purpose, and some schedule shows it."""

import asyncio
from collections.abc import Mapping
from itertools import count, islice

import faulty_services
import faulty_world
import pytest
from faulty_calls import Fault
from faulty_schedule import Schedule, schedule
from faulty_world import Rulings, broken_in, lived

from autocloudops.audit.record import AuditRecord, Receipt
from autocloudops.audit.writer import AuditWriter
from autocloudops.errors import ServiceFailed
from autocloudops.pipeline import Pipeline
from autocloudops.queue.client import Delivery
from autocloudops.queue.consumer import Done, Ending

MOST_SCHEDULES = 30


def seen(what: str, fault: Fault, stage: str) -> bool:
    """Return whether an oracle says `what` about a schedule in which a fault meets a stage."""
    schedules = islice((each for each in map(schedule, count()) if meets(each, fault, stage)), MOST_SCHEDULES)
    return any(what in said for each in schedules for said in broken_in(lived(each)))


def meets(schedule: Schedule, fault: Fault, stage: str) -> bool:
    """Return whether a fault is planned for a stage."""
    return any(at == stage and planned.fault is fault for (at, _), planned in schedule.planned.items())


def test_a_message_that_is_deleted_before_its_record_is_durable_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wait for the audit, a message is deleted whose record a crash may still lose."""
    append = AuditWriter.append

    async def forgetful(self: AuditWriter, record: AuditRecord) -> Receipt:
        waiting = asyncio.ensure_future(append(self, record))
        if record.decision:
            return await waiting
        return Receipt(location="nowhere yet", line=0, sha256="")

    monkeypatch.setattr(AuditWriter, "append", forgetful)
    assert seen("deleted", Fault.SLOW, "audit.create")


def test_a_second_decision_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the condition of the write that makes a decision effective, two attempts both decide."""

    class Unguarded(Rulings):
        def _allowed(self, request: Mapping[str, object]) -> bool:
            return ":record" in str(request.get("UpdateExpression")) or super()._allowed(request)

    monkeypatch.setattr(faulty_world, "Rulings", Unguarded)
    assert seen("2 effective decisions", Fault.STALLS, "state.settle")


def test_a_lost_event_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a message whose handling failed is deleted all the same, its event ends nowhere."""
    handle = Pipeline.handle

    async def careless(self: Pipeline, delivery: Delivery) -> Ending:
        try:
            return await handle(self, delivery)
        except ServiceFailed:
            return Done()

    monkeypatch.setattr(Pipeline, "handle", careless)
    assert seen("ends as []", Fault.THROTTLED, "state.open")


def test_a_miscounted_member_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither its token nor its own item keeps a sum from being added twice, a lost answer counts twice."""

    class Unproven(Rulings):
        def _allowed(self, request: Mapping[str, object]) -> bool:
            return "'names'" in str(request.get("Item")) or super()._allowed(request)

    monkeypatch.setattr(faulty_services, "_once_only", lambda request: request)
    monkeypatch.setattr(faulty_world, "Rulings", Unproven)
    assert seen("its changes say", Fault.LOST, "state.count")
