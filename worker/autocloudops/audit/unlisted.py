"""What no digest lists although its hour is covered, and what digests list that is not there."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from hashlib import sha256

from autocloudops.audit.chain import Content, content_of
from autocloudops.audit.continuity import Continuity
from autocloudops.audit.digest import Reached
from autocloudops.audit.findings import Finding, Kind
from autocloudops.audit.keys import Place, place_of


@dataclass(frozen=True, slots=True)
class Absent:
    """An object that is listed and not there; `place` is None for an action."""

    key: str
    place: Place | None


def missing(absent: Absent, present: Mapping[str, int]) -> Finding:
    """Return what became of an object that is gone: it was the end of its writer's chain, or stood inside it.

    Args:
        absent: the object.
        present: the last number that is there of each writer.
    """
    place = absent.place
    if place is not None and present.get(place.writer, -1) < place.sequence:
        return Finding(kind=Kind.TRUNCATED, key=absent.key, detail="the end of its writer's chain is gone")
    return Finding(kind=Kind.MISSING, key=absent.key, detail="it was signed for and is gone")


def strange(key: str, body: bytes, writers: Continuity, absent: MutableMapping[str, Absent]) -> Finding | None:
    """Return what an object is that no digest lists; None where its writer may have gone on, so that one still may.

    Args:
        key: where it stands.
        body: its bytes.
        writers: how far digests cover whom.
        absent: objects that are gone, by their SHA-256; the one whose bytes these are is taken out.
    """
    place = place_of(key)
    gone = absent.pop(sha256(body).hexdigest(), None)
    if gone is not None:
        return Finding(kind=Kind.SWAPPED, key=key, detail=f"it belongs at {gone.key}")
    content = content_of(body)
    if _genuine(content, writers):
        line = content.lines[0]
        return Finding(kind=Kind.REPLAYED, key=key, detail=f"it repeats line {line.number} of writer {line.writer}")
    if place is None or place.writer not in writers.writers:
        return Finding(kind=Kind.ALIEN, key=key, detail="its writer is not registered")
    if _goes_on(content, place, writers):
        return None
    return Finding(kind=Kind.INSERTED, key=key, detail="its writer did not write it: no digest lists it")


def _genuine(content: Content, writers: Continuity) -> bool:
    """Return whether these are lines that a digest covers in another place."""
    if not content.whole:
        return False
    covered = writers.covered.get(content.lines[0].writer, Reached())
    return content.lines[-1].number < (covered.lines or 0)


def _goes_on(content: Content, place: Place, writers: Continuity) -> bool:
    """Return whether this may be what its writer wrote next."""
    covered = writers.covered.get(place.writer, Reached())
    if writers.writers[place.writer].ended or not content.whole or content.lines[0].writer != place.writer:
        return False
    if place.sequence != covered.objects:
        return place.sequence > covered.objects
    return covered.lines is None or (covered.lines, covered.head) == (content.lines[0].number, content.lines[0].prev)
