"""The durable line: what one delivery came to, or what was decided about one incident."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from autocloudops.alarms.model import Alarm, AwsEvent, Unparseable
from autocloudops.decisions.facts import ActionFacts
from autocloudops.decisions.model import Decision
from autocloudops.diagnosis.evidence import Evidence
from autocloudops.diagnosis.use import ModelUse, SourceUse
from autocloudops.incidents.flapping import Flapping
from autocloudops.incidents.hygiene.finding import Finding
from autocloudops.incidents.past import Label
from autocloudops.redaction import redact_json, visible_json
from autocloudops.values import Value

SCHEMA_VERSION = 1


class Outcome(StrEnum):
    """How a state change ended: every event id ends as exactly one of the first five.

    A `deferred` one is still to be decided: its incident stands for it, no message does. A note ends nothing.
    """

    DECIDED = "decided"
    JOINED = "joined"
    PARKED = "parked"
    OK = "ok"
    CONTEXT = "context"
    DEFERRED = "deferred"
    NOTE = "note"


class DeliveryFacts(Value):
    """The SQS delivery that a record answers for."""

    message_id: str
    receive_count: int
    sent_at: datetime | None = None


class AuditRecord(Value):
    """One line of the audit.

    `event_id` is the state change or AWS event that the line ends. A `decided` line ends its incident's opener, or
    nothing where no state change raised the question, and names every member that was known when the model was asked.
    `repeated` marks another delivery of a recorded event, `late` an ALARM that came after its OK, `flapping` an
    alarm that keeps turning. `storm` counts the resources that alarmed at the same time, `sources` what was read
    for the question, `acting` what was known about the target of the proposed action. `tied` is another incident
    that a composite alarm shows to be the same trouble. A `note` says what happened to a reply that decides
    nothing, or until when a question was deferred, and why, or what a person said of a decision: that is the
    `label`.
    """

    outcome: Outcome
    at: datetime
    schema_version: int = SCHEMA_VERSION
    event_id: UUID | None = None
    incident_id: UUID | None = None
    attempt: int | None = None
    repeated: bool = False
    late: bool = False
    flapping: Flapping | None = None
    note: str | None = None
    label: Label | None = None
    delivery: DeliveryFacts | None = None
    alarm: Alarm | None = None
    event: AwsEvent | None = None
    unparseable: Unparseable | None = None
    members: tuple[UUID, ...] = ()
    previous_incident: UUID | None = None
    tied: UUID | None = None
    evidence: tuple[Evidence, ...] = ()
    sources: tuple[SourceUse, ...] = ()
    model: ModelUse | None = None
    decision: Decision | None = None
    acting: ActionFacts | None = None
    findings: tuple[Finding, ...] = ()
    storm: int = 0


class StoredRecord(AuditRecord):
    """A record as it is read back: with its place in its writer's chain.

    `prev` is the SHA-256 of the writer's line before this one, over its exact bytes. Fields of newer schemas are kept.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    writer: str
    number: int
    prev: str


class Receipt(Value):
    """Where a record became durable: object key, line number in it from 0, digest of the line."""

    location: str
    line: int
    sha256: str


def seal(record: AuditRecord, writer: str, number: int, prev: str) -> bytes:
    """Return a record's canonical line: redacted, sorted keys, no spaces, chained to the line before.

    Args:
        record: what to write.
        writer: id of the process that writes.
        number: how many lines this writer wrote before.
        prev: SHA-256 of the writer's last line, empty for its first.
    """
    content = redact_json(record.model_dump(mode="json", exclude_defaults=True))
    return canonical(
        {"schema_version": record.schema_version, **content, "writer": writer, "number": number, "prev": prev}
    )


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return JSON in the one form that is hashed: sorted keys, no spaces, UTF-8, nothing invisible."""
    return visible_json(json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)).encode()


def digest(line: bytes) -> str:
    """Return the SHA-256 of a line, by which the next line and the incident name it."""
    return hashlib.sha256(line).hexdigest()
