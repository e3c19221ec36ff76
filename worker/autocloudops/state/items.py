"""Incidents, changes and silences as DynamoDB items, and back."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState, MetricQuery, ResourceRef, Suppression
from autocloudops.clock import EPOCH, epoch_milliseconds
from autocloudops.incidents.model import Change, Incident, IncidentStatus, Role
from autocloudops.incidents.silence import Silence
from autocloudops.redaction import clean, redact, redact_json
from autocloudops.state.sums import Mark, Sum

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

    StoredItem = Mapping[str, AttributeValueTypeDef]
    NewItem = dict[str, UniversalAttributeValueTypeDef]

Part = TypeVar("Part", MetricQuery, Suppression)

RETENTION = timedelta(days=35)
HEAD_RETENTION = RETENTION + timedelta(days=2)
NOTICE_RETENTION = timedelta(days=1)
HISTORY_LIMIT = 50
PARENT = "PARENT"
FAMILIES = "FAMILY#"
PARENT_RETENTION = timedelta(hours=1)
ENDS = 20
SHARDS = 4
HASH_LENGTH = 32
TIME_BYTES = 6
PLACE_BYTES = HASH_LENGTH // 2 + TIME_BYTES
STORED_LIST = 5
STORED_TEXTS = (400, 100)
STORED_DATAPOINTS = 20
ARN_SERVICE_PARTS = 6
MARK_SEPARATOR = "/"
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


def incident_pk(incident_id: UUID) -> str:
    """Return the partition of an incident: its head and its sums."""
    return f"INC#{incident_id}"


def head_key(incident_id: UUID) -> "NewItem":
    """Return the key of an incident's item."""
    return {"pk": text(incident_pk(incident_id)), "sk": text("HEAD")}


def open_key(incident_id: UUID) -> "NewItem":
    """Return the key under which an undecided incident is found without a scan."""
    return {"pk": text(f"OPEN#{incident_id.int % SHARDS}"), "sk": text(incident_id)}


def storm_key(account: str, region: str, minute: int) -> "NewItem":
    """Return the key of the resources that alarmed in one minute."""
    return {"pk": text(f"STORM#{account}/{region}"), "sk": text(minute)}


def change_key(key: AlarmKey, change: Alarm | Change) -> "NewItem":
    """Return the key of one state change of `key`: it exists once, whatever path brought it."""
    return {"pk": text(key_pk(key)), "sk": text(f"{epoch_milliseconds(change.at):013d}#{change.state}")}


def sum_key(incident_id: UUID, sum_id: str) -> "NewItem":
    """Return the key of one sum of an incident's counters."""
    return {"pk": text(incident_pk(incident_id)), "sk": text(sum_id)}


def place_of(alarm: Alarm) -> bytes:
    """Return where a firing alarm's change stands, in 22 bytes: the digest of its key, and its time."""
    digest = bytes.fromhex(key_pk(alarm.key).removeprefix("KEY#"))
    return digest + epoch_milliseconds(alarm.at).to_bytes(TIME_BYTES)


def family_item(incident_id: UUID, family: str, place: bytes, now: datetime) -> "NewItem":
    """Return the item that names one member of an incident for each kind of trouble in it."""
    key = {"pk": text(incident_pk(incident_id)), "sk": text(f"{FAMILIES}{family}")}
    return key | {"place": {"B": place}, "ttl": expiry(now, HEAD_RETENTION)}


def key_at(place: bytes) -> "NewItem":
    """Return the key that `place_of` shortened."""
    digest, at = place[:-TIME_BYTES], int.from_bytes(place[-TIME_BYTES:])
    return {"pk": text(f"KEY#{digest.hex()}"), "sk": text(f"{at:013d}#{AlarmState.ALARM}")}


def places_in(item: "StoredItem") -> list[bytes]:
    """Return the places that a sum lists, in the order of their arrival."""
    listed = item["places"]["B"] if "places" in item else b""
    return [listed[start : start + PLACE_BYTES] for start in range(0, len(listed), PLACE_BYTES)]


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
    lean: dict[str, object] = {"queries": (), "children": (), "contributor_labels": {}, "reason_data": None}
    yield _cut(alarm, short).model_copy(update={**lean, **named})
    bare = {name: getattr(alarm, name) for name in ("key", "state", "at", "kind", "shape", "raw_sha256")}
    yield Alarm(**bare, resource=_without_arn(alarm.resource), actions=_services(alarm.actions))


def _cut(alarm: Alarm, characters: int) -> Alarm:
    texts = {name: getattr(alarm, name) for name in ("reason", "description", "rule", "query")}
    lists = {"queries": tuple(map(_redacted, alarm.queries[:STORED_LIST])), "children": alarm.children[:STORED_LIST]}
    cut = {name: clean(value, characters) if value else value for name, value in texts.items()}
    kept: dict[str, object] = {
        "reason_data": _measured(alarm.reason_data),
        "actions": _services(alarm.actions),
        "tags": {},
        "contributor_labels": redact_json(dict(alarm.contributor_labels)),
        "suppression": alarm.suppression and _redacted(alarm.suppression),
    }
    return alarm.model_copy(update={**cut, **lists, **kept})


def _redacted(part: Part) -> Part:
    """Return a part of an alarm without the secrets in its texts."""
    return part.model_copy(update={name: redact(said) for name, said in part if isinstance(said, str)})


