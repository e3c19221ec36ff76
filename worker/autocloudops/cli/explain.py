"""`explain`: everything that the audit knows of one incident, what the model was asked, and what came back."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.reader import records
from autocloudops.audit.record import StoredRecord
from autocloudops.cli.output import Output, print_json, print_lines
from autocloudops.cli.questions import Question, question_about
from autocloudops.cli.records import Decided, decided, opened
from autocloudops.cli.show import Subject, checked, placed, subject_of, told
from autocloudops.decisions.story import short_id
from autocloudops.diagnosis.endpoint import Message
from autocloudops.diagnosis.prompt import TEXT_CHARACTERS
from autocloudops.redaction import clean

SHOWN_RELATED = 20
LINE_LIMIT = 600
INDENT = " " * 9


@dataclass(frozen=True, slots=True)
class Related:
    """Another incident, how it is related, and the decision about it, None where the audit holds none."""

    id: UUID
    relation: str
    decision: Decided | None


def explain(location: str | None, wanted: str, output: Output, *, prompt: bool) -> int:
    """Print everything known of an incident, and return 1 where a question is shown that is not what was sent.

    Args:
        location: `s3://BUCKET[/PREFIX]` or a folder; the setting where it is None.
        wanted: an id or its first characters, with or without `inc-`.
        output: how to print it.
        prompt: whether to show each question in full, and the replies.

    Raises:
        InputUnreadable: no id or several ids start so, or the location holds no audit.
        ServiceFailed: the bucket cannot be read.
    """
    subject, related = asyncio.run(_read(location, checked(wanted)))
    questions = [question_about(each, subject.found) for each in subject.decisions]
    if output is Output.JSON:
        print_json(_document(subject, related, questions, prompt=prompt))
    else:
        print_lines(output, list(_explained(subject, related, questions, prompt=prompt)))
    return int(prompt and not all(question.exact for question in questions))


async def _read(location: str | None, wanted: str) -> tuple[Subject, Sequence[Related]]:
    async with opened(location) as objects:
        subject = await subject_of(objects, wanted)
        return subject, await _related(objects, subject)


async def _related(objects: AuditObjects, subject: Subject) -> Sequence[Related]:
    """Return the incidents that this one names, and those that name it, each with its last decision."""
    named = _named(subject)
    found = {each: Related(each, relation, None) for each, relation in named.items()}
    async for line in records(objects):
        each = decided(line)
        if each is None or each.decision.incident_id == subject.id:
            continue
        relation = named.get(each.decision.incident_id) or _naming(line.record, subject.id)
        if relation and _later(each, found.get(each.decision.incident_id)):
            found[each.decision.incident_id] = Related(each.decision.incident_id, relation, each)
    return tuple(found.values())


def _named(subject: Subject) -> Mapping[UUID, str]:
    named: dict[UUID, str] = {}
    for record in (each.record for each in subject.found):
        if record.previous_incident:
            named[record.previous_incident] = "BEFORE"
        if record.tied:
            named[record.tied] = "TIED TO"
    return named


def _naming(record: StoredRecord, subject_id: UUID) -> str | None:
    if record.tied == subject_id:
        return "TIED"
    return "AFTER" if record.previous_incident == subject_id else None


def _later(each: Decided, known: Related | None) -> bool:
    if known is None or known.decision is None:
        return True
    return _order(each) >= _order(known.decision)


def _order(each: Decided) -> tuple[int, int]:
    return each.decision.revision, each.found.record.attempt or 0


def _explained(
    subject: Subject, related: Sequence[Related], questions: Sequence[Question], *, prompt: bool
) -> Iterator[str]:
    yield from told(subject)
    for each in related[:SHOWN_RELATED]:
        yield _line(each.relation, _related_words(each))
    if len(related) > SHOWN_RELATED:
        yield _line("", f"and {len(related) - SHOWN_RELATED} more")
    for question in reversed(questions):
        yield from _known(question.about)
        if prompt:
            yield from _exchanged(question)


def _related_words(each: Related) -> str:
    if each.decision is None:
        return f"{short_id(each.id)}: this audit holds no decision about it"
    record, decision = each.decision.found.record, each.decision.decision
    cause = f": {decision.diagnosis.root_cause}" if decision.diagnosis else ""
    name = each.decision.alarm.key.name
    return f"{short_id(each.id)} {record.at:%Y-%m-%d %H:%M:%SZ} {decision.verdict} {name}{cause}"


def _known(each: Decided) -> Iterator[str]:
    """Yield everything that one decision stood on: evidence in full, what was read, and every gate."""
    record, decision = each.found.record, each.decision
    yield ""
    yield _line("QUESTION", f"{decision.revision + 1}, attempt {record.attempt or 1}, {record.at:%Y-%m-%d %H:%M:%SZ}")
    for piece in record.evidence:
        missing = " NOT READ" if piece.missing else ""
        yield _line("EVIDENCE", f"{piece.id} {piece.kind}{missing}, from {piece.source}")
        yield from (f"{INDENT}{line}" for line in clean(piece.text, TEXT_CHARACTERS).splitlines())
    for source in record.sources:
        outcome = f"not read, {source.failure}" if source.failure else f"{source.pieces} pieces"
        yield _line("READ", f"{source.kind}: {outcome}, {source.seconds:.3f} s")
    for finding in record.findings:
        yield _line("FINDING", f"{finding.code}: {finding.statement}")
    for gate in decision.gates:
        yield _line("GATE", f"{gate.name} {gate.outcome}{f': {gate.reason}' if gate.reason else ''}")
    for fault in each.use.faults:
        yield _line("FAULT", f"{fault.code}: {fault.detail}")
    if each.use.error:
        yield _line("ERROR", each.use.error)
    yield _line("POLICY", f"{decision.policy_version[:12]}, mode {decision.mode}")


def _exchanged(question: Question) -> Iterator[str]:
    yield _line("PROMPT", _verified(question))
    if question.prompt:
        yield from _spoken(question.prompt.messages)
    if question.repair:
        yield _line("REPAIR", "the second question, rebuilt from the reply as it is recorded")
        yield from _spoken(question.repair)
    for number, raw in enumerate(question.about.use.raw, 1):
        yield _line("REPLY", f"{number} of {len(question.about.use.raw)}, redacted and bounded")
        yield raw
    if not question.about.use.raw:
        yield _line("REPLY", "none")


def _verified(question: Question) -> str:
    recorded = question.about.use.prompt_sha256
    sent = "what was sent" if question.asked else "what was built, and nobody was asked"
    if question.exact:
        return f"sha256 {recorded}: rebuilt from the record, this is {sent}"
    rebuilt = f"; rebuilt it is {question.prompt.sha256}" if question.prompt else ""
    doubts = "; ".join(question.doubts) or "this version of the code or its catalogue builds questions differently"
    return f"NOT VERIFIED: the record says sha256 {recorded}{rebuilt}. This is not {sent}: {doubts}"


def _spoken(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        yield _line("SAYS", message.role)
        yield message.content


def _document(
    subject: Subject, related: Sequence[Related], questions: Sequence[Question], *, prompt: bool
) -> Mapping[str, object]:
    document: dict[str, object] = {
        "id": str(subject.id),
        "records": placed(subject),
        "related": [_related_row(each) for each in related],
    }
    if prompt:
        document["questions"] = [_question_row(question) for question in questions]
    return document


def _related_row(each: Related) -> Mapping[str, object]:
    decision = each.decision.decision if each.decision else None
    return {
        "incident_id": str(each.id),
        "relation": each.relation.lower().replace(" ", "_"),
        "decision_id": str(decision.decision_id) if decision else None,
        "verdict": decision.verdict.value if decision else None,
    }


def _question_row(question: Question) -> Mapping[str, object]:
    prompt, use = question.prompt, question.about.use
    return {
        "decision_id": str(question.about.decision.decision_id),
        "attempt": question.about.found.record.attempt,
        "asked": question.asked,
        "exact": question.exact,
        "doubts": list(question.doubts),
        "prompt_sha256": use.prompt_sha256,
        "rebuilt_sha256": prompt.sha256 if prompt else None,
        "messages": [message.model_dump(mode="json") for message in prompt.messages] if prompt else [],
        "repair": [message.model_dump(mode="json") for message in question.repair],
        "replies": list(use.raw),
    }


def _line(label: str, content: str) -> str:
    return f"{label:9}{clean(' '.join(content.split()), LINE_LIMIT)}"
