"""Claims, locks, budgets and breakers as DynamoDB items, and the transactions that change them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from autocloudops.clock import epoch_milliseconds
from autocloudops.decisions.claims import Claim, NotClaimed, Refused
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.state import claim_rules as rules
from autocloudops.state.claim_rules import Breaker, Lock
from autocloudops.state.control import control_key, read_control
from autocloudops.state.items import expiry, hashed, moment, number, text

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

    from autocloudops.state.items import NewItem, StoredItem

OPEN = "CLAIMS#OPEN"
CLAIM = "CLAIM"
BREAKER = "BREAKER"
RETENTION = timedelta(days=400)
LIST_RETENTION = RETENTION + timedelta(days=30)
BUDGET_RETENTION = timedelta(days=2)
WHOLE = "ALL"
UNSPENT = "attribute_not_exists(used) OR used < :most"
NEVER_SPENT = "used < :most"


class Condition(NamedTuple):
    """Where the conditions of a claim stand in its transaction, in the order in which they are named."""

    control: int = 0
    claim: int = 1
    lock: int = 2
    whole_budget: int = 3
    runbook_budget: int = 4
    breaker: int = 5


AT = Condition()


def claim_key(claim_id: UUID) -> "NewItem":
    """Return the key of a claim."""
    return {"pk": text(f"CLAIM#{claim_id}"), "sk": text(CLAIM)}


def open_key(claim_id: UUID) -> "NewItem":
    """Return the key under which a claim is found while it is not over."""
    return {"pk": text(OPEN), "sk": text(claim_id)}


def incident_pk(incident_id: UUID) -> str:
    """Return the partition that lists the claims about an incident."""
    return f"CLAIMOF#{incident_id}"


def breaker_key(runbook: str) -> "NewItem":
    """Return the key of a runbook's breaker."""
    return {"pk": text(f"BREAKER#{runbook}"), "sk": text(BREAKER)}


def budget_key(now: datetime, budget: str = WHOLE) -> "NewItem":
    """Return the key under which the claims of an hour of the clock are counted: all of them, or a runbook's."""
    return {"pk": text(f"BUDGET#{rules.hour_of(now)}"), "sk": text(budget)}


def read_claim(item: "StoredItem") -> Claim:
    """Return the claim that an item keeps."""
    return Claim.model_validate_json(item["claim"]["S"])


def read_breaker(item: "StoredItem | None") -> Breaker:
    """Return a runbook's breaker; one that nobody wrote is closed."""
    if item is None:
        return Breaker()
    results = tuple((claim_id, good) for claim_id, good in json.loads(item["results"]["S"]))
    return Breaker(results, item["why"]["S"] if "why" in item else None, int(item["version"]["N"]))


def is_by(item: "StoredItem", ticket: UUID) -> bool:
    """Whether an item was last written under a ticket."""
    return "ticket" in item and item["ticket"]["S"] == str(ticket)


def _claim_item(claim: Claim, ticket: UUID, now: datetime) -> "NewItem":
    item = claim_key(claim.claim_id) | {
        "claim": text(claim.model_dump_json()),
        "state": text(claim.state),
        "version": number(claim.version),
        "ticket": text(ticket),
    }
    return item | {"ttl": expiry(now, RETENTION)} if claim.state.final else item


def claiming(
    table: str, wanted: Claim, limits: ClaimLimits, ticket: UUID, now: datetime
) -> list["TransactWriteItemTypeDef"]:
    """Make a claim, lock its target and count it, if everything allows it; `Condition` says what stands where."""
    listed = {"pk": text(incident_pk(wanted.incident_id)), "sk": text(wanted.claim_id)}
    expires = {"ttl": expiry(now, LIST_RETENTION)}
    runbook = wanted.request.runbook
    return [
        _control_allows(table, wanted),
        _putting(table, _claim_item(wanted, ticket, now), "attribute_not_exists(pk)"),
        _locking(table, wanted, limits, now),
        _spending(table, WHOLE, limits.global_per_hour, now),
        _spending(table, f"RUNBOOK#{runbook}", limits.runbook_per_hour, now),
        _breaker_closed(table, runbook),
        {"Put": {"TableName": table, "Item": open_key(wanted.claim_id) | expires}},
        {"Put": {"TableName": table, "Item": listed | expires}},
    ]


