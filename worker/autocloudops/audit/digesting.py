"""Making digests: one for each hour that is over, each covering whatever none before it covers."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from logging import getLogger

from autocloudops.audit.digest import (
    Digest,
    DigestedWriter,
    Link,
    Listed,
    Reached,
    Untrusted,
    link_to,
    merkle_root,
    message_of,
    opened,
    signed,
)
from autocloudops.audit.findings import Kind
from autocloudops.audit.forgotten import last_covered
from autocloudops.audit.keys import (
    ACTIONS,
    DECISIONS,
    DIGESTS,
    HOUR,
    Place,
    action_day,
    day_of,
    day_prefix,
    digest_hour,
    digest_key,
    hour_of,
    place_of,
)
from autocloudops.audit.lateness import ACTIONS_LATE_BY, LATE_BY
from autocloudops.audit.listing import bodies, listed, reached, span_of
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.signing import Signer, TrustedKeys, name_of
from autocloudops.audit.writers import WriterRegistry
from autocloudops.clock import Clock
from autocloudops.errors import AuditConflict, SettingsInvalid
from autocloudops.registered_writer import RegisteredWriter

log = getLogger(__name__)

DAY = timedelta(days=1)
SETTLED_AFTER = timedelta(minutes=5)
NAME_IT = (
    "if that is your key, name it with --former or AUTOCLOUDOPS_AUDIT_FORMER_KEYS: docs/audit.md, Changing the key"
)
BEGIN_ANEW = "bring back what the bucket's versions still hold of them, or begin a new prefix"


@dataclass(frozen=True, slots=True)
class Made:
    """A digest, and where it stands."""

    key: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Before:
    """The digest that the next one follows."""

    link: Link
    digest: Digest


@dataclass(slots=True)
class _Found:
    """What a writer has in the bucket beyond what is covered: objects up to the hour, and the first number after it."""

    keys: dict[int, str]
    next_sequence: int | None = None


class Digester:
    """Signs for what stands in the audit.

    A digest lists the objects of its hour, and those of earlier hours that came late: two days for decisions, eight
    days for actions, whose key carries the day of their claim. Writers that were not seen for two days are left out;
    of one that comes back, earlier digests say how far it was.

    Args:
        objects: where the audit is.
        registry: who writes it.
        signer: signs; what it signed before is believed.
        clock: which hours are over.
        former: keys that signed before this one, whose digests are believed too.
    """

    def __init__(
        self,
        objects: AuditObjects,
        registry: WriterRegistry,
        signer: Signer,
        clock: Clock,
        former: TrustedKeys | None = None,
    ) -> None:
        self._objects = objects
        self._registry = registry
        self._signer = signer
        self._clock = clock
        self._former = former or TrustedKeys()

    async def make(self, through: datetime | None = None) -> AsyncIterator[Made]:
        """Write every digest that is due, and yield each once it is durable.

        Args:
            through: no hour after this one; by default the last that has been over for five minutes.

        Raises:
            ServiceFailed: something cannot be read, signed or written; the digests before it stand.
            SettingsInvalid: the last digest was signed by a key that is not named, or there are only forged ones.
        """
        hours = sorted([hour async for key in self._objects.keys(DIGESTS) if (hour := digest_hour(key))])
        last = hour_of(self._clock.now() - SETTLED_AFTER) - HOUR
        before = await self._before(hours)
        next_hour = hours[-1] + HOUR if hours else await self._first_hour()
        while next_hour is not None and next_hour <= min(last, through or last):
            before = await self._made(next_hour, before)
            if before is None:
                return
            yield Made(before.link.key, before.digest)
            next_hour += HOUR

    async def _before(self, hours: Sequence[datetime]) -> Before | None:
        """Return the last digest that can be believed: what a forged one says is not followed.

        It goes no further back than to a key that is not named: those before would most likely be of that key too.
        """
        trusted = self._former.and_also(await self._signer.public_key())
        for hour in reversed(hours):
            key = digest_key(hour)
            body = await self._objects.read(key)
            digest = opened(body, trusted)
            if not isinstance(digest, Untrusted):
                return Before(link_to(key, body), digest)
            if digest.kind is Kind.WRONG_KEY:
                raise SettingsInvalid(f"{self._objects.location}/{key}: {digest.detail}", NAME_IT)
            log.error("%s/%s cannot be believed: %s", self._objects.location, key, digest.detail)
        if hours:
            raise SettingsInvalid(f"{self._objects.location}: all digests there are forged", BEGIN_ANEW)
        return None

    async def _first_hour(self) -> datetime | None:
        async for key in self._objects.keys(DECISIONS):
            if place := place_of(key):
                return place.hour
        return None

    async def _made(self, hour: datetime, before: Before | None) -> Before | None:
        """Write one hour's digest; None where its key is taken, most likely by another run that goes on from there."""
        key = digest_key(hour)
        content = await self._content(hour, before)
        body = signed(content, await self._signer.sign(message_of(content)))
        try:
            await self._objects.create(key, body)
        except AuditConflict:
            log.warning("%s/%s stands already", self._objects.location, key)
            return None
        return Before(link_to(key, body), content)

    async def _content(self, hour: datetime, before: Before | None) -> Digest:
        at = self._clock.now()
        writers = await self._writers(hour, before)
        found = await self._found(hour, before, writers)
        entries, covered = await self._decisions(hour, found)
        recent = tuple(_recent(before, hour))
        actions = await self._actions(hour, frozenset(recent))
        everything = (*entries, *actions)
        return Digest(
            hour=hour,
            at=at,
            previous=before.link if before else None,
            objects=everything,
            root=merkle_root(everything),
            writers=tuple(_digested(writers, found, covered, hour)),
            recent_actions=(*recent, *(entry.key for entry in actions)),
            key_name=name_of(await self._signer.public_key()),
        )

    async def _writers(self, hour: datetime, before: Before | None) -> Mapping[str, DigestedWriter]:
        """Return who writes: what the registry says, and whom it has forgotten; read before anything is listed."""
        known = {each.writer_id: each for each in before.digest.writers} if before else {}
        now = known | {each.writer_id: _writer(each, known, before) for each in await self._registry.registered()}
        back = [each for each in now.values() if each.covered is None and _is_recent(each, hour)]
        covered = await last_covered(self._objects, before.digest, back) if before else {}
        return now | {
            writer: now[writer].model_copy(update={"covered": was, "resumed": was}) for writer, was in covered.items()
        }

    async def _found(
        self, hour: datetime, before: Before | None, writers: Mapping[str, DigestedWriter]
    ) -> Mapping[str, _Found]:
        found: defaultdict[str, _Found] = defaultdict(lambda: _Found({}))
        async for key in self._candidates(hour, before):
            place = place_of(key)
            if place is None or place.writer not in writers:
                log.error("%s/%s is of no writer that is registered", self._objects.location, key)
            elif _uncovered(place, writers[place.writer], before):
                _sort_in(found[place.writer], place, key, hour)
        return found

    async def _candidates(self, hour: datetime, before: Before | None) -> AsyncIterator[str]:
        """Yield the keys among which there may be some that no digest covers."""
        if before is None:
            async for key in self._objects.keys(DECISIONS):
                yield key
            return
        day = day_of(hour - LATE_BY)
        while day <= self._clock.now():
            async for key in self._objects.keys(day_prefix(DECISIONS, day)):
                yield key
            day += DAY

    async def _decisions(self, hour: datetime, found: Mapping[str, _Found]) -> tuple[list[Listed], dict[str, Reached]]:
        covered: dict[str, Reached] = {}
        keys = [found[writer].keys[sequence] for writer in sorted(found) for sequence in sorted(found[writer].keys)]
        entries: list[Listed] = []
        async with aclosing(bodies(self._objects, keys)) as reading:
            async for key, body in reading:
                place = place_of(key)
                if place is not None and body is not None:
                    entries.append(listed(key, body, late=place.hour < hour, span=span_of(body)))
                    covered[place.writer] = reached(place.sequence, entries[-1].span)
        return entries, covered

    async def _actions(self, hour: datetime, known: frozenset[str]) -> list[Listed]:
        entries: list[Listed] = []
        keys: list[str] = []
        day = day_of(hour - ACTIONS_LATE_BY)
        while day <= hour:
            keys += [key async for key in self._objects.keys(day_prefix(ACTIONS, day)) if key not in known]
            day += DAY
        async with aclosing(bodies(self._objects, keys)) as reading:
            async for key, body in reading:
                claimed = action_day(key)
                if claimed is not None and body is not None:
                    entries.append(listed(key, body, late=claimed < day_of(hour)))
        return entries


