"""A small audit in a folder, written as workers write it: two decided incidents on two days, and an event."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from deciding import FACTS, proposal
from triage import AT, cpu_alarm, database_alarm
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm, AlarmState, AwsEvent
from autocloudops.audit.objects import FolderObjects
from autocloudops.audit.record import AuditRecord, DeliveryFacts, Outcome
from autocloudops.audit.writer import AuditWriter
from autocloudops.catalogue import offers
from autocloudops.decisions.decide import decide
from autocloudops.decisions.model import Policy
from autocloudops.diagnosis.evidence import alarm_evidence
from autocloudops.diagnosis.use import ModelUse
from autocloudops.incidents.model import incident_id

CPU = cpu_alarm()
DATABASE = database_alarm().model_copy(update={"key": CPU.key.model_copy(update={"name": "orders-db-full"})})
SECOND, THIRD = (CPU.model_copy(update={"at": AT + timedelta(seconds=seconds)}) for seconds in (3, 9))
CLEARED = CPU.model_copy(update={"state": AlarmState.OK, "at": AT + timedelta(minutes=5)})
CPU_INCIDENT, DATABASE_INCIDENT = incident_id(CPU), incident_id(DATABASE)
EARLIER = UUID("7f3a0000-0000-4000-8000-000000000001")
TOMORROW = START + timedelta(days=1)
DELIVERY = DeliveryFacts(message_id="message-1", receive_count=2, sent_at=START)
EVENT = AwsEvent(
    source="aws.ecs",
    detail_type="ECS Deployment State Change",
    account="111122223333",
    region="eu-west-1",
    at=AT,
    raw_sha256="0" * 64,
    shape="eventbridge",
)
USE = ModelUse(
    endpoint="sagemaker://nim",
    prompt_sha256="ab" * 32,
    template_version="1",
    model="simulated/rules",
    requests=1,
    prompt_tokens=700,
    completion_tokens=80,
    latency_seconds=1.5,
)


def decided(alarm: Alarm, incident: UUID, *members: Alarm, revision: int = 0, at: datetime = START) -> AuditRecord:
    """Return the record of a dry-run decision about `alarm` and `members`: the first action that is offered."""
    offered = offers(alarm)
    facts = FACTS.model_copy(
        update={"incident_id": incident, "revision": revision, "offers": offered, "evidence_ids": ("E1",)}
    )
    return AuditRecord(
        outcome=Outcome.DECIDED,
        at=at,
        event_id=alarm.event_id,
        incident_id=incident,
        attempt=revision + 1,
        delivery=DELIVERY,
        alarm=alarm,
        members=(alarm.event_id, *(member.event_id for member in members)),
        previous_incident=EARLIER,
        evidence=(alarm_evidence(alarm, "E1"),),
        model=USE,
        decision=decide(proposal(action=offered[0].action), facts, Policy()),
    )


def ended(alarm: Alarm, outcome: Outcome, *, repeated: bool = False) -> AuditRecord:
    """Return the record of a change of the CPU incident that was no reason to ask."""
    return AuditRecord(
        outcome=outcome,
        at=START,
        event_id=alarm.event_id,
        incident_id=CPU_INCIDENT,
        repeated=repeated,
        delivery=DELIVERY,
        alarm=alarm,
    )


TODAYS: Sequence[AuditRecord] = (
    decided(CPU, CPU_INCIDENT, SECOND),
    ended(SECOND, Outcome.JOINED),
    ended(SECOND, Outcome.JOINED, repeated=True),
    ended(THIRD, Outcome.JOINED),
    ended(CLEARED, Outcome.OK),
    AuditRecord(outcome=Outcome.CONTEXT, at=START, event_id=EVENT.event_id, event=EVENT, delivery=DELIVERY),
)
TOMORROWS: Sequence[AuditRecord] = (decided(DATABASE, DATABASE_INCIDENT, at=TOMORROW),)


def write_audit(folder: Path, *days: Sequence[AuditRecord]) -> Path:
    """Write the records of each day in order, the first day being that of `START`, and return the folder."""
    run(_write(folder, days or (TODAYS, TOMORROWS)))
    return folder


async def _write(folder: Path, days: Sequence[Sequence[AuditRecord]]) -> None:
    writer = AuditWriter(FolderObjects(folder), VirtualClock())
    committing = asyncio.create_task(writer.run())
    for records in days:
        await asyncio.gather(*map(writer.append, records))
        await asyncio.sleep(timedelta(days=1).total_seconds())
    committing.cancel()