def _services(actions: Sequence[str]) -> tuple[str, ...]:
    """Return whom an alarm calls, each once: what says that another robot acts on it; telling people comes last."""
    called = dict.fromkeys(":".join(arn.split(":")[:ARN_SERVICE_PARTS])[: STORED_TEXTS[1]] for arn in actions)
    return tuple(sorted(called, key=lambda arn: ":sns:" in arn))[:STORED_LIST]


def _measured(reason_data: str | None) -> str | None:
    """Return the part of an alarm's reason data that rules about alarms read: its threshold and newest datapoints."""
    try:
        data = json.loads(reason_data or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    recent = data.get("recentDatapoints")
    points = (
        {"recentDatapoints": [_brief(each) for each in recent[-STORED_DATAPOINTS:]]} if isinstance(recent, list) else {}
    )
    limit = {"threshold": _brief(data["threshold"])} if "threshold" in data else {}
    return json.dumps(points | limit) if points or limit else None


def _brief(value: object) -> object:
    """Return a number as it is, and anything else that may stand for one cut to the length of one."""
    return value if isinstance(value, int | float) or value is None else redact(str(value))[: TIME_BYTES * 4]


def _without_arn(resource: ResourceRef) -> ResourceRef:
    return resource.model_copy(update={"arn": None})


def change_item(alarm: Alarm, change: Change, now: datetime, mark: Mark | None = None) -> "NewItem":
    """Return the item of one state change, with the mark that it is counted by."""
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
    if change.approximate:
        item["approximate"] = {"BOOL": True}
    if mark:
        item["mark"] = text(mark_text(mark))
    return item


def mark_text(mark: Mark) -> str:
    """Return a mark as a change keeps it: the incident is the change's own."""
    return f"{mark.sum_id}{MARK_SEPARATOR}{mark.name}"


def mark_of(item: "StoredItem") -> Mark | None:
    """Return the mark that a change is counted by, None where it needed no counting or was counted with its opening."""
    if "mark" not in item:
        return None
    sum_id, _, name = item["mark"]["S"].partition(MARK_SEPARATOR)
    return Mark(UUID(item["incident_id"]["S"]), sum_id, name)


def sum_item(total: Sum, now: datetime) -> "NewItem":
    """Return the item that makes a sum durable: the names that it counts, and its members' places."""
    item = sum_key(total.into.incident_id, total.sum_id) | {
        "names": {"SS": sorted(total.tallies)},
        "ttl": expiry(now, HEAD_RETENTION),
    }
    if total.places:
        item["places"] = {"B": b"".join(total.places)}
    return item


def proof_item(mark: Mark, now: datetime) -> "NewItem":
    """Return the item that makes one change count by itself."""
    return void_item(mark, now) | {"names": {"SS": [mark.name]}}


def void_item(mark: Mark, now: datetime) -> "NewItem":
    """Return the item that takes the place of a sum that nobody wrote, and keeps it from being written."""
    return sum_key(mark.incident_id, mark.sum_id) | {"ttl": expiry(now, HEAD_RETENTION)}


def counts(item: "StoredItem", mark: Mark) -> bool:
    """Return whether a sum counts a change."""
    return "names" in item and mark.name in item["names"]["SS"]


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
        approximate="approximate" in item,
    )


def head_item(incident: Incident, opener: Alarm, now: datetime) -> "NewItem":
    """Return the item of an incident that has just been opened."""
    resource = incident.resource.model_dump_json(exclude_defaults=True)
    if len(resource.encode()) > MOST_RESOURCE_BYTES:
        resource = _without_arn(incident.resource).model_dump_json(exclude_defaults=True)
    item = head_key(incident.incident_id) | {
        "resource": text(resource),
        "token": text(incident.token),
        "token_place": {"B": place_of(opener)},
        "opener_place": {"B": place_of(opener)},
        "opened_at": number(epoch_milliseconds(incident.opened_at)),
        "last_member_at": number(epoch_milliseconds(incident.last_member_at)),
        "status": text(incident.status),
        "revision": number(incident.revision),
        "attempt": number(incident.attempt),
        "members": number(incident.members),
        "firing": number(incident.firing),
        "families": {"SS": sorted(incident.families)},
        "ttl": expiry(now, HEAD_RETENTION),
    }
    if incident.previous:
        item["previous"] = text(incident.previous)
    return item


def read_head(item: "StoredItem") -> Incident:
    """Return the incident that an item holds."""
    ids = {name: UUID(item[name]["S"]) for name in ("decision_id", "previous") if name in item}
    moments = ("lease_until", "retry_at", "reopened_at", "decided_at", "suppressed_until")
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
            "asked_anew": "asked_anew" in item,
            "asked_families": _families(item["asked_families"]["B"] if "asked_families" in item else b""),
            **numbers,
            **ids,
            **times,
            **texts,
        }
    )


def families_bytes(families: Iterable[str]) -> bytes:
    """Return digests of families, each as its one byte."""
    return bytes.fromhex("".join(sorted(families)))


def _families(packed: bytes) -> frozenset[str]:
    return frozenset(f"{each:02x}" for each in packed)


def silence_item(silence: Silence) -> "NewItem":
    """Return the item of a silence; DynamoDB drops it some time after it expired."""
    return silence_key(silence.owner_key) | {
        "silence": text(silence.model_dump_json()),
        "ttl": number(int(silence.until.timestamp())),
    }
