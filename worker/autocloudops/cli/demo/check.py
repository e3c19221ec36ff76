"""Does what came out follow from what went in? The demo answers for every message that it sent."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from autocloudops.alarms.model import Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.audit.reader import Found
from autocloudops.audit.record import Outcome, StoredRecord
from autocloudops.cli.demo.outside import Parked, Told
from autocloudops.cli.engines import EngineName
from autocloudops.decisions.model import Verdict
from autocloudops.sandbox.samples import Ending, Sample

Counts = dict[str, Counter[Ending]]


@dataclass(frozen=True, slots=True)
class Course:
    """What went in and what came out.

    Attributes:
        engine: what answered as the model.
        sent: every sample that was sent.
        found: every audit record, in the order of the audit.
        parked: what is on the dead-letter queue.
        told: the notifications.
        model_requests: how often the model endpoint was asked.
    """

    engine: EngineName
    sent: Sequence[Sample]
    found: Sequence[Found]
    parked: Sequence[Parked]
    told: Sequence[Told]
    model_requests: int

    @property
    def records(self) -> list[StoredRecord]:
        """The audit records that end a message, without their places."""
        return [found.record for found in self.found if found.record.outcome is not Outcome.NOTE]


def differences(course: Course) -> Iterator[str]:
    """Yield what is not as it should be, one line each; nothing where all is well."""
    answered = {record.delivery.message_id for record in course.records if record.delivery}
    if len(answered) != len(course.sent):
        yield f"{len(course.sent)} messages were sent, {len(answered)} are answered in the audit"
    recorded = {record.delivery.message_id for record in course.records if record.unparseable and record.delivery}
    held = {message.message_id for message in course.parked}
    if recorded != held:
        yield f"{len(recorded)} messages are recorded as parked, {len(held)} are on the dead-letter queue"
    spoken = sum(record.decision.verdict is not Verdict.SUPPRESSED for record in course.records if record.decision)
    if spoken != len(course.told):
        yield f"{spoken} decisions are for people, they were told of {len(course.told)}"
    yield from _endings(course)


def _endings(course: Course) -> Iterator[str]:
    """Yield where a scenario ended otherwise than its samples state; some leave it to the order of arrival."""
    observed = _observed(course)
    for scenario, samples in _by_scenario(course.sent).items():
        found = observed[scenario]
        if found.total() != len(samples):
            yield f"{scenario}: {len(samples)} messages were sent, {found.total()} endings are recorded"
        for ending, number in Counter(each.expected for each in samples if each.expected).items():
            if found[ending] < number:
                yield f"{scenario}: {number} {ending} were expected, {found[ending]} are recorded"


def _by_scenario(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    scenarios: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        scenarios[sample.scenario].append(sample)
    return scenarios


def _observed(course: Course) -> Counts:
    """Return how many messages of each scenario ended how. A record is known by its event, a parked body by itself."""
    scenario_of_event: dict[UUID | None, str] = {
        part.event_id: sample.scenario
        for sample in course.sent
        for part in parse(sample.body)
        if not isinstance(part, Unparseable)
    }
    scenario_of_body = {sample.body: sample.scenario for sample in course.sent}
    observed: Counts = defaultdict(Counter)
    for record in course.records:
        if record.outcome is not Outcome.PARKED:
            ending = Ending.DUPLICATE if record.repeated else Ending(record.outcome)
            observed[scenario_of_event.get(record.event_id, "unknown")][ending] += 1
    for message in course.parked:
        observed[scenario_of_body.get(_unwrapped(message.body), "unknown")][Ending.PARKED] += 1
    return observed


def _unwrapped(body: str) -> str:
    """Return what was published, where `body` is SNS's envelope around it."""
    with suppress(ValueError, TypeError, KeyError):
        return str(json.loads(body)["Message"])
    return body
