"""Incidents, changes and silences as DynamoDB items, and back."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState, ResourceRef
from autocloudops.clock import EPOCH, epoch_milliseconds
from autocloudops.incidents.model import Change, Incident, IncidentStatus, Role
from autocloudops.incidents.silence import Silence
from autocloudops.redaction import clean

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

    StoredItem = Mapping[str, AttributeValueTypeDef]
    NewItem = dict[str, UniversalAttributeValueTypeDef]

RETENTION = timedelta(days=35)
HISTORY_LIMIT = 50
PARENT = "PARENT"
PARENT_RETENTION = timedelta(hours=1)
SLOTS = 20
SHARDS = 4
HASH_LENGTH = 32
TIME_BYTES = 6
STORED_LIST = 5
STORED_TEXTS = (400, 100)
MOST_STORED_BYTES = 3_600
MOST_RESOURCE_BYTES = 1_000


def moment(value: str) -> datetime:
    """Return the UTC time of epoch milliseconds."""
    return EPOCH + timedelta(milliseconds=int(value))


def number(value: float) -> "UniversalAttributeValueTypeDef":
    """Return a DynamoDB number."""
    return {"N": str(value)}


def text(value: object) -> "UniversalAttributeValueTypeDef":
    """Return a DynamoDB string."""
    return {"S": str(value)}


def hashed(value: str) -> str:
    """Return the part of a key that stands for `value`."""
    return hashlib.sha256(value.encode()).hexdigest()[:HASH_LENGTH]


def key_pk(key: AlarmKey) -> str:
    """Return the partition of an alarm's changes."""
    identity = f"{key.account}\x1f{key.region}\x1f{key.name}\x1f{key.contributor}"
    return f"KEY#{hashed(identity)}"


def pointer_key(owner_key: str) -> "NewItem":
    """Return the key of an owner's newest incident."""
    return {"pk": text(f"OWNER#{hashed(owner_key)}"), "sk": text("CURRENT")}


def silence_key(owner_key: str) -> "NewItem":
    """Return the key of an owner's silence."""
    return {"pk": text("SILENCE"), "sk": text(hashed(owner_key))}


def head_key(incident_id: UUID) -> "NewItem":
    """Return the key of an incident's item."""
    return {"pk": text(f"INC#{incident_id}"), "sk": text("HEAD")}


def open_key(incident_id: UUID) -> "NewItem":
    """Return the key under which an undecided incident is found without a scan."""
    return {"pk": text(f"OPEN#{incident_id.int % SHARDS}"), "sk": text(incident_id)}


def storm_key(account: str, region: str, minute: int) -> "NewItem":
    """Return the key of the resources that alarmed in one minute."""
    return {"pk": text(f"STORM#{account}/{region}"), "sk": text(minute)}


def change_key(key: AlarmKey, change: Alarm | Change) -> "NewItem":
    """Return the key of one state change of `key`: it exists once, whatever path brought it."""
    return {"pk": text(key_pk(key)), "sk": text(f"{epoch_milliseconds(change.at):013d}#{change.state}")}


def place_of(alarm: Alarm) -> "UniversalAttributeValueTypeDef":
    """Return where a firing alarm's change stands, in 22 bytes: the digest of its key, and its time."""
    digest = bytes.fromhex(key_pk(alarm.key).removeprefix("KEY#"))
    return {"B": digest + epoch_milliseconds(alarm.at).to_bytes(TIME_BYTES)}


def key_at(place: bytes) -> "NewItem":
    """Return the key that `place_of` shortened."""
    digest, at = place[:-TIME_BYTES], int.from_bytes(place[-TIME_BYTES:])
    return {"pk": text(f"KEY#{digest.hex()}"), "sk": text(f"{at:013d}#{AlarmState.ALARM}")}


def slot_of(event_id: UUID) -> int:
    """Return which of an incident's member slots an event uses."""
    return event_id.int % SLOTS


def expiry(now: datetime, after: timedelta = RETENTION) -> "UniversalAttributeValueTypeDef":
    """Return the `ttl` attribute of an item written now, in epoch seconds."""
    return number(int((now + after).timestamp()))


def stored(alarm: Alarm) -> str:
    """Return an alarm as its item keeps it: what a prompt shows, bounded so that no item grows over 4 KB.

    What is too long loses its lists and most of its texts; if that is not enough, all but its identity and resource.
    """
    content = ""
    for form in _forms(alarm):
        content = form.model_dump_json(exclude_defaults=True)
        if len(content.encode()) <= MOST_STORED_BYTES:
            break
    return content


def _forms(alarm: Alarm) -> Iterator[Alarm]:
    long, short = STORED_TEXTS
    yield _cut(alarm, long)
    named = {"resource": _without_arn(alarm.resource), "arn": None}
    yield _cut(alarm, short).model_copy(update={"queries": (), "children": (), "contributor_labels": {}, **named})
    bare = {name: getattr(alarm, name) for name in ("key", "state", "at", "kind", "shape", "raw_sha256")}
    yield Alarm(**bare, resource=_without_arn(alarm.resource))


