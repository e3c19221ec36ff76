"""OpsItems of OpsCenter: created, read and listed."""

import json
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from autocloudops.sandbox.automation.world import Caller, Handler, OpsItem, World
from autocloudops.sandbox.control_plane.values import Document
from autocloudops.sandbox.control_plane.wire import Refusal, Row, page

PAGE_SIZE = 50
RESOLVED = "Resolved"
SAID = ("Title", "Source", "Priority", "Category", "Severity", "OperationalData", "OpsItemType")
RESERVED = ("amazon", "aws", "amzn", "ssm", "/amazon", "/aws", "/amzn", "/ssm")
OWN_KEYS = frozenset({"/aws/dedup", "/aws/resources", "/aws/automations"})


class AlreadyExists(Refusal):
    """The refusal of a second open OpsItem with the same deduplication text; it names the first."""

    def __init__(self, first: str) -> None:
        super().__init__("OpsItemAlreadyExistsException", f"Similar OpsItem {first} already exists.")
        self.members = {"OpsItemId": first}


def create_ops_item(world: World, request: Document, caller: Caller) -> Row:
    """CreateOpsItem: one that is open for each deduplication text."""
    _check(request)
    identity = f"oi-{uuid.uuid4().hex[:12]}"
    arn = world.place.arn(f"opsitem/{identity}", service="ssm")
    made = OpsItem(id=identity, arn=arn, request=request, created_by=caller.arn, created_at=caller.at)
    standing = (each for each in world.ops_items.values() if each.status != RESOLVED)
    if first := next((each for each in standing if made.dedup and each.dedup == made.dedup), None):
        raise AlreadyExists(first.id)
    world.ops_items[identity] = made
    world.tag("OpsItem", identity, request)
    return {"OpsItemId": identity, "OpsItemArn": arn}


def get_ops_item(world: World, request: Document, _: Caller) -> Row:
    """GetOpsItem."""
    found = world.ops_items.get(request["OpsItemId"])
    if found is None:
        raise Refusal("OpsItemNotFoundException", f"OpsItem ID {request['OpsItemId']} does not exist.")
    said = found.request
    shown = {"Description": said["Description"], "Notifications": said.get("Notifications"), "OpsItemArn": found.arn}
    return {"OpsItem": {**_summary(found), **shown, "RelatedOpsItems": said.get("RelatedOpsItems"), "Version": "1"}}


def describe_ops_items(world: World, request: Document, _: Caller) -> Row:
    """DescribeOpsItems, newest first, by status, source, title, id, category, severity or operational data."""
    found = list(reversed(world.ops_items.values()))
    for each in request.get("OpsItemFilters", []):
        found = [item for item in found if _fits(item, each)]
    return page([_summary(each) for each in found], request, member="OpsItemSummaries", size=PAGE_SIZE)


def update_ops_item(world: World, request: Document, _: Caller) -> Row:
    """UpdateOpsItem: its status alone."""
    found = world.ops_items.get(request["OpsItemId"])
    if found is None:
        raise Refusal("OpsItemNotFoundException", f"OpsItem ID {request['OpsItemId']} does not exist.")
    if other := sorted(request.keys() - {"OpsItemId", "Status", "OpsItemArn"}):
        raise _invalid(f"{', '.join(other)} cannot be updated here.")
    world.ops_items[found.id] = found.model_copy(update={"status": request.get("Status", found.status)})
    return {}


OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {
        "CreateOpsItem": create_ops_item,
        "GetOpsItem": get_ops_item,
        "DescribeOpsItems": describe_ops_items,
        "UpdateOpsItem": update_ops_item,
    }
)


def _check(request: Document) -> None:
    for key in request.get("OperationalData", {}):
        if key.lower().startswith(RESERVED) and key not in OWN_KEYS:
            raise _invalid(f"Operational data keys cannot begin with {', '.join(RESERVED)}: {key}.")


def _invalid(message: str) -> Refusal:
    return Refusal("OpsItemInvalidParameterException", message)


def _summary(item: OpsItem) -> Row:
    return {
        **{key: item.request.get(key) for key in SAID},
        "OpsItemId": item.id,
        "Status": item.status,
        "CreatedBy": item.created_by,
        "CreatedTime": item.created_at,
        "LastModifiedBy": item.created_by,
        "LastModifiedTime": item.created_at,
    }


def _fits(item: OpsItem, asked: Mapping[str, Any]) -> bool:
    key, values, operator = asked["Key"], asked["Values"], asked["Operator"]
    if operator not in {"Equal", "Contains"}:
        raise _invalid(f"OpsItems cannot be filtered by {operator} here.")
    said = _said(item, key)
    return any(each == value if operator == "Equal" else value in each for each in said for value in values)


def _said(item: OpsItem, key: str) -> list[str]:
    data: Mapping[str, Mapping[str, str]] = item.request.get("OperationalData", {})
    if key == "OperationalDataKey":
        return list(data)
    if key == "OperationalDataValue":
        return [each.get("Value", "") for each in data.values()]
    if key == "OperationalData":
        return [json.dumps({"key": name, "value": each.get("Value", "")}) for name, each in data.items()]
    shown = _summary(item)
    if key not in shown:
        raise _invalid(f"OpsItems cannot be filtered by {key} here.")
    return [str(shown[key])]