def _control_allows(table: str, wanted: Claim) -> "TransactWriteItemTypeDef":
    modes = {f":mode{place}": text(mode) for place, mode in enumerate(rules.allowing(wanted))}
    return {
        "ConditionCheck": {
            "TableName": table,
            "Key": control_key(),
            "ConditionExpression": f"#mode IN ({', '.join(modes)})",
            "ExpressionAttributeNames": {"#mode": "mode"},
            "ExpressionAttributeValues": modes,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _locking(table: str, wanted: Claim, limits: ClaimLimits, now: datetime) -> "TransactWriteItemTypeDef":
    until = now + limits.cooldown
    return {
        "Update": {
            "TableName": table,
            "Key": {"pk": text(f"LOCK#{hashed(rules.lock_of(wanted.request))}"), "sk": text("LOCK")},
            "UpdateExpression": "SET #until = :until, incident_id = :incident, #ttl = :ttl ADD fence :one",
            "ConditionExpression": "attribute_not_exists(pk) OR #until <= :now",
            "ExpressionAttributeNames": {"#until": "until", "#ttl": "ttl"},
            "ExpressionAttributeValues": {
                ":until": number(epoch_milliseconds(until)),
                ":now": number(epoch_milliseconds(now)),
                ":incident": text(wanted.incident_id),
                ":ttl": expiry(until, RETENTION),
                ":one": number(1),
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _spending(table: str, budget: str, most: int, now: datetime) -> "TransactWriteItemTypeDef":
    return {
        "Update": {
            "TableName": table,
            "Key": budget_key(now, budget),
            "UpdateExpression": "SET #ttl = :ttl ADD used :one",
            "ConditionExpression": UNSPENT if most else NEVER_SPENT,
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {
                ":most": number(most),
                ":one": number(1),
                ":ttl": expiry(now, BUDGET_RETENTION),
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _breaker_closed(table: str, runbook: str) -> "TransactWriteItemTypeDef":
    return {
        "ConditionCheck": {
            "TableName": table,
            "Key": breaker_key(runbook),
            "ConditionExpression": "attribute_not_exists(why)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def refusal(failed: Mapping[int, "StoredItem"], wanted: Claim, limits: ClaimLimits, now: datetime) -> NotClaimed:
    """Return the first condition of a claim that did not hold.

    Args:
        failed: the items at which conditions failed, by their place in the transaction.
        wanted: what was to be claimed.
        limits: the limits that it was to be claimed under.
        now: the wall time at which it was.
    """
    first = min(failed)
    item = failed[first]
    used = int(item["used"]["N"]) if "used" in item else 0
    match first:
        case AT.control:
            return rules.killed(read_control(item), wanted) if item else rules.NO_CONTROL
        case AT.claim:
            return rules.duplicate(read_claim(item) if item else None)
        case AT.lock:
            return rules.locked(_read_lock(item))
        case AT.whole_budget:
            return rules.spent(Refused.GLOBAL_BUDGET, used, limits.global_per_hour, now)
        case AT.runbook_budget:
            return rules.spent(Refused.RUNBOOK_BUDGET, used, limits.runbook_per_hour, now)
    return rules.broken(item["why"]["S"])


def _read_lock(item: "StoredItem") -> Lock:
    return Lock(moment(item["until"]["N"]), UUID(item["incident_id"]["S"]), int(item["fence"]["N"]))


def moving(table: str, to: Claim, ticket: UUID, now: datetime) -> list["TransactWriteItemTypeDef"]:
    """Write a claim over its last version, and take it off the list of open ones once it is over."""
    values = {":version": number(to.version - 1)}
    put = _putting(table, _claim_item(to, ticket, now), "#version = :version", values)
    off: list[TransactWriteItemTypeDef] = [{"Delete": {"TableName": table, "Key": open_key(to.claim_id)}}]
    return [put] if rules.is_open(to) else [put, *off]


def breaking(table: str, runbook: str, to: Breaker, ticket: UUID) -> "TransactWriteItemTypeDef":
    """Write a runbook's breaker over its last version; it never expires."""
    item = breaker_key(runbook) | {
        "results": text(json.dumps(to.results)),
        "version": number(to.version),
        "ticket": text(ticket),
    }
    if to.why:
        item |= {"why": text(to.why)}
    if to.version == 1:
        return _putting(table, item, "attribute_not_exists(pk)")
    return _putting(table, item, "#version = :version", {":version": number(to.version - 1)})


def _putting(
    table: str, item: "NewItem", condition: str, values: "NewItem | None" = None
) -> "TransactWriteItemTypeDef":
    put: TransactWriteItemTypeDef = {
        "Put": {
            "TableName": table,
            "Item": item,
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
    if values:
        put["Put"] |= {"ExpressionAttributeNames": {"#version": "version"}, "ExpressionAttributeValues": values}
    return put
