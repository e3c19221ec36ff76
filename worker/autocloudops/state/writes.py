"""The conditional writes that move incidents: each returns the arguments of one DynamoDB call."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey
from autocloudops.clock import epoch_milliseconds
from autocloudops.incidents.grouping import change_of
from autocloudops.incidents.model import Change, Incident, IncidentStatus, Opens, Placement, Reopens, family
from autocloudops.state import items
from autocloudops.state.items import number, text
from autocloudops.state.tally import Tally

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import (
        DeleteItemInputTypeDef,
        TransactWriteItemTypeDef,
        UpdateItemInputTypeDef,
    )

ABSENT = "attribute_not_exists(pk)"
STATUS = {"#status": "status"}


def opening(table: str, alarm: Alarm, placement: Opens, now: datetime) -> list["TransactWriteItemTypeDef"]:
    """Create an incident, its opener's change, its place in the list of undecided ones, and the owner's pointer."""
    incident = placement.incident
    return [
        _put(table, items.change_item(alarm, change_of(alarm, placement), now)),
        _put(table, items.head_item(incident, alarm, now)),
        _put_open(table, incident.incident_id, now),
        _move_pointer(table, incident, now),
    ]


def reopening(table: str, alarm: Alarm, placement: Reopens, now: datetime) -> list["TransactWriteItemTypeDef"]:
    """Open a decided incident again for its next revision, whose token is `alarm`."""
    slot, place = items.slot_of(alarm.event_id), items.place_of(alarm)
    return [
        _put(table, items.change_item(alarm, change_of(alarm, placement), now)),
        _put_open(table, placement.incident_id, now),
        {
            "Update": {
                "TableName": table,
                "Key": items.head_key(placement.incident_id),
                "UpdateExpression": "SET #status = :open, revision = :revision, #token = :event, token_place = :place, "
                f"last{slot} = :place, last_member_at = :now "
                "ADD members :one, firing :one, families :family REMOVE lease_until, suppressed_until",
                "ConditionExpression": "#status = :decided AND revision = :before AND firing > :none",
                "ExpressionAttributeNames": STATUS | {"#token": "token"},
                "ExpressionAttributeValues": {
                    ":open": text(IncidentStatus.OPEN),
                    ":decided": text(IncidentStatus.DECIDED),
                    ":revision": number(placement.revision),
                    ":before": number(placement.revision - 1),
                    ":event": text(alarm.event_id),
                    ":place": place,
                    ":now": number(epoch_milliseconds(now)),
                    ":one": number(1),
                    ":none": number(0),
                    ":family": {"SS": [family(alarm)]},
                },
            }
        },
    ]


def adding(table: str, tally: Tally) -> "UpdateItemInputTypeDef":
    """Add a tally to its incident; a guarded one is refused once the incident is resolved."""
    added, assigned = ["firing :firing"], []
    values = {":firing": number(tally.firing)}
    if tally.members and tally.last_member_at:
        added += ["members :members", "families :families"]
        assigned.append("last_member_at = :now")
        values |= {
            ":members": number(tally.members),
            ":families": {"SS": sorted(tally.families)},
            ":now": number(epoch_milliseconds(tally.last_member_at)),
        }
    for slot, places in tally.places.items():
        assigned += [f"last{slot} = :last{slot}", f"first{slot} = if_not_exists(first{slot}, :first{slot})"]
        values |= {f":last{slot}": places[-1], f":first{slot}": places[0]}
    if tally.guarded:
        values[":none"] = number(0)
    return {
        "TableName": table,
        "Key": items.head_key(tally.incident_id),
        "UpdateExpression": f"ADD {', '.join(added)}" + (f" SET {', '.join(assigned)}" if assigned else ""),
        "ConditionExpression": "firing > :none" if tally.guarded else "attribute_exists(pk)",
        "ExpressionAttributeValues": values,
    }


def taking_back(table: str, alarm: Alarm, placement: Placement) -> "DeleteItemInputTypeDef":
    """Delete a change that was just written; an OK without an incident only while nobody gave it one."""
    deletion: DeleteItemInputTypeDef = {"TableName": table, "Key": items.change_key(alarm.key, alarm)}
    if change_of(alarm, placement).incident_id is None:
        deletion["ConditionExpression"] = "attribute_not_exists(incident_id)"
    return deletion


def ending(table: str, key: AlarmKey, closing: Change, incident_id: UUID) -> "UpdateItemInputTypeDef":
    """Make an OK that found no episode the end of one in an incident; of two who try, one does."""
    return {
        "TableName": table,
        "Key": items.change_key(key, closing),
        "UpdateExpression": "SET incident_id = :incident",
        "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(incident_id)",
        "ExpressionAttributeValues": {":incident": text(incident_id)},
    }


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


def releasing(table: str, asked: Incident, now: datetime) -> "UpdateItemInputTypeDef":
    """Give the lease of a question back, if its attempt is still the current one."""
    return {
        "TableName": table,
        "Key": items.head_key(asked.incident_id),
        "UpdateExpression": "SET lease_until = :now",
        "ConditionExpression": "#status = :asking AND attempt = :attempt",
        "ExpressionAttributeNames": STATUS,
        "ExpressionAttributeValues": {
            ":asking": text(IncidentStatus.ASKING),
            ":attempt": number(asked.attempt),
            ":now": number(epoch_milliseconds(now)),
        },
    }


def settling(
    table: str, asked: Incident, decision_id: UUID, record_sha256: str, now: datetime
) -> "UpdateItemInputTypeDef":
    """Name the effective decision, if the attempt that asked is still the current one."""
    values = {
        ":asking": text(IncidentStatus.ASKING),
        ":decided": text(IncidentStatus.DECIDED),
        ":attempt": number(asked.attempt),
        ":decision": text(decision_id),
        ":record": text(record_sha256),
        ":now": number(epoch_milliseconds(now)),
    }
    suppression = " REMOVE suppressed_until"
    if asked.suppressed_until:
        suppression = ", suppressed_until = :suppressed"
        values[":suppressed"] = number(epoch_milliseconds(asked.suppressed_until))
    return {
        "TableName": table,
        "Key": items.head_key(asked.incident_id),
        "UpdateExpression": "SET #status = :decided, decision_id = :decision, record_sha256 = :record, "
        f"decided_at = :now{suppression}",
        "ConditionExpression": "#status = :asking AND attempt = :attempt",
        "ExpressionAttributeNames": STATUS,
        "ExpressionAttributeValues": values,
    }


def _put(table: str, item: "items.NewItem") -> "TransactWriteItemTypeDef":
    return {"Put": {"TableName": table, "Item": item, "ConditionExpression": ABSENT}}


def _put_open(table: str, incident_id: UUID, now: datetime) -> "TransactWriteItemTypeDef":
    return {"Put": {"TableName": table, "Item": items.open_key(incident_id) | {"ttl": items.expiry(now)}}}


def _move_pointer(table: str, incident: Incident, now: datetime) -> "TransactWriteItemTypeDef":
    pointer = items.pointer_key(incident.owner_key) | {
        "incident_id": text(incident.incident_id),
        "owner_key": text(incident.owner_key),
        "ttl": items.expiry(now),
    }
    if incident.previous is None:
        return _put(table, pointer)
    return {
        "Put": {
            "TableName": table,
            "Item": pointer,
            "ConditionExpression": "incident_id = :previous",
            "ExpressionAttributeValues": {":previous": text(incident.previous)},
        }
    }
