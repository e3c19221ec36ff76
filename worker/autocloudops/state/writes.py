"""The conditional writes that move incidents: each returns the arguments of one DynamoDB call."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey
from autocloudops.clock import epoch_milliseconds
from autocloudops.incidents.grouping import End, change_of
from autocloudops.incidents.model import Incident, IncidentStatus, Opens, Placement, Reopens, family
from autocloudops.state import items
from autocloudops.state.items import number, text
from autocloudops.state.sums import MEMBERS_IN, Mark, Sum

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import (
        DeleteItemInputTypeDef,
        PutTypeDef,
        TransactWriteItemTypeDef,
        UpdateItemInputTypeDef,
    )

ABSENT = "attribute_not_exists(pk) OR #ttl <= :expired"
TTL = {"#ttl": "ttl"}
STATUS = {"#status": "status"}
REOPENABLE = "#status = :decided AND revision = :before"
CURRENT = "#status = :asking AND attempt = :attempt"


class Ruling(NamedTuple):
    """A decision, its audit record, and what people are to be told about it."""

    decision_id: UUID
    record_sha256: str
    notice: str | None


def putting(table: str, item: "items.NewItem", now: datetime) -> "PutTypeDef":
    """Create an item that is not there, or that has expired and was not dropped yet."""
    return {
        "TableName": table,
        "Item": item,
        "ConditionExpression": ABSENT,
        "ExpressionAttributeNames": TTL,
        "ExpressionAttributeValues": {":expired": number(int(now.timestamp()))},
    }


def opening(
    table: str, alarm: Alarm, placement: Opens, now: datetime, mark: Mark | None = None
) -> list["TransactWriteItemTypeDef"]:
    """Create an incident, its opener's change, its place in the list of unfinished ones, and the owner's pointer."""
    incident = placement.incident
    return [
        _token(table, alarm, placement, now, mark),
        {"Put": putting(table, items.head_item(incident, alarm, now), now)},
        _put_open(table, incident.incident_id, 0, now),
        {"Put": pointing(table, incident.owner_key, incident.incident_id, incident.previous, now)},
        *_leaving(table, placement.leaves, 1),
    ]


def reopening(
    table: str, alarm: Alarm, placement: Reopens, now: datetime, mark: Mark | None = None
) -> list["TransactWriteItemTypeDef"]:
    """Open a decided incident again for its next revision, whose token is `alarm`."""
    member = items.sum_key(placement.incident_id, f"{MEMBERS_IN}{epoch_milliseconds(now):013d}-{alarm.event_id}")
    place = {"B": items.place_of(alarm)}
    return [
        _token(table, alarm, placement, now, mark),
        {
            "Put": {
                "TableName": table,
                "Item": member | {"places": place, "ttl": items.expiry(now, items.HEAD_RETENTION)},
            }
        },
        _reopen_entry(table, placement.incident_id, placement.revision, now),
        *_leaving(table, placement.leaves, 1),
        {
            "Update": {
                "TableName": table,
                "Key": items.head_key(placement.incident_id),
                "UpdateExpression": "SET #status = :open, revision = :revision, #token = :event, token_place = :place, "
                "last_member_at = :now, reopened_at = :now, #ttl = :ttl "
                "ADD members :one, firing :one, families :family REMOVE lease_until, suppressed_until, asked_anew",
                "ConditionExpression": f"{REOPENABLE} AND firing > :none",
                "ExpressionAttributeNames": STATUS | TTL | {"#token": "token"},
                "ExpressionAttributeValues": _reopened(placement.revision, now)
                | {
                    ":event": text(alarm.event_id),
                    ":place": place,
                    ":one": number(1),
                    ":none": number(0),
                    ":family": {"SS": [family(alarm)]},
                },
            }
        },
    ]


def _token(
    table: str, alarm: Alarm, placement: Opens | Reopens, now: datetime, mark: Mark | None
) -> "TransactWriteItemTypeDef":
    """Write the change that asks, or the proof that it counts, where it was written with a mark before."""
    item = items.proof_item(mark, now) if mark else items.change_item(alarm, change_of(alarm, placement), now)
    return {"Put": putting(table, item, now)}


def asking_again(table: str, decided: Incident, now: datetime) -> list["TransactWriteItemTypeDef"]:
    """Open a decided incident again for its next revision; its token stays what it was."""
    revision = decided.revision + 1
    return [
        _reopen_entry(table, decided.incident_id, revision, now),
        {
            "Update": {
                "TableName": table,
                "Key": items.head_key(decided.incident_id),
                "UpdateExpression": "SET #status = :open, revision = :revision, reopened_at = :now, #ttl = :ttl, "
                "asked_anew = :yes REMOVE lease_until, suppressed_until",
                "ConditionExpression": REOPENABLE,
                "ExpressionAttributeNames": STATUS | TTL,
                "ExpressionAttributeValues": _reopened(revision, now) | {":yes": {"BOOL": True}},
            }
        },
    ]


def _reopened(revision: int, now: datetime) -> "items.NewItem":
    return {
        ":open": text(IncidentStatus.OPEN),
        ":decided": text(IncidentStatus.DECIDED),
        ":revision": number(revision),
        ":before": number(revision - 1),
        ":now": number(epoch_milliseconds(now)),
        ":ttl": items.expiry(now, items.HEAD_RETENTION),
    }


def counting(table: str, total: Sum, named: Mapping[str, bytes], now: datetime) -> list["TransactWriteItemTypeDef"]:
    """Add a sum to its incident, once: its own item is the proof. A guarded one is refused once that is resolved.

    Args:
        table: the state table.
        total: what is added up.
        named: the places of members that stand for their kind of trouble from now on.
        now: the wall time.
    """
    into = total.into
    added = ["firing :firing"]
    assigned = ["#ttl = :ttl"]
    values = {":firing": number(total.firing), ":ttl": items.expiry(now, items.HEAD_RETENTION)}
    if into.brings_members:
        added += ["members :members", "families :families"]
        assigned.append("last_member_at = :newest")
        values |= {
            ":members": number(len(total.places)),
            ":families": {"SS": sorted(total.families)},
            ":newest": number(epoch_milliseconds(total.newest_at)),
        }
    if into.guarded:
        values[":none"] = number(0)
    return [
        {"Put": putting(table, items.sum_item(total, now), now)},
        {
            "Update": {
                "TableName": table,
                "Key": items.head_key(into.incident_id),
                "UpdateExpression": f"ADD {', '.join(added)} SET {', '.join(assigned)}",
                "ConditionExpression": "firing > :none" if into.guarded else "attribute_exists(pk)",
                "ExpressionAttributeNames": TTL,
                "ExpressionAttributeValues": values,
            }
        },
        *(_standing_for(table, into.incident_id, family, place, now) for family, place in named.items()),
        *_leaving(table, into.leaves, len(total.tallies)),
    ]


def _standing_for(
    table: str, incident_id: UUID, family: str, place: bytes, now: datetime
) -> "TransactWriteItemTypeDef":
    return {"Put": {"TableName": table, "Item": items.family_item(incident_id, family, place, now)}}


def _leaving(table: str, left: UUID | None, alarms: int) -> list["TransactWriteItemTypeDef"]:
    """Let alarms stop firing in the incident that they leave."""
    return [_stop_firing(table, left, alarms)] if left else []


def _stop_firing(table: str, incident_id: UUID, alarms: int) -> "TransactWriteItemTypeDef":
    return {
        "Update": {
            "TableName": table,
            "Key": items.head_key(incident_id),
            "UpdateExpression": "ADD firing :fewer",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":fewer": number(-alarms)},
        }
    }


def taking_back(table: str, alarm: Alarm, placement: Placement, mark: Mark | None) -> "DeleteItemInputTypeDef":
    """Delete a change that was just written: one that is counted only while its mark is the same.

    One without an incident is kept where an opener took it for the end of its episode.
    """
    key = items.change_key(alarm.key, alarm)
    if mark:
        return _deleting(table, key, "mark", items.mark_text(mark))
    if change_of(alarm, placement).incident_id:
        return {"TableName": table, "Key": key}
    return {"TableName": table, "Key": key, "ConditionExpression": "attribute_not_exists(incident_id)"}


def dropping(table: str, item: "items.StoredItem") -> "DeleteItemInputTypeDef":
    """Delete a change that will never be counted, unless another one has taken its place."""
    key = {"pk": text(item["pk"]["S"]), "sk": text(item["sk"]["S"])}
    return _deleting(table, key, "mark", item["mark"]["S"])


def pointing(table: str, owner_key: str, to: UUID, left: UUID | None, now: datetime) -> "PutTypeDef":
    """Point an owner to an incident, if it pointed to `left` until now."""
    pointer = items.pointer_key(owner_key) | {
        "incident_id": text(to),
        "owner_key": text(owner_key),
        "ttl": items.expiry(now),
    }
    if left is None:
        return putting(table, pointer, now)
    return {
        "TableName": table,
        "Item": pointer,
        "ConditionExpression": "incident_id = :left",
        "ExpressionAttributeValues": {":left": text(left)},
    }


def unpointing(table: str, key: "items.NewItem", incident_id: str) -> "DeleteItemInputTypeDef":
    """Delete an owner's pointer, unless it points to another incident by now."""
    return _deleting(table, key, "incident_id", incident_id)