def _writer(registered: RegisteredWriter, known: Mapping[str, DigestedWriter], before: Before | None) -> DigestedWriter:
    """Return a writer and how far it is covered: not at all if it is new, None if the digest before forgot it."""
    is_new = before is None or registered.started >= before.digest.hour + HOUR
    covered = known[registered.writer_id].covered if registered.writer_id in known else Reached() if is_new else None
    return DigestedWriter(
        writer_id=registered.writer_id,
        started=registered.started,
        seen=registered.seen,
        sequence=registered.sequence,
        ended=registered.ended,
        covered=covered,
        said=_said(registered),
    )


def _is_recent(writer: DigestedWriter, hour: datetime) -> bool:
    return writer.seen >= hour + HOUR - LATE_BY


def _said(registered: RegisteredWriter) -> Reached | None:
    if registered.sequence is None:
        return None
    return Reached(objects=registered.sequence + 1, lines=registered.lines, head=registered.head)


def _uncovered(place: Place, writer: DigestedWriter, before: Before | None) -> bool:
    """Return whether no digest lists an object; of a writer of which none says how far it was, its hour says it."""
    if writer.covered is not None:
        return place.sequence >= writer.covered.objects
    return before is None or place.hour > before.digest.hour


def _sort_in(found: _Found, place: Place, key: str, hour: datetime) -> None:
    if place.hour <= hour:
        found.keys.setdefault(place.sequence, key)
    elif found.next_sequence is None or place.sequence < found.next_sequence:
        found.next_sequence = place.sequence


