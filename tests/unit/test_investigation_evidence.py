from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from chat_only import ChatOnly
from triage import cpu_alarm, disk_alarm, reply
from virtual_time import START, VirtualClock, run

from autocloudops.decisions.model import Mode, Policy, Verdict
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.diagnosis.gathering import Gatherer, Piece, Subject
from autocloudops.errors import AccessDenied
from autocloudops.incidents.circumstances import Circumstances
from autocloudops.incidents.model import Incident
from autocloudops.investigation import Case, Investigator

CPU = cpu_alarm()
DISK = disk_alarm().model_copy(update={"key": CPU.key.model_copy(update={"name": "disk-full"})})


class Model(ChatOnly):
    """An endpoint that keeps what it was asked and proposes the same action each time."""

    def __init__(self) -> None:
        self.prompt = ""

    async def complete(self, request: CompletionRequest) -> Completion:
        self.prompt = request.messages[-1].content
        return Completion(
            content=reply(evidence_for=["E1"], evidence_against=[]),
            finish_reason="stop",
            model="served",
            prompt_tokens=900,
            completion_tokens=90,
            latency_seconds=1,
        )


class Known:
    """A source that knows one fact, or may not read it."""

    kind = "metric"
    permissions = frozenset({"cloudwatch:GetMetricData"})

    def __init__(self, *, worth: int = 90, essential: bool = True, denied: bool = False) -> None:
        self.essential = essential
        self.subjects: list[Subject] = []
        self._worth = worth
        self._denied = denied

    async def read(self, subject: Subject) -> Sequence[Piece]:
        self.subjects.append(subject)
        if self._denied:
            raise AccessDenied("cloudwatch:GetMetricData", "orders", "not authorized")
        return [Piece(kind=self.kind, source="cloudwatch", text="now 742, p50 210", worth=self._worth)]


def investigated(source: Known, known: Circumstances | None = None) -> tuple[Case, str]:
    """Return the case of two alarms about which `source` is read, in mode active, and the prompt."""
    model = Model()
    incident = Incident(
        incident_id=UUID(int=7),
        owner_key=CPU.resource.owner_key,
        resource=CPU.resource,
        token=CPU.event_id,
        opened_at=START,
        last_member_at=START,
    )

    async def investigating() -> Case:
        clock = VirtualClock()
        policy, minute = Policy(mode=Mode.ACTIVE), timedelta(minutes=1)
        investigator = Investigator(model, policy, clock, minute, gatherer=Gatherer([source], clock))
        return await investigator.investigate(incident, [DISK, CPU], known)

    return run(investigating()), model.prompt


def test_the_question_shows_its_own_alarm_first_and_the_rest_by_worth() -> None:
    """The alarm that is asked about is E1, a worthy fact comes before other alarms, a lesser one after them."""
    case, prompt = investigated(Known(worth=90))
    assert [piece.kind for piece in case.story.evidence] == ["alarm", "metric", "alarm"]
    assert CPU.key.name in case.story.evidence[0].text
    assert '<evidence id="E2" kind="metric" source="cloudwatch">\nnow 742, p50 210' in prompt
    lesser, _ = investigated(Known(worth=10))
    assert [piece.kind for piece in lesser.story.evidence] == ["alarm", "alarm", "metric"]


def test_what_was_read_is_kept() -> None:
    """The record of a decision can say which source gave how many facts, and what the subject was."""
    source = Known()
    case, _ = investigated(source)
    assert [(use.kind, use.pieces, use.failure) for use in case.sources] == [("metric", 1, None)]
    assert [(subject.alarm, subject.alarms) for subject in source.subjects] == [(CPU, (DISK, CPU))]


def test_an_essential_fact_that_is_missing_needs_a_person() -> None:
    """A denied permission is shown to the model as not read, and nothing executes without approval."""
    case, prompt = investigated(Known(denied=True))
    assert "NOT READ: no permission cloudwatch:GetMetricData" in prompt
    assert case.story.decision.verdict is Verdict.NEEDS_APPROVAL
    assert investigated(Known())[0].story.decision.verdict is Verdict.EXECUTE
    assert investigated(Known(essential=False, denied=True))[0].story.decision.verdict is Verdict.EXECUTE


def test_nothing_is_read_about_what_nobody_wants_to_hear_of() -> None:
    """A silenced incident costs no call."""
    source = Known()
    case, _ = investigated(source, Circumstances(suppressed="silenced by ops"))
    assert (source.subjects, case.sources, case.story.decision.verdict) == ([], (), Verdict.SUPPRESSED)
