"""`explain` against records that the investigator itself came to."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from audit_folder import CPU, CPU_INCIDENT, EVENT, TODAYS, decided, write_audit
from chat_only import ChatOnly
from command_line import typed
from triage import disk_alarm, reply
from virtual_time import START, VirtualClock, run

from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.diagnosis.gathering import Gatherer, Piece, Subject
from autocloudops.errors import AccessDenied
from autocloudops.incidents.model import Incident
from autocloudops.investigation import Bounds, Case, Investigator

DISK = disk_alarm().model_copy(update={"key": CPU.key.model_copy(update={"name": "disk-full"})})
ALARMS = (CPU, DISK)
OTHER = UUID("7f3a0000-0000-4000-8000-0000000000aa")


class Model(ChatOnly):
    """An endpoint that gives its replies one after another, and keeps what it was asked."""

    def __init__(self, *replies: str) -> None:
        self.asked: list[CompletionRequest] = []
        self._replies = list(replies)

    async def complete(self, request: CompletionRequest) -> Completion:
        self.asked.append(request)
        await asyncio.sleep(0)
        return Completion(
            content=self._replies.pop(0),
            finish_reason="stop",
            model="served",
            prompt_tokens=900,
            completion_tokens=90,
            latency_seconds=1,
        )


class Metric:
    """A source that knows a step."""

    kind = "metric"
    essential = True
    permissions = frozenset({"cloudwatch:GetMetricData"})

    async def read(self, subject: Subject) -> Sequence[Piece]:
        return [Piece(kind=self.kind, source="cloudwatch", text=f"now 742\nstep <b> at {subject.at:%H:%M}", worth=90)]


class Denied(Metric):
    """A source that may not be read."""

    kind = "change"

    async def read(self, subject: Subject) -> Sequence[Piece]:
        raise AccessDenied("cloudtrail:LookupEvents", subject.alarm.key.name, "not authorized")


def case_of(model: Model, *, mode: Mode = Mode.DRY_RUN, bounds: Bounds | None = None) -> Case:
    """Return what comes of two alarms of one incident."""
    incident = Incident(
        incident_id=CPU_INCIDENT,
        owner_key=CPU.resource.owner_key,
        resource=CPU.resource,
        token=CPU.event_id,
        opened_at=START,
        last_member_at=START,
    )

    async def investigating() -> Case:
        clock = VirtualClock()
        gatherer = Gatherer([Metric(), Denied()], clock)
        investigator = Investigator(model, Policy(mode=mode), clock, timedelta(minutes=1), bounds, gatherer)
        return await investigator.investigate(incident, ALARMS)

    return run(investigating())


def recorded(case: Case) -> list[AuditRecord]:
    """Return the records of a decision and of the alarm that joined it."""
    asked = AuditRecord(
        outcome=Outcome.DECIDED,
        at=case.story.at,
        event_id=CPU.event_id,
        incident_id=CPU_INCIDENT,
        attempt=1,
        alarm=case.story.opener,
        members=case.members,
        previous_incident=OTHER,
        evidence=case.story.evidence,
        sources=case.sources,
        model=case.story.use,
        decision=case.story.decision,
    )
    return [asked, joined()]


def joined() -> AuditRecord:
    """Return the record of the second alarm."""
    return AuditRecord(outcome=Outcome.JOINED, at=START, event_id=DISK.event_id, incident_id=CPU_INCIDENT, alarm=DISK)


def explained(folder: Path, *arguments: str, code: int = 0) -> str:
    """Return what `explain` prints about the CPU incident."""
    result = typed("explain", f"inc-{str(CPU_INCIDENT)[:8]}", "--location", str(folder), *arguments)
    assert result.exit_code == code, result.output
    return result.stdout


def questions(folder: Path, code: int = 0) -> list[dict[str, object]]:
    """Return the questions in the JSON form."""
    found: list[dict[str, object]] = json.loads(explained(folder, "--prompt", "--output", "json", code=code))[
        "questions"
    ]
    return found


def sent(request: CompletionRequest) -> list[dict[str, str]]:
    """Return a request's messages as JSON."""
    return [{"role": message.role, "content": message.content} for message in request.messages]


def test_everything_known_is_told(tmp_path: Path) -> None:
    """The story comes first; then all evidence in full, what was not read, each source's time, and every gate."""
    case = case_of(Model(reply(evidence_for=["E1"])))
    lines = explained(write_audit(tmp_path, recorded(case))).splitlines()
    assert lines[0].startswith("DRY RUN")
    assert "EVIDENCE E2 metric, from cloudwatch" in lines
    step = lines.index("EVIDENCE E2 metric, from cloudwatch")
    assert lines[step + 1 : step + 3] == ["         now 742", "         step <b> at 12:00"]
    assert "EVIDENCE E4 change NOT READ, from AutoCloudOps" in lines
    assert "READ     change: not read, no permission cloudtrail:LookupEvents, 0.000 s" in lines
    assert "READ     metric: 1 pieces, 0.000 s" in lines
    gates = [line for line in lines if line.startswith("GATE ")]
    assert len(gates) == len(case.story.decision.gates)
    assert "GATE     evidence capped: not read: change" in gates
    assert not any(line.startswith(("PROMPT", "REPLY", "SAYS")) for line in lines)


