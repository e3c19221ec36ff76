"""The operations on documents: Automation runbooks and change calendars."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

import yaml

from autocloudops.sandbox.automation.ical import Calendar, calendar
from autocloudops.sandbox.automation.references import text
from autocloudops.sandbox.automation.runbook import SCHEMA_VERSION, Runbook, invalid_content, runbook
from autocloudops.sandbox.automation.steps import ACTIONS
from autocloudops.sandbox.automation.world import Caller, Handler, Stored, Version, World
from autocloudops.sandbox.control_plane.values import Document
from autocloudops.sandbox.control_plane.wire import Refusal, Row, page

AUTOMATION, CHANGE_CALENDAR = "Automation", "ChangeCalendar"
MAX_CONTENT_BYTES = 65_536
PAGE_SIZE = 10
READERS: Mapping[str, Callable[[str], Runbook | Calendar]] = MappingProxyType(
    {
        AUTOMATION: lambda content: runbook(content, actions=frozenset(ACTIONS)),
        CHANGE_CALENDAR: calendar,
    }
)


def create_document(world: World, request: Document, caller: Caller) -> Row:
    """CreateDocument: a runbook or a change calendar."""
    name, kind = request["Name"], request.get("DocumentType", "Command")
    if kind not in READERS:
        raise Refusal("InvalidDocumentContent", f"Documents of type {kind} are not kept here; {AUTOMATION} ones are.")
    if name in world.documents:
        raise Refusal("DocumentAlreadyExists", f"Document with same name {name} already exists")
    world.documents[name] = Stored(name=name, type=kind, versions=[_version(kind, request, caller)])
    world.tag("Document", name, request)
    return {"DocumentDescription": _description(world, world.documents[name], 1)}


def update_document(world: World, request: Document, caller: Caller) -> Row:
    """UpdateDocument: a new version, which is not the default one."""
    stored = world.document(request["Name"])
    if _number(stored, request.get("DocumentVersion") or "$LATEST") != len(stored.versions):
        raise _no_version(request["DocumentVersion"])
    made = _version(stored.type, request, caller)
    if made.hash in {each.hash for each in stored.versions}:
        raise Refusal("DuplicateDocumentContent", "The content of the document duplicates one of its versions.")
    stored.versions.append(made)
    return {"DocumentDescription": _description(world, stored, len(stored.versions))}


def update_document_default_version(world: World, request: Document, _: Caller) -> Row:
    """UpdateDocumentDefaultVersion: the version that is run when a start says none."""
    stored = world.document(request["Name"])
    stored.default = _number(stored, request["DocumentVersion"])
    return {"Description": {"Name": stored.name, "DefaultVersion": str(stored.default)}}


def describe_document(world: World, request: Document, _: Caller) -> Row:
    """DescribeDocument."""
    stored = world.document(request["Name"])
    return {"Document": _description(world, stored, _number(stored, request.get("DocumentVersion")))}


def get_document(world: World, request: Document, _: Caller) -> Row:
    """GetDocument: its content, in the format that was asked for."""
    stored = world.document(request["Name"])
    number = _number(stored, request.get("DocumentVersion"))
    version = stored.versions[number - 1]
    shown = request.get("DocumentFormat", version.format)
    return {
        "Name": stored.name,
        "CreatedDate": version.created_at,
        "DocumentVersion": str(number),
        "Status": "Active",
        "Content": version.content if shown == version.format else _reformatted(version.content, shown),
        "DocumentType": stored.type,
        "DocumentFormat": shown,
    }


def delete_document(world: World, request: Document, _: Caller) -> Row:
    """DeleteDocument, with all its versions and tags."""
    stored = world.document(request["Name"])
    del world.documents[stored.name]
    world.tags.pop(("Document", stored.name), None)
    return {}


def list_documents(world: World, request: Document, _: Caller) -> Row:
    """ListDocuments by owner, type or the start of the name."""
    rows = [_identifier(world, each) for each in world.documents.values()]
    for each in request.get("Filters", []):
        rows = [row for row in rows if _fits(row, each["Key"], each["Values"])]
    return page(rows, request, member="DocumentIdentifiers", size=PAGE_SIZE)


OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {
        "CreateDocument": create_document,
        "UpdateDocument": update_document,
        "UpdateDocumentDefaultVersion": update_document_default_version,
        "DescribeDocument": describe_document,
        "GetDocument": get_document,
        "DeleteDocument": delete_document,
        "ListDocuments": list_documents,
    }
)


def _version(kind: str, request: Document, caller: Caller) -> Version:
    content, written = request["Content"], request.get("DocumentFormat", "JSON")
    if len(content.encode()) > MAX_CONTENT_BYTES:
        raise Refusal("MaxDocumentSizeExceeded", f"The document exceeds {MAX_CONTENT_BYTES} bytes.")
    if written == "JSON":
        _require_json(content)
    return Version(content=content, format=written, created_at=caller.at, says=READERS[kind](content))


def _require_json(content: str) -> None:
    try:
        json.loads(content)
    except ValueError as error:
        raise invalid_content(f"JSON not well-formed: {error}") from error


def _reformatted(content: str, shown: str) -> str:
    read = yaml.safe_load(content)
    return json.dumps(read, indent=2) if shown == "JSON" else yaml.safe_dump(read, sort_keys=False)


def _number(stored: Stored, asked: str | None) -> int:
    try:
        return stored.number(asked)
    except LookupError as error:
        raise _no_version(asked) from error


def _no_version(asked: str | None) -> Refusal:
    return Refusal("InvalidDocumentVersion", f"The document version {asked} is not valid or does not exist.")


def _description(world: World, stored: Stored, number: int) -> Row:
    version = stored.versions[number - 1]
    says = version.says
    return {
        **_identifier(world, stored),
        "Hash": version.hash,
        "HashType": "Sha256",
        "CreatedDate": version.created_at,
        "Status": "Active",
        "DocumentVersion": str(number),
        "DocumentFormat": version.format,
        "Description": says.description if isinstance(says, Runbook) else None,
        "Parameters": _parameters(says) if isinstance(says, Runbook) else None,
        "LatestVersion": str(len(stored.versions)),
        "DefaultVersion": str(stored.default),
    }


def _parameters(says: Runbook) -> list[Row]:
    return [
        {
            "Name": name,
            "Type": each.type,
            "Description": each.description,
            "DefaultValue": None if each.default is None else text(each.default),
        }
        for name, each in says.parameters.items()
    ]


def _identifier(world: World, stored: Stored) -> Row:
    default = stored.versions[stored.default - 1]
    tags = world.tags.get(("Document", stored.name), {})
    return {
        "Name": stored.name,
        "Owner": world.place.account,
        "PlatformTypes": ["Windows", "Linux", "MacOS"],
        "DocumentVersion": str(stored.default),
        "DocumentType": stored.type,
        "SchemaVersion": SCHEMA_VERSION if stored.type == AUTOMATION else None,
        "DocumentFormat": default.format,
        "CreatedDate": default.created_at,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def _fits(row: Row, key: str, values: list[str]) -> bool:
    if key == "Owner":
        return "Self" in values or "All" in values
    if key == "Name":
        return str(row["Name"]).startswith(tuple(values))
    if key == "DocumentType":
        return row["DocumentType"] in values
    raise Refusal("InvalidFilterKey", f"Documents cannot be filtered by {key} here.")
