"""Incidents and changes as DynamoDB items, and back."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState, ResourceRef
from autocloudops.incidents.model import Change, Incident, IncidentStatus, Role

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

    StoredItem = Mapping[str, AttributeValueTypeDef]
    NewItem = dict[str, UniversalAttributeValueTypeDef]

RETENTION = timedelta(days=35)
SLOTS = 20


def milliseconds(at: datetime) -> int:
    """Return epoch milliseconds, in which conditions compare times."""
    return round(at.timestamp() * 1000)


def moment(value: str) -> datetime:
    """Return the UTC time of epoch milliseconds."""
    return datetime.fromtimestamp(int(value) / 1000, UTC)


def number(value: float) -> "UniversalAttributeValueTypeDef":
    """Return a DynamoDB number."""
    return {"N": str(value)}


def text(value: object) -> "UniversalAttributeValueTypeDef":
    """Return a DynamoDB string."""
    return {"S": str(value)}


def key_pk(key: AlarmKey) -> str:
    """Return the partition of an alarm's changes."""
    joined = f"{key.account}\x1f{key.region}\x1f{key.name}\x1f{key.contributor}"
    return f"KEY#{hashlib.sha256(joined.encode()).hexdigest()[:32]}"


def owner_pk(owner_key: str) -> str:
    """Return the partition of an owner's newest incident."""
    return f"OWNER#{hashlib.sha256(owner_key.encode()).hexdigest()[:32]}"


def head_key(incident_id: UUID) -> "NewItem":
    """Return the key of an incident's item."""
    return {"pk": text(f"INC#{incident_id}"), "sk": text("HEAD")}


def change_key(alarm: Alarm) -> "NewItem":
    """Return the key of one state change: it exists once, whatever path brought it."""
    return {"pk": text(key_pk(alarm.key)), "sk": text(f"{milliseconds(alarm.at):013d}#{alarm.state}")}


def place_of(alarm: Alarm) -> str:
    """Return where `change_item` stands, in one string."""
    return f"{key_pk(alarm.key)}|{milliseconds(alarm.at):013d}#{alarm.state}"


def slot_of(event_id: UUID) -> int:
    """Return which of an incident's member slots an event uses."""
    return event_id.int % SLOTS


def expiry(now: datetime) -> "UniversalAttributeValueTypeDef":
    """Return the `ttl` attribute of an item written now, in epoch seconds."""
    return number(int((now + RETENTION).timestamp()))


def change_item(alarm: Alarm, change: Change, now: datetime) -> "NewItem":
    """Return the item of one state change."""
    item = change_key(alarm) | {
        "event_id": text(change.event_id),
        "role": text(change.role),
        "alarm": text(alarm.model_dump_json(exclude_defaults=True)),
        "ttl": expiry(now),
    }
    if change.incident_id:
        item["incident_id"] = text(change.incident_id)
    return item


def read_change(item: "StoredItem") -> Change:
    """Return the state change that an item holds."""
    at, _, state = item["sk"]["S"].partition("#")
    return Change(
        event_id=UUID(item["event_id"]["S"]),
        state=AlarmState(state),
        at=moment(at),
        role=Role(item["role"]["S"]),
        incident_id=UUID(item["incident_id"]["S"]) if "incident_id" in item else None,
    )


def head_item(incident: Incident, opener: Alarm, now: datetime) -> "NewItem":
    """Return the item of an incident that has just been opened."""
    item = head_key(incident.incident_id) | {
        "owner_key": text(incident.owner_key),
        "resource": text(incident.resource.model_dump_json(exclude_defaults=True)),
        "opener": text(incident.opener),
        "opened_at": number(milliseconds(incident.opened_at)),
        "last_member_at": number(milliseconds(incident.last_member_at)),
        "status": text(incident.status),
        "attempt": number(incident.attempt),
        "members": number(incident.members),
        "firing": number(incident.firing),
        f"first{slot_of(opener.event_id)}": text(place_of(opener)),
        "ttl": expiry(now),
    }
    if incident.previous:
        item["previous"] = text(incident.previous)
    return item


def read_head(item: "StoredItem") -> Incident:
    """Return the incident that an item holds."""
    optional = {name: UUID(item[name]["S"]) if name in item else None for name in ("decision_id", "previous")}
    return Incident(
        incident_id=UUID(item["pk"]["S"].removeprefix("INC#")),
        owner_key=item["owner_key"]["S"],
        resource=ResourceRef.model_validate_json(item["resource"]["S"]),
        opener=UUID(item["opener"]["S"]),
        opened_at=moment(item["opened_at"]["N"]),
        last_member_at=moment(item["last_member_at"]["N"]),
        status=IncidentStatus(item["status"]["S"]),
        attempt=int(item["attempt"]["N"]),
        asker=item["asker"]["S"] if "asker" in item else None,
        lease_until=moment(item["lease_until"]["N"]) if "lease_until" in item else None,
        members=int(item["members"]["N"]),
        firing=int(item["firing"]["N"]),
        record_sha256=item["record_sha256"]["S"] if "record_sha256" in item else None,
        **optional,
    )


def member_places(item: "StoredItem") -> list[tuple[str, str]]:
    """Return the keys of the first and last members that an incident's item names."""
    places = {value["S"] for name, value in item.items() if name.startswith(("first", "last")) and "S" in value}
    return sorted((pk, sk) for pk, _, sk in (place.partition("|") for place in places))
