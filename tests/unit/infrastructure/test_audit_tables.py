"""What Athena reads is what the worker writes: columns, their types, and where the objects are."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from templates import ACCOUNT, REGION, evaluated, load

from autocloudops.audit.keys import ACTIONS, DECISIONS, hour_prefix
from autocloudops.audit.record import StoredRecord
from autocloudops.decisions.claims import ActionEntry
from autocloudops.values import Value

PLAIN: Mapping[str, str] = {
    "string": "string",
    "int": "integer",
    "bigint": "integer",
    "double": "number",
    "boolean": "boolean",
}
"""The types of JSON by those of Hive."""
Node = Mapping[str, Any]


def _table(name: str) -> dict[str, Any]:
    made: dict[str, Any] = evaluated(load("audit"), {})[name]["TableInput"]
    return made


@pytest.mark.parametrize(
    ("table", "kept"), [("AuditDecisions", StoredRecord), ("AuditActions", ActionEntry)], ids=["decisions", "actions"]
)
def test_columns_are_fields_of_what_is_kept(table: str, kept: type[Value]) -> None:
    """Each column has the name and the type of a field, and so has each field of its structures, to any depth."""
    schema = kept.model_json_schema(mode="serialization")
    properties = schema["properties"] | {"schema_version": {"type": "integer"}}
    columns = _table(table)["StorageDescriptor"]["Columns"]
    assert len(columns) >= 4
    for each in columns:
        assert _agrees(each["Type"], properties[each["Name"]], schema["$defs"]), each["Name"]


def _agrees(said: str, node: Node, definitions: Node) -> bool:
    """Return whether a value with this schema can be read as a type of Hive."""
    choices = [_resolved(each, definitions) for each in node.get("anyOf", [node])]
    kinds = [each for each in choices if each.get("type") != "null"]
    return bool(kinds) and all(_agrees_one(said, each, definitions) for each in kinds)


def _resolved(node: Node, definitions: Node) -> Node:
    return definitions[node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def _agrees_one(said: str, node: Node, definitions: Node) -> bool:
    outer, _, inner = said.removesuffix(">").partition("<")
    match outer:
        case "struct":
            found = node.get("properties", {})
            return all(name in found and _agrees(kind, found[name], definitions) for name, kind in _fields(inner))
        case "array":
            return node["type"] == "array" and _agrees(inner, node["items"], definitions)
        case "map":
            value = inner.removeprefix("string,")
            return node["type"] == "object" and _agrees(value, node["additionalProperties"], definitions)
        case _:
            return node.get("type") == PLAIN[outer]


def _fields(said: str) -> list[tuple[str, str]]:
    """Split `a:int,b:struct<c:int,d:int>` at the commas that are not inside."""
    depth, parts = 0, [""]
    for letter in said:
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [(each.partition(":")[0], each.partition(":")[2]) for each in parts]


@pytest.mark.parametrize(
    ("said", "agrees"),
    [
        ("struct<at:string,count:int>", True),
        ("struct<at:int>", False),
        ("struct<gone:string>", False),
        ("struct<names:array<string>>", True),
        ("struct<names:array<int>>", False),
        ("struct<by:map<string,array<string>>>", True),
        ("struct<by:map<string,string>>", False),
    ],
)
def test_what_does_not_agree_is_found(said: str, *, agrees: bool) -> None:
    """The comparison itself tells a wrong type and a missing field from right ones."""
    names = {"type": "array", "items": {"type": "string"}}
    properties = {
        "at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        "count": {"type": "integer"},
        "names": names,
        "by": {"type": "object", "additionalProperties": names},
    }
    assert _agrees(said, {"$ref": "#/$defs/It"}, {"It": {"type": "object", "properties": properties}}) is agrees


def test_athena_finds_the_objects_where_they_are() -> None:
    """Each table's place is that of the keys, with the partitions that keys have."""
    bucket = f"s3://autocloudops-audit-{ACCOUNT}-{REGION}"
    for table, root, parts in (("AuditDecisions", DECISIONS, ("dt", "hour")), ("AuditActions", ACTIONS, ("dt",))):
        said = _table(table)
        where = "".join(f"{part}=${{{part}}}/" for part in parts)
        assert said["Parameters"]["storage.location.template"] == f"{bucket}/{root}{where}"
        assert [each["Name"] for each in said["PartitionKeys"]] == list(parts)
    assert hour_prefix(datetime(2026, 3, 1, 7, tzinfo=UTC)) == f"{DECISIONS}dt=2026-03-01/hour=07/"