def _cut(alarm: Alarm, characters: int) -> Alarm:
    texts = {name: getattr(alarm, name) for name in ("reason", "description", "rule", "query")}
    lists = {name: getattr(alarm, name)[:STORED_LIST] for name in ("queries", "children")}
    cut = {name: clean(value, characters) if value else value for name, value in texts.items()}
    return alarm.model_copy(update={**cut, **lists, "reason_data": None, "actions": (), "tags": {}})


def _without_arn(resource: ResourceRef) -> ResourceRef:
    return resource.model_copy(update={"arn": None})


def change_item(alarm: Alarm, change: Change, now: datetime) -> "NewItem":
    """Return the item of one state change."""
    item = change_key(alarm.key, alarm) | {
        "event_id": text(change.event_id),
        "role": text(change.role),
        "alarm": text(stored(alarm)),
        "ttl": expiry(now),
    }
    if change.incident_id:
        item["incident_id"] = text(change.incident_id)
    if change.revision:
        item["revision"] = number(change.revision)
    if change.rests:
        item["rests"] = {"BOOL": True}
    return item


def time_of(item: "StoredItem") -> datetime:
    """Return the time of a state change, or the end of time for whatever else an alarm's partition holds."""
    at = item["sk"]["S"].partition("#")[0]
    return moment(at) if at.isdecimal() else datetime.max.replace(tzinfo=UTC)


def read_change(item: "StoredItem") -> Change:
    """Return the state change that an item holds."""
    at, _, state = item["sk"]["S"].partition("#")
    return Change(
        event_id=UUID(item["event_id"]["S"]),
        state=AlarmState(state),
        at=moment(at),
        role=Role(item["role"]["S"]),
        incident_id=UUID(item["incident_id"]["S"]) if "incident_id" in item else None,
        revision=int(item["revision"]["N"]) if "revision" in item else 0,
        rests="rests" in item,
    )


def head_item(incident: Incident, opener: Alarm, now: datetime) -> "NewItem":
    """Return the item of an incident that has just been opened."""
    resource = incident.resource.model_dump_json(exclude_defaults=True)
    if len(resource.encode()) > MOST_RESOURCE_BYTES:
        resource = _without_arn(incident.resource).model_dump_json(exclude_defaults=True)
    item = head_key(incident.incident_id) | {
        "resource": text(resource),
        "token": text(incident.token),
        "token_place": place_of(opener),
        "opened_at": number(epoch_milliseconds(incident.opened_at)),
        "last_member_at": number(epoch_milliseconds(incident.last_member_at)),
        "status": text(incident.status),
        "revision": number(incident.revision),
        "attempt": number(incident.attempt),
        "members": number(incident.members),
        "firing": number(incident.firing),
        "families": {"SS": sorted(incident.families)},
        f"first{slot_of(opener.event_id)}": place_of(opener),
        "ttl": expiry(now),
    }
    if incident.previous:
        item["previous"] = text(incident.previous)
    return item


def read_head(item: "StoredItem") -> Incident:
    """Return the incident that an item holds."""
    ids = {name: UUID(item[name]["S"]) for name in ("decision_id", "previous") if name in item}
    moments = ("lease_until", "decided_at", "suppressed_until")
    times = {name: moment(item[name]["N"]) for name in moments if name in item}
    texts = {name: item[name]["S"] for name in ("asker", "record_sha256") if name in item}
    numbers = {name: int(item[name]["N"]) for name in ("revision", "attempt", "members", "firing")}
    resource = ResourceRef.model_validate_json(item["resource"]["S"])
    return Incident.model_validate(
        {
            "incident_id": UUID(item["pk"]["S"].removeprefix("INC#")),
            "owner_key": resource.owner_key,
            "resource": resource,
            "token": UUID(item["token"]["S"]),
            "opened_at": moment(item["opened_at"]["N"]),
            "last_member_at": moment(item["last_member_at"]["N"]),
            "status": IncidentStatus(item["status"]["S"]),
            "families": frozenset(item["families"]["SS"]),
            **numbers,
            **ids,
            **times,
            **texts,
        }
    )


def member_keys(item: "StoredItem") -> list["NewItem"]:
    """Return the keys of the first and last members that an incident's item names, and of its token."""
    places = {value["B"] for name, value in item.items() if name.startswith(("first", "last")) and "B" in value}
    return [key_at(place) for place in sorted(places | {item["token_place"]["B"]})]


def silence_item(silence: Silence) -> "NewItem":
    """Return the item of a silence; DynamoDB drops it some time after it expired."""
    return silence_key(silence.owner_key) | {
        "silence": text(silence.model_dump_json()),
        "ttl": number(int(silence.until.timestamp())),
    }
