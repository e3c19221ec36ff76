"""What the model was asked about an incident, rebuilt from the audit and checked against the recorded digest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from autocloudops.alarms.model import Alarm
from autocloudops.audit.reader import Found
from autocloudops.cli.records import Decided
from autocloudops.diagnosis.endpoint import Message
from autocloudops.diagnosis.prompt import PROMPT_TOKENS, TEMPLATE_VERSION, Prompt, PromptInput, build
from autocloudops.diagnosis.reply import repair
from autocloudops.investigation import offers_for


@dataclass(frozen=True, slots=True)
class Question:
    """One question as the audit lets it be rebuilt.

    `prompt` is None where the record holds nothing to build it from. `unknown` counts members whose own records are not
    in the audit: their offers cannot be shown.
    """

    about: Decided
    prompt: Prompt | None
    unknown: int

    @property
    def exact(self) -> bool:
        """Whether it is, byte for byte, the question whose digest is recorded."""
        return self.prompt is not None and self.prompt.sha256 == self.about.use.prompt_sha256

    @property
    def asked(self) -> bool:
        """Whether anybody was asked: an answer came, or a failure."""
        return bool(self.about.use.requests or self.about.use.error)

    @property
    def repair(self) -> tuple[Message, ...]:
        """What was sent after a reply that could not be used, from the reply as it is recorded."""
        use = self.about.use
        if self.prompt is None or not (use.raw and use.faults):
            return ()
        return repair(self.prompt, use.raw[0], use.faults[0]).messages[len(self.prompt.messages) :]

    @property
    def doubts(self) -> Iterator[str]:
        """Why the question may not be what was sent, as far as that can be told."""
        use = self.about.use
        if self.prompt is None:
            yield "the record holds no evidence"
        if use.template_version != TEMPLATE_VERSION:
            yield f"it was asked with template {use.template_version}, and this version has {TEMPLATE_VERSION}"
        if self.unknown:
            yield f"{self.unknown} of its members have no record in this audit, and what they offer is not known"
        if not use.budget_tokens:
            yield f"the record does not say how long it might be, so {PROMPT_TOKENS} tokens are taken for that"


def question_about(each: Decided, found: Sequence[Found]) -> Question:
    """Return what the model was asked, or would have been, before a decision.

    Args:
        each: the decision.
        found: every record of its incident: its members' alarms say what was offered.
    """
    record = each.found.record
    recorded = _alarms(found)
    members = [recorded[member] for member in record.members if member in recorded]
    if not record.evidence:
        return Question(each, None, 0)
    material = PromptInput(evidence=record.evidence, offers=offers_for(members or [each.alarm]))
    prompt = build(material, each.use.budget_tokens or PROMPT_TOKENS)
    return Question(each, prompt, len(record.members) - len(members))


def _alarms(found: Sequence[Found]) -> dict[UUID, Alarm]:
    """Return alarms by the ids of their changes, the ones that they are recorded under included."""
    alarms: dict[UUID, Alarm] = {}
    for record in (each.record for each in found):
        if record.alarm is None:
            continue
        alarms.setdefault(record.alarm.event_id, record.alarm)
        if record.event_id:
            alarms.setdefault(record.event_id, record.alarm)
    return alarms
