"""`audit show`: one decision's story, rebuilt from its record, with everything recorded about its incident."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import typer

from autocloudops.alarms.model import Alarm, AwsEvent
from autocloudops.audit.entries import Logged, entries
from autocloudops.audit.keys import place_of
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.proof import Digests, Proof
from autocloudops.audit.reader import INCIDENT, Found, is_named, records
from autocloudops.audit.record import Outcome, StoredRecord
from autocloudops.cli.deeds import deeds, proof_in_words
from autocloudops.cli.output import Output, print_json, print_lines
from autocloudops.cli.records import Decided, decided, opened, story_of
from autocloudops.decisions.story import lines, short_id
from autocloudops.errors import InputUnreadable
from autocloudops.redaction import clean

ID = re.compile(r"(inc-)?[0-9a-f][0-9a-f-]{0,35}", re.IGNORECASE)
SHOWN_CANDIDATES = 8
SHOWN_CHANGES = 40
LINE_LIMIT = 220
CLAIMED_WITHIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Subject:
    """What one id names: an incident, or a state change or event without one; `location` is the audit it is from.

    `acts` is what was done about it, `proofs` says of each object that was asked about which digest lists it.
    """

    id: UUID
    location: str
    found: Sequence[Found]
    acts: Sequence[Logged] = ()
    proofs: Mapping[str, Proof] = field(default_factory=dict)

    @property
    def decisions(self) -> list[Decided]:
        """The decisions about it, the standing one last: of several questions and attempts only the last counts."""
        every = [each for found in self.found if (each := decided(found))]
        return sorted(every, key=lambda each: (each.decision.revision, each.found.record.attempt or 0))


def show_record(location: str | None, wanted: str, output: Output) -> None:
    """Print what the audit holds about one incident, decision or event.

    Args:
        location: `s3://BUCKET[/PREFIX]` or a folder; the setting where it is None.
        wanted: an id or its first characters, with or without `inc-`.
        output: how to print it.

    Raises:
        InputUnreadable: no id or several ids start so, or the location holds no audit.
        ServiceFailed: the bucket cannot be read.
    """
    subject = asyncio.run(_read(location, checked(wanted)))
    if output is Output.JSON:
        print_json({"id": str(subject.id), "records": placed(subject), "actions": acted(subject)})
    else:
        print_lines(output, list(told(subject)))


async def _read(location: str | None, wanted: str) -> Subject:
    async with opened(location) as objects:
        return await subject_of(objects, wanted)


def checked(wanted: str) -> str:
    """Return what was typed for an id, before any audit is opened.

    Raises:
        BadParameter: no id can look like this.
    """
    if not ID.fullmatch(wanted):
        raise typer.BadParameter(f"'{wanted}' is no id: hexadecimal digits, as `audit ls` prints them")
    return wanted


async def subject_of(objects: AuditObjects, wanted: str) -> Subject:
    """Return everything that an audit holds about what one id names.

    Args:
        objects: the audit.
        wanted: as in `show_record`.

    Raises:
        InputUnreadable: no id or several ids start so.
        ServiceFailed: the bucket cannot be read.
    """
    named = {
        each: found
        async for found in records(objects, having=wanted.lower().removeprefix(INCIDENT))
        if is_named(found.record, wanted) and (each := id_of(found.record))
    }
    if len(named) != 1:
        raise _unclear(wanted, named, objects.location)
    (subject_id,) = named
    about = records(objects, having=str(subject_id))
    found = [each async for each in about if id_of(each.record) == subject_id]
    acts = [each async for each in _acts(objects, subject_id, found)]
    return Subject(subject_id, objects.location, found, acts, await _proofs(objects, found, acts))


async def _acts(objects: AuditObjects, subject_id: UUID, found: Sequence[Found]) -> AsyncIterator[Logged]:
    """Yield what was done: claims are made soon after a decision."""
    asked = [each.record.at for each in found if each.record.decision]
    if asked:
        async for each in entries(objects, min(asked), max(asked) + CLAIMED_WITHIN, subject_id):
            yield each


async def _proofs(objects: AuditObjects, found: Sequence[Found], acts: Sequence[Logged]) -> Mapping[str, Proof]:
    digests, proofs = Digests(objects), {}
    places = {each.location: place_of(each.location) for each in found}
    written = [(key, place.hour) for key, place in places.items() if place]
    written += [(each.location, each.entry.at) for each in acts]
    for key, at in written:
        if proof := await digests.proof_of(key, at):
            proofs[key] = proof
    return proofs


def id_of(record: StoredRecord) -> UUID | None:
    """Return what a record is about: its incident, else its state change or event."""
    return record.incident_id or record.event_id


def _unclear(wanted: str, named: Mapping[UUID, Found], location: str) -> InputUnreadable:
    if not named:
        return InputUnreadable(
            f"no id in {location} starts with {wanted}",
            "list decisions with `autocloudops audit ls`, or name another audit with --location",
        )
    candidates = [f"{'inc-' if found.record.incident_id else ''}{each}" for each, found in named.items()]
    more = f" and {len(candidates) - SHOWN_CANDIDATES} more" if len(candidates) > SHOWN_CANDIDATES else ""
    return InputUnreadable(
        f"{len(candidates)} ids in {location} start with {wanted}",
        f"type more of one of them: {', '.join(candidates[:SHOWN_CANDIDATES])}{more}",
    )


def told(subject: Subject) -> Iterator[str]:
    """Yield the story of what an audit holds about one incident or event, and where its records stand."""
    decisions = subject.decisions
    if not decisions:
        yield f"NO DECISION about {subject.id} in {subject.location}"
        yield from _changes("RECORDED", subject.found)
        yield from (_standing(subject, found) for found in subject.found)
        return
    *earlier, standing = decisions
    yield from lines(story_of(standing, decisions[0].alarm.resource))
    yield from _unread(standing.found.record)
    yield from deeds(subject.acts, subject.proofs)
    yield from _company(subject, standing.found.record)
    yield from _provenance(subject, standing)
    for each in earlier:
        yield _line("BEFORE", f"{each.decision.verdict} at {each.found.record.at:%H:%M:%SZ}, asked about again since")
        yield _standing(subject, each.found)
    for found in subject.found:
        if found.record.note:
            yield _line("NOTE", found.record.note)
            yield _standing(subject, found)


def _unread(record: StoredRecord) -> Iterator[str]:
    """Yield what was to be read for the question and could not be."""
    for source in record.sources:
        if source.failure:
            yield _line("NOT READ", f"{source.kind}: {source.failure}")


def _company(subject: Subject, asked: StoredRecord) -> Iterator[str]:
    """Yield the state changes of an incident: those the model was asked about, those that came later, and copies."""
    ends = [found for found in subject.found if found.record.outcome is not Outcome.NOTE]
    first = {found.record.event_id: found for found in ends if not found.record.repeated}
    members = [found for each, found in first.items() if each in asked.members]
    later = [found for each, found in first.items() if each not in asked.members]
    yield from _changes("MEMBERS", members)
    yield from _changes("LATER", later)
    copies = Counter(found.record.outcome.value for found in ends if found.record.repeated)
    if copies:
        yield _line("REPEATED", ", ".join(f"{outcome} {number}" for outcome, number in copies.items()))


def _changes(label: str, found: Iterable[Found]) -> Iterator[str]:
    rows = sorted(_change(each.record) for each in found)
    for row in rows[:SHOWN_CHANGES]:
        yield _line(label, row)
        label = ""
    if len(rows) > SHOWN_CHANGES:
        yield _line("", f"and {len(rows) - SHOWN_CHANGES} more")


def _change(record: StoredRecord) -> str:
    match record.alarm or record.event:
        case Alarm() as alarm:
            what, at = f"{alarm.state} {alarm.key.name}", alarm.at
        case AwsEvent() as event:
            what, at = f"{event.source} {event.detail_type}", event.at
        case _:
            what, at = "", record.at
    return f"{at:%Y-%m-%d %H:%M:%SZ} {record.outcome:8} {' '.join(what.split())}"


def _provenance(subject: Subject, standing: Decided) -> Iterator[str]:
    record = standing.found.record
    if record.previous_incident:
        yield _line("BEFORE", f"{short_id(record.previous_incident)}, the owner's incident before this one")
    if record.delivery:
        sent = f", sent {record.delivery.sent_at:%H:%M:%SZ}" if record.delivery.sent_at else ""
        times = record.delivery.receive_count
        yield _line("DELIVERY", f"message {record.delivery.message_id}, delivery {times}{sent}")
    yield _line("PROOF", proof_in_words(subject.proofs.get(standing.found.location)))
    yield _standing(subject, standing.found)


def _standing(subject: Subject, found: Found) -> str:
    return f"{'AUDIT':9}{subject.location}/{found.location} #{found.line} sha256 {found.sha256}"


def placed(subject: Subject) -> list[dict[str, object]]:
    """Return the records of `subject` as JSON, each with its place in the audit."""
    return [_placed(subject, found) for found in subject.found]


def _placed(subject: Subject, found: Found) -> dict[str, object]:
    content = found.record.model_dump(mode="json", exclude_defaults=True)
    place = {"object": f"{subject.location}/{found.location}", "line": found.line, "sha256": found.sha256}
    return {"standing": {**place, "proof": _proof_of(subject, found.location)}, **content}


def acted(subject: Subject) -> list[dict[str, object]]:
    """Return the entries of the action log about `subject` as JSON, each with its place in the audit."""
    return [
        {
            "standing": {
                "object": f"{subject.location}/{each.location}",
                "sha256": each.sha256,
                "proof": _proof_of(subject, each.location),
            },
            **each.entry.model_dump(mode="json"),
        }
        for each in sorted(subject.acts, key=lambda each: each.entry.at)
    ]


def _proof_of(subject: Subject, location: str) -> dict[str, object] | None:
    proof = subject.proofs.get(location)
    return proof.model_dump(mode="json") if proof else None


def _line(label: str, content: str) -> str:
    return f"{label:9}{clean(content, LINE_LIMIT)}"