def _deleting(table: str, key: "items.NewItem", name: str, value: str) -> "DeleteItemInputTypeDef":
    return {
        "TableName": table,
        "Key": key,
        "ConditionExpression": "#name = :value",
        "ExpressionAttributeNames": {"#name": name},
        "ExpressionAttributeValues": {":value": text(value)},
    }


def ending(table: str, key: AlarmKey, end: End) -> list["TransactWriteItemTypeDef"]:
    """Make an OK that found no episode the end of one in an incident; of two who try, one does."""
    return [
        {
            "Update": {
                "TableName": table,
                "Key": items.change_key(key, end.closing),
                "UpdateExpression": "SET incident_id = :incident",
                "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(incident_id)",
                "ExpressionAttributeValues": {":incident": text(end.incident_id)},
            }
        },
        *([_stop_firing(table, end.incident_id, 1)] if end.ends_episode else []),
    ]


def claiming(table: str, incident_id: UUID, asker: str, lease: timedelta, now: datetime) -> "UpdateItemInputTypeDef":
    """Take the lease of an undecided incident that nobody holds, and raise its attempt.

    The last part of the condition lets a call whose answer was lost succeed again when the SDK repeats it.
    """
    return {
        "TableName": table,
        "Key": items.head_key(incident_id),
        "ReturnValues": "ALL_NEW",
        "UpdateExpression": "SET #status = :asking, asker = :asker, lease_until = :until ADD attempt :one",
        "ConditionExpression": "attribute_exists(pk) AND #status <> :decided AND "
        "(attribute_not_exists(retry_at) OR retry_at <= :now) AND "
        "(attribute_not_exists(lease_until) OR lease_until <= :now OR (asker = :asker AND lease_until = :until))",
        "ExpressionAttributeNames": STATUS,
        "ExpressionAttributeValues": {
            ":asking": text(IncidentStatus.ASKING),
            ":decided": text(IncidentStatus.DECIDED),
            ":asker": text(asker),
            ":until": number(epoch_milliseconds(now + lease)),
            ":now": number(epoch_milliseconds(now)),
            ":one": number(1),
        },
    }