def test_the_prompt_is_exactly_what_was_sent(tmp_path: Path) -> None:
    """The question is rebuilt from the records byte for byte, which its digest proves; the reply stands below it."""
    model = Model(reply(evidence_for=["E1"]))
    folder = write_audit(tmp_path, recorded(case_of(model)))
    (question,) = questions(folder)
    assert question["messages"] == sent(model.asked[0])
    assert (question["exact"], question["asked"], question["doubts"]) == (True, True, [])
    assert question["replies"] == [reply(evidence_for=["E1"])]
    text = explained(folder, "--prompt")
    assert "rebuilt from the record, this is what was sent" in text
    assert model.asked[0].messages[-1].content in text
    assert f"REPLY    1 of 1, redacted and bounded\n{reply(evidence_for=['E1'])}\n" in text


def test_a_shortened_question_is_rebuilt_as_it_was(tmp_path: Path) -> None:
    """The budget that a question had to keep to is recorded, so that the same evidence is cut in the same way."""
    model = Model(reply(evidence_for=["E1"]))
    case = case_of(model, bounds=Bounds(prompt_tokens=1_200))
    assert case.story.use.cut
    (question,) = questions(write_audit(tmp_path, recorded(case)))
    assert question["messages"] == sent(model.asked[0])


def test_a_repair_is_shown_with_both_replies(tmp_path: Path) -> None:
    """Where the first reply could not be used, what was asked again is shown as it was sent."""
    model = Model("no idea", reply(evidence_for=["E1"]))
    folder = write_audit(tmp_path, recorded(case_of(model)))
    (question,) = questions(folder)
    first, second = (sent(request) for request in model.asked)
    assert (question["messages"], question["repair"]) == (first, second[len(first) :])
    assert question["replies"] == ["no idea", reply(evidence_for=["E1"])]
    assert "FAULT    not_json" in explained(folder)


def test_a_question_that_nobody_asked_says_so(tmp_path: Path) -> None:
    """In mode off the question was built and not sent."""
    folder = write_audit(tmp_path, recorded(case_of(Model(), mode=Mode.OFF)))
    text = explained(folder, "--prompt")
    assert "this is what was built, and nobody was asked" in text
    assert "REPLY    none" in text


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_question_that_cannot_be_proved_says_so_and_fails(tmp_path: Path, form: str) -> None:
    """Where a member's record is missing the digest does not match: it is told why, and the exit code is 1."""
    (asked, _) = recorded(case_of(Model(reply(evidence_for=["E1"]))))
    folder = write_audit(tmp_path, [asked])
    shown = explained(folder, "--prompt", "--output", form, code=1)
    assert "1 of its members have no record in this audit" in shown
    if form == "table":
        assert "NOT VERIFIED: the record says sha256" in shown
    else:
        assert json.loads(shown)["questions"][0]["exact"] is False
    assert explained(folder)


def test_a_record_of_another_template_is_doubted(tmp_path: Path) -> None:
    """A question of an older version is not passed off as what was sent."""
    shown = explained(write_audit(tmp_path, TODAYS), "--prompt", code=1)
    assert "it was asked with template 1, and this version has" in shown
    assert "the record does not say how long it might be" in shown


def test_related_incidents_are_named(tmp_path: Path) -> None:
    """The incident before is told with its decision, so is one that a composite alarm ties to this one."""
    case = case_of(Model(reply(evidence_for=["E1"])))
    tied = UUID("7f3a0000-0000-4000-8000-0000000000bb")
    tying = decided(DISK, tied).model_copy(update={"tied": CPU_INCIDENT, "previous_incident": None})
    after = decided(CPU, UUID("7f3a0000-0000-4000-8000-0000000000cc")).model_copy(
        update={"previous_incident": CPU_INCIDENT}
    )
    folder = write_audit(tmp_path / "all", [*recorded(case), decided(CPU, OTHER), tying, after])
    lines = explained(folder).splitlines()
    cause = "night-shift: The service has too few tasks for its load."
    assert f"BEFORE   inc-7f3a0000 {START:%Y-%m-%d %H:%M:%SZ} dry_run {cause}" in lines
    assert any(line.startswith("TIED     inc-7f3a0000") for line in lines)
    assert any(line.startswith("AFTER    inc-7f3a0000") for line in lines)
    related = json.loads(explained(folder, "--output", "json"))["related"]
    assert {each["relation"] for each in related} == {"before", "tied", "after"}
    alone = explained(write_audit(tmp_path / "alone", recorded(case)))
    assert "BEFORE   inc-7f3a0000: this audit holds no decision about it" in alone.splitlines()


def test_an_event_without_a_decision_is_told(tmp_path: Path) -> None:
    """What nobody was asked about has no question to show."""
    folder = write_audit(tmp_path, TODAYS)
    result = typed("explain", str(EVENT.event_id), "--location", str(folder), "--prompt")
    assert (result.exit_code, result.stdout.startswith("NO DECISION about")) == (0, True)


@pytest.mark.parametrize(("wanted", "code"), [("inc-ffffffffffff", 252), ("xyz", 252)])
def test_a_wrong_id_ends_as_in_audit_show(tmp_path: Path, wanted: str, code: int) -> None:
    """An id that is unknown, and one that is none, have the same exit codes as in `audit show`."""
    folder = str(write_audit(tmp_path, TODAYS))
    results = [typed(*verb, wanted, "--location", folder) for verb in (("explain",), ("audit", "show"))]
    assert [result.exit_code for result in results] == [code, code]
    assert results[0].stderr.replace("explain", "audit show") == results[1].stderr
