"""Whether what digests list is one chain: of digests, and of each writer's objects and lines."""

from collections.abc import Callable
from datetime import datetime

from autocloudops.audit.digest import Digest, DigestedWriter, Link, Listed, Reached, Untrusted, link_to, opened
from autocloudops.audit.findings import Finding, Kind
from autocloudops.audit.keys import Place, place_of
from autocloudops.audit.lateness import LATE_BY
from autocloudops.audit.listing import reached
from autocloudops.audit.signing import TrustedKeys

Tell = Callable[[Finding], None]


class DigestChain:
    """Follows digests by what each says of the one before.

    Args:
        trusted: whose signatures count.
        tell: takes what is found.
    """

    def __init__(self, trusted: TrustedKeys, tell: Tell) -> None:
        self._trusted = trusted
        self._tell = tell
        self._last: Link | None = None
        self._untrusted: set[str] = set()
        self.whole = True

    def opened(self, key: str, hour: datetime, body: bytes, *, first: bool = False) -> Digest | None:
        """Return the next digest, or None where it proves nothing; `whole` says whether it follows the last one.

        Args:
            key: where it stands.
            hour: the hour that its key names.
            body: its bytes.
            first: whether what stands before it is left unread.
        """
        digest = opened(body, self._trusted)
        if not isinstance(digest, Untrusted) and digest.hour != hour:
            digest = Untrusted(Kind.REPLAYED, f"it is the digest of {digest.hour:%Y-%m-%d %H:00Z}")
        if isinstance(digest, Untrusted):
            self._tell(Finding(kind=digest.kind, key=key, detail=digest.detail))
            self._untrusted.add(key)
            self.whole = False
            return None
        broken = None if first else self._broken(digest.previous)
        if broken:
            self._tell(Finding(kind=Kind.BROKEN, key=key, detail=broken))
        self.whole = broken is None and not self._untrusted
        self._last, self._untrusted = link_to(key, body), set()
        return digest

    def _broken(self, previous: Link | None) -> str | None:
        """Return why a digest does not follow the last one. One that was forged since may be named as it was."""
        if previous == self._last or (previous and previous.key in self._untrusted):
            return None
        if previous is None:
            return None if self._last is None else f"it names no digest before it, but there is {self._last.key}"
        if self._last and previous.key == self._last.key:
            return f"{previous.key} is not the digest that it follows"
        return f"{previous.key}, the digest before it, is gone"


class Continuity:
    """Follows every writer through what digests list.

    Args:
        tell: takes what is found.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lost: dict[str, int] = {}
        self._unsure = False
        self.writers: dict[str, DigestedWriter] = {}
        self.covered: dict[str, Reached] = {}

    def begin(self, digest: Digest) -> None:
        """Take over where a digest ends whose objects are not looked at."""
        self.writers |= {writer.writer_id: writer for writer in digest.writers}
        self.covered |= {writer.writer_id: writer.covered for writer in digest.writers if writer.covered}

    def break_off(self) -> None:
        """Forget how far writers were: what the next digest lists may follow what no trusted digest lists."""
        self._unsure = True
        self.covered.clear()

    def follow(self, digest: Digest, key: str) -> None:
        """Check that what a digest lists goes on where the ones before it ended.

        Args:
            digest: what is signed for.
            key: where the digest stands.
        """
        self.writers |= {writer.writer_id: writer for writer in digest.writers}
        for listed in digest.objects:
            place = place_of(listed.key)
            if place is not None:
                self._follow(digest, listed, place)
        for writer in digest.writers:
            self._end(writer, key)
        self._unsure = False
        self.begin(digest)

    def _follow(self, digest: Digest, listed: Listed, place: Place) -> None:
        before = self.covered.get(place.writer) or self._beginning(digest, place)
        if before is not None and before.objects < place.sequence:
            self._skipped(listed, place, before)
        elif before is not None and before.lines is not None and listed.span is not None:
            self._lines(listed, before, before.lines)
        self.covered[place.writer] = reached(place.sequence, listed.span)

    def _beginning(self, digest: Digest, place: Place) -> Reached | None:
        """Return where a writer begins that was not seen before; None where no digest says how far it had been."""
        if self._unsure:
            return None
        writer = self.writers.get(place.writer)
        if digest.previous is not None and writer and writer.started < digest.hour - LATE_BY:
            return writer.resumed
        return Reached()

    def _skipped(self, listed: Listed, place: Place, before: Reached) -> None:
        first, last = before.objects, place.sequence - 1
        if self._lost.get(place.writer, -1) < last:
            self._say(
                Kind.MISSING, listed.key, f"objects {first} to {last} of its writer, which come before it, are gone"
            )

    def _lines(self, listed: Listed, before: Reached, lines: int) -> None:
        first = listed.span.first if listed.span else 0
        if first > lines:
            self._say(Kind.MISSING, listed.key, f"lines {lines} to {first - 1} of its writer, before it, are gone")
        elif first < lines:
            self._say(Kind.REPLAYED, listed.key, f"it begins with line {first} of its writer, after line {lines - 1}")
        elif listed.span and listed.span.prev != before.head:
            self._say(Kind.CHANGED, listed.key, "its first line does not name the line before it")

    def _end(self, writer: DigestedWriter, key: str) -> None:
        """Check that nothing is gone from the end of a writer's chain: it had said how far it was."""
        covered = self.covered.get(writer.writer_id, writer.covered)
        last = -1 if writer.sequence is None else writer.sequence
        if covered is None or last <= self._lost.get(writer.writer_id, -1):
            return
        if last < covered.objects:
            self._last_line(writer, covered, key)
            return
        self._lost[writer.writer_id] = last
        which = f"objects {covered.objects} to {last} of writer {writer.writer_id}"
        self._say(Kind.TRUNCATED, key, f"{which} were durable and are gone")

    def _last_line(self, writer: DigestedWriter, covered: Reached, key: str) -> None:
        """Check that the writer's last object ends with the line that the writer said."""
        said = writer.said
        if said is None or covered.lines is None or said.objects != covered.objects or said == covered:
            return
        self._lost[writer.writer_id] = said.objects - 1
        kind = Kind.TRUNCATED if covered.lines < (said.lines or 0) else Kind.CHANGED
        which = f"object {said.objects - 1} of writer {writer.writer_id}"
        self._say(kind, key, f"{which} ends with line {covered.lines - 1}, and not as its writer said")

    def _say(self, kind: Kind, key: str, detail: str) -> None:
        self._tell(Finding(kind=kind, key=key, detail=detail))