def holding(table: str, asked: Incident, until: datetime) -> "UpdateItemInputTypeDef":
    """Move the end of a question's lease, if its attempt is still the current one."""
    return {
        "TableName": table,
        "Key": items.head_key(asked.incident_id),
        "UpdateExpression": "SET lease_until = :until",
        "ConditionExpression": CURRENT,
        "ExpressionAttributeNames": STATUS,
        "ExpressionAttributeValues": _current(asked) | {":until": number(epoch_milliseconds(until))},
    }


def deferring(table: str, asked: Incident, retry_at: datetime) -> "UpdateItemInputTypeDef":
    """Give a question back until `retry_at`, if its attempt is still the current one.

    The last part of the condition lets a call whose answer was lost succeed again when the SDK repeats it.
    """
    return {
        "TableName": table,
        "Key": items.head_key(asked.incident_id),
        "UpdateExpression": "SET #status = :open, retry_at = :retry REMOVE lease_until",
        "ConditionExpression": f"({CURRENT}) OR (#status = :open AND attempt = :attempt AND retry_at = :retry)",
        "ExpressionAttributeNames": STATUS,
        "ExpressionAttributeValues": _current(asked)
        | {":open": text(IncidentStatus.OPEN), ":retry": number(epoch_milliseconds(retry_at))},
    }


