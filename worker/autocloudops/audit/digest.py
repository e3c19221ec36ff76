"""The hourly digest: what stood in the audit, who had written it, and the digest before; signed."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pydantic import ValidationError

from autocloudops.audit.findings import Kind
from autocloudops.audit.merkle import root_of
from autocloudops.audit.record import canonical
from autocloudops.audit.signing import ALGORITHM, TrustedKeys
from autocloudops.values import Value

SCHEMA_VERSION = 1
SIGNATURE = "signature"


class Span(Value):
    """Which lines of its writer an object holds: their first and last number, what stands before, the last's digest."""

    first: int
    last: int
    prev: str
    head: str


class Listed(Value):
    """An object as it was when it was signed for.

    `late` marks one of an earlier hour, or of an earlier day for an action. `span` is None for an action, and for an
    object that was damaged before anybody signed for it.
    """

    key: str
    size_bytes: int
    sha256: str
    late: bool = False
    span: Span | None = None


class Reached(Value):
    """How far digests cover a writer: so many objects, so many lines, and the digest of the last of them.

    `lines` is None where its last object could not be read.
    """

    objects: int = 0
    lines: int | None = 0
    head: str = ""


class DigestedWriter(Value):
    """A registered writer at the end of the hour.

    `sequence` is the number of the last object that it said was durable, as far as that belongs to this hour or an
    earlier one; None where there is none. `said` is how many lines it had written with that object, and the digest of
    the last, where it said that. `ended` says that it writes no more; otherwise it is unclosed. `resumed` is how far
    earlier digests cover one that came back after the one before had forgotten it; `covered` is None where none says.
    """

    writer_id: str
    started: datetime
    seen: datetime
    sequence: int | None
    ended: bool
    covered: Reached | None
    said: Reached | None = None
    resumed: Reached | None = None


class Link(Value):
    """The digest before, by its key and the hex SHA-256 of its bytes."""

    key: str
    sha256: str


class Digest(Value):
    """What is signed for one hour.

    `root` is the Merkle root over `objects` in their order, each as the canonical JSON of its key, size and SHA-256.
    `recent_actions` are the keys of actions of the last days that this digest or earlier ones list. `key_name` is the
    hex SHA-256 of the public key that the signature holds under.
    """

    schema_version: int = SCHEMA_VERSION
    hour: datetime
    at: datetime
    previous: Link | None
    objects: tuple[Listed, ...]
    root: str
    writers: tuple[DigestedWriter, ...]
    recent_actions: tuple[str, ...]
    key_name: str
    algorithm: str = ALGORITHM


@dataclass(frozen=True, slots=True)
class Untrusted:
    """Why a digest proves nothing."""

    kind: Kind
    detail: str


def merkle_root(objects: Sequence[Listed]) -> str:
    """Return the root over what is listed."""
    return root_of([canonical({"key": each.key, "size": each.size_bytes, "sha256": each.sha256}) for each in objects])


def message_of(digest: Digest) -> bytes:
    """Return what is signed: the digest's canonical JSON."""
    return canonical(digest.model_dump(mode="json"))


def signed(digest: Digest, signature: bytes) -> bytes:
    """Return the bytes of a digest's object: what is signed, and the signature (DER in base64) with it."""
    return canonical({**digest.model_dump(mode="json"), SIGNATURE: base64.b64encode(signature).decode()})


def link_to(key: str, body: bytes) -> Link:
    """Return how the next digest names this one."""
    return Link(key=key, sha256=sha256(body).hexdigest())


def opened(body: bytes, trusted: TrustedKeys) -> Digest | Untrusted:
    """Return a digest whose signature holds over its exact bytes, or why it proves nothing.

    Args:
        body: the bytes of its object.
        trusted: whose signatures count.
    """
    try:
        content = json.loads(body)
        signature = base64.b64decode(content.pop(SIGNATURE), validate=True)
        digest = Digest.model_validate(content)
    except (ValueError, KeyError, AttributeError, TypeError, binascii.Error, ValidationError):
        return Untrusted(Kind.FORGED, "it is no digest")
    if digest.key_name not in trusted:
        return Untrusted(Kind.WRONG_KEY, f"it says that key {digest.key_name} signed it, which is not trusted")
    if canonical({**content, SIGNATURE: base64.b64encode(signature).decode()}) != body:
        return Untrusted(Kind.FORGED, "its bytes are not in canonical form")
    if not trusted.holds(digest.key_name, canonical(content), signature):
        return Untrusted(Kind.FORGED, "its signature does not hold")
    if merkle_root(digest.objects) != digest.root:
        return Untrusted(Kind.FORGED, "its Merkle root is not that of its objects")
    return digest
