"""What the audit verbs and the demo share: opening an audit, and decisions in it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from autocloudops.alarms.model import Alarm, ResourceRef
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.reader import Found
from autocloudops.audit.record import Outcome
from autocloudops.decisions.model import Decision
from autocloudops.decisions.story import Story
from autocloudops.diagnosis.use import ModelUse
from autocloudops.entrypoints import wiring
from autocloudops.environment import read
from autocloudops.errors import InputUnreadable
from autocloudops.incidents.circumstances import STORM_RESOURCES
from autocloudops.settings import AuditSettings


@dataclass(frozen=True, slots=True)
class Decided:
    """The record of a decision, with what every such record holds."""

    found: Found
    alarm: Alarm
    use: ModelUse
    decision: Decision


def decided(found: Found) -> Decided | None:
    """Return `found` as a decision, or None where it is another record."""
    record = found.record
    if record.outcome is not Outcome.DECIDED:
        return None
    if record.alarm is None or record.model is None or record.decision is None:
        return None
    return Decided(found, record.alarm, record.model, record.decision)


def story_of(each: Decided, resource: ResourceRef) -> Story:
    """Return what people were told about a decision, from its record alone.

    Args:
        each: the decision.
        resource: what its incident is about: the resource of the alarm that opened it.
    """
    record = each.found.record
    return Story(
        incident_id=each.decision.incident_id,
        at=record.at,
        resource=resource,
        opener=each.alarm,
        alarm_count=len(record.members),
        evidence=record.evidence,
        use=each.use,
        decision=each.decision,
        storm=record.storm if record.storm >= STORM_RESOURCES else 0,
    )


@asynccontextmanager
async def opened(location: str | None) -> AsyncIterator[AuditObjects]:
    """Open an audit for reading.

    Args:
        location: `s3://BUCKET[/PREFIX]` or a folder; the setting where it is None.

    Raises:
        InputUnreadable: it is neither a bucket nor a folder that exists.
        SettingsInvalid: no location is given or set.
    """
    async with AsyncExitStack() as stack:
        yield await wiring.open_audit(stack, _existing(location or read(AuditSettings).location))


def _existing(location: str) -> str:
    if not location.startswith("s3://") and not Path(location).is_dir():
        raise InputUnreadable(f"{location} is no folder", "name s3://BUCKET[/PREFIX] or a folder with --location")
    return location