def _current(asked: Incident) -> "items.NewItem":
    return {":asking": text(IncidentStatus.ASKING), ":attempt": number(asked.attempt)}


def settling(table: str, asked: Incident, ruling: Ruling, now: datetime) -> list["TransactWriteItemTypeDef"]:
    """Name the effective decision and keep what is to be told, if the attempt that asked is still the current one."""
    values = _current(asked) | {
        ":decided": text(IncidentStatus.DECIDED),
        ":decision": text(ruling.decision_id),
        ":record": text(ruling.record_sha256),
        ":now": number(epoch_milliseconds(now)),
    }
    assigned = "#status = :decided, decision_id = :decision, record_sha256 = :record, decided_at = :now"
    removed = "retry_at" if asked.suppressed_until else "retry_at, suppressed_until"
    if asked.suppressed_until:
        assigned += ", suppressed_until = :suppressed"
        values[":suppressed"] = number(epoch_milliseconds(asked.suppressed_until))
    if asked.asked_families:
        assigned += ", asked_families = :asked"
        values[":asked"] = {"B": items.families_bytes(asked.asked_families)}
    return [
        _put_open(table, asked.incident_id, asked.revision, now, ruling.notice),
        {
            "Update": {
                "TableName": table,
                "Key": items.head_key(asked.incident_id),
                "UpdateExpression": f"SET {assigned} REMOVE {removed}",
                "ConditionExpression": CURRENT,
                "ExpressionAttributeNames": STATUS,
                "ExpressionAttributeValues": values,
            }
        },
    ]


def forgetting(table: str, decided: Incident) -> "DeleteItemInputTypeDef":
    """Take a decided incident off the list of unfinished ones, unless something is to be told or a new one is asked."""
    return {
        "TableName": table,
        "Key": items.open_key(decided.incident_id),
        "ConditionExpression": "revision = :revision AND attribute_not_exists(notice)",
        "ExpressionAttributeValues": {":revision": number(decided.revision)},
    }


def telling(table: str, incident_id: UUID, notice: str) -> "UpdateItemInputTypeDef":
    """Forget what was to be told, if it is what people were told: a later decision may have added to it meanwhile."""
    return {
        "TableName": table,
        "Key": items.open_key(incident_id),
        "UpdateExpression": "REMOVE notice",
        "ConditionExpression": "notice = :notice",
        "ExpressionAttributeValues": {":notice": text(notice)},
    }


def _put_open(
    table: str, incident_id: UUID, revision: int, now: datetime, notice: str | None = None
) -> "TransactWriteItemTypeDef":
    entry = items.open_key(incident_id) | {"revision": number(revision), "ttl": items.expiry(now)}
    if notice is not None:
        entry |= {"notice": text(notice), "ttl": items.expiry(now, items.NOTICE_RETENTION)}
    return {"Put": {"TableName": table, "Item": entry}}


def _reopen_entry(table: str, incident_id: UUID, revision: int, now: datetime) -> "TransactWriteItemTypeDef":
    """List an incident as unfinished again, and keep what is still to be told about its last decision."""
    return {
        "Update": {
            "TableName": table,
            "Key": items.open_key(incident_id),
            "UpdateExpression": "SET revision = :revision, #ttl = :ttl",
            "ExpressionAttributeNames": TTL,
            "ExpressionAttributeValues": {":revision": number(revision), ":ttl": items.expiry(now)},
        }
    }