def _digested(
    writers: Mapping[str, DigestedWriter], found: Mapping[str, _Found], covered: Mapping[str, Reached], hour: datetime
) -> Iterator[DigestedWriter]:
    """Yield the writers as they stood at the end of the hour."""
    for writer_id in sorted(writers):
        writer, after = writers[writer_id], found.get(writer_id, _Found({}))
        if not _is_recent(writer, hour) and not after.keys:
            continue
        state = covered.get(writer_id, writer.covered)
        yield writer.model_copy(
            update={
                "sequence": _sequence(writer, after, state),
                "ended": writer.ended and after.next_sequence is None,
                "covered": state,
            }
        )


def _sequence(writer: DigestedWriter, found: _Found, covered: Reached | None) -> int | None:
    """Return the number of the last object that has to stand in this hour or an earlier one."""
    said = -1 if writer.sequence is None else writer.sequence
    if found.next_sequence is not None:
        said = min(said, found.next_sequence - 1)
    least = max(said, covered.objects - 1 if covered else -1)
    return None if least < 0 else least


def _recent(before: Before | None, hour: datetime) -> Iterator[str]:
    """Yield the keys of actions that earlier digests list and that are still looked for."""
    for key in before.digest.recent_actions if before else ():
        day = action_day(key)
        if day is not None and day >= day_of(hour - ACTIONS_LATE_BY):
            yield key
