"""Everything that the stand-in remembers."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from autocloudops.sandbox.automation.executions import Execution
from autocloudops.sandbox.automation.faults import Fault
from autocloudops.sandbox.automation.ical import Calendar
from autocloudops.sandbox.automation.runbook import Runbook
from autocloudops.sandbox.control_plane.values import Document, Place
from autocloudops.sandbox.control_plane.wire import Refusal, Row
from autocloudops.values import Value


class Caller(Value):
    """Who calls, and when."""

    arn: str
    at: datetime


Handler = Callable[["World", Document, Caller], Row]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document, and what its content says."""

    content: str
    format: str
    created_at: datetime
    says: Runbook | Calendar

    @property
    def hash(self) -> str:
        """SHA-256 of the content, as hexadecimal."""
        return sha256(self.content.encode()).hexdigest()


@dataclass(slots=True)
class Stored:
    """A document with all its versions, of which the first is number 1."""

    name: str
    type: str
    versions: list[Version]
    default: int = 1

    def number(self, asked: str | None) -> int:
        """Return the number that `asked` stands for.

        Raises:
            LookupError: there is no such version.
        """
        latest = len(self.versions)
        found = {None: self.default, "$DEFAULT": self.default, "$LATEST": latest}.get(asked) or int(asked or 0)
        if not 1 <= found <= latest:
            raise LookupError(asked)
        return found


class OpsItem(Value):
    """An OpsItem: what was asked for, by whom, and when."""

    id: str
    arn: str
    request: Mapping[str, Any]
    created_by: str
    created_at: datetime
    status: str = "Open"

    @property
    def dedup(self) -> str:
        """The text of which there is one open OpsItem only; empty where there is none."""
        return str(self.request.get("OperationalData", {}).get("/aws/dedup", {}).get("Value", ""))


@dataclass(slots=True)
class World:
    """The state of one account in one region.

    Attributes:
        tokens: client token -> the digest of its start, and the execution that it made.
        tags: kind and id of a resource -> its tags.
    """

    place: Place
    documents: dict[str, Stored] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    ops_items: dict[str, OpsItem] = field(default_factory=dict)
    tags: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    faults: defaultdict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))

    def document(self, name: str, *, missing: str = "InvalidDocument") -> Stored:
        """Return the document of that name or ARN, or refuse with the code `missing`."""
        found = self.documents.get(name.rpartition("document/")[2])
        if found is None:
            raise Refusal(missing, f"Document with name {name} does not exist.")
        return found

    def execution(self, identity: str) -> Execution:
        """Return the execution, or refuse."""
        found = self.executions.get(identity)
        if found is None:
            raise Refusal(
                "AutomationExecutionNotFoundException", f"Automation execution with ID {identity} does not exist."
            )
        return found

    def tag(self, kind: str, identity: str, request: Document) -> None:
        """Keep the tags of a request on a resource, beside those that it has."""
        self.tags.setdefault((kind, identity), {}).update(
            {each["Key"]: each["Value"] for each in request.get("Tags", [])}
        )

    def next_fault(self, operation: str) -> Fault | None:
        """Return and forget the next fault of an operation."""
        waiting = self.faults[operation]
        return waiting.popleft() if waiting else None
