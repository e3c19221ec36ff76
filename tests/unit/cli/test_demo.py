import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from audit_folder import decided
from command_line import typed
from rich.console import Console

from autocloudops.alarms.model import Alarm, AwsEvent
from autocloudops.alarms.parse import parse
from autocloudops.audit.reader import Found
from autocloudops.audit.record import AuditRecord, DeliveryFacts, Outcome, StoredRecord
from autocloudops.cli.demo.check import Course, differences
from autocloudops.cli.demo.outside import Parked, Told, View
from autocloudops.cli.demo.progress import Lines
from autocloudops.cli.demo.summary import example, lines, proposal, summarise
from autocloudops.cli.engines import EngineName
from autocloudops.decisions.model import Verdict
from autocloudops.decisions.story import short_id
from autocloudops.incidents.model import incident_id
from autocloudops.sandbox.samples import Ending, Sample, load

SCENARIOS = {"database", "duplicates", "context", "malformed"}
SENT = tuple(sample for sample in load(datetime.now(UTC)) if sample.scenario in SCENARIOS)


def record_of(sample: Sample) -> AuditRecord:
    """Return the record of a sample that ended as it states; a duplicate is a repeated copy of a decided change."""
    (part,) = parse(sample.body)
    delivery = DeliveryFacts(message_id=sample.name, receive_count=1)
    at = datetime.now(UTC)
    match part:
        case Alarm() if sample.expected is Ending.DECIDED:
            return decided(part, incident_id(part), at=at).model_copy(update={"delivery": delivery})
        case Alarm():
            return AuditRecord(
                outcome=Outcome.DECIDED, at=at, event_id=part.event_id, repeated=True, alarm=part, delivery=delivery
            )
        case AwsEvent():
            return AuditRecord(outcome=Outcome.CONTEXT, at=at, event_id=part.event_id, event=part, delivery=delivery)
        case _:
            return AuditRecord(outcome=Outcome.PARKED, at=at, unparseable=part, delivery=delivery)


def stored(records: Sequence[AuditRecord]) -> tuple[Found, ...]:
    """Return records as an audit in one object gives them back."""
    return tuple(
        Found(
            record=StoredRecord(**record.model_dump(), writer="writer", number=number, prev=""),
            location="audit/v1/decisions/object.jsonl.gz",
            line=number,
            sha256="",
        )
        for number, record in enumerate(records)
    )


def parked(sample: Sample) -> Parked:
    """Return a sample on the dead-letter queue, in SNS's envelope where it came that way."""
    body = json.dumps({"Type": "Notification", "Message": sample.body}) if sample.route == "sns" else sample.body
    return Parked(body=body, code="not_json", message_id=sample.name)


def told_of(record: AuditRecord) -> Told:
    """Return the notification about a decision."""
    incident = short_id(record.incident_id or UUID(int=0))
    return Told(subject="DRY RUN", text=f"told about {incident}", verdict="dry_run")


RECORDS = tuple(record_of(sample) for sample in SENT)
GOOD = Course(
    engine=EngineName.RULES,
    sent=SENT,
    found=stored(RECORDS),
    parked=[parked(sample) for sample in SENT if sample.expected is Ending.PARKED],
    told=[told_of(record) for record in RECORDS if record.decision],
    model_requests=9,
)


def test_a_good_course_has_no_difference() -> None:
    """Where every sample ended as it states, on every route, nothing is reported."""
    assert list(differences(GOOD)) == []


def test_an_unanswered_message_is_a_difference() -> None:
    """A message without a record is missed in the count and in its scenario."""
    lost = next(number for number, record in enumerate(RECORDS) if record.event)
    course = replace(GOOD, found=stored([*RECORDS[:lost], *RECORDS[lost + 1 :]]))
    assert list(differences(course)) == [
        f"{len(SENT)} messages were sent, {len(SENT) - 1} are answered in the audit",
        "context: 3 messages were sent, 2 endings are recorded",
        "context: 3 context were expected, 2 are recorded",
    ]


def test_a_message_that_is_not_on_the_dead_letter_queue_is_a_difference() -> None:
    """What the audit calls parked must be on the dead-letter queue."""
    found = list(differences(replace(GOOD, parked=GOOD.parked[1:])))
    assert found[0] == "8 messages are recorded as parked, 7 are on the dead-letter queue"
    assert found[-1] == "malformed: 8 parked were expected, 7 are recorded"


def test_a_decision_that_nobody_heard_of_is_a_difference() -> None:
    """People are told of every decision once."""
    number = len(GOOD.told)
    (line,) = differences(replace(GOOD, told=GOOD.told[1:]))
    assert line == f"{number} decisions are for people, they were told of {number - 1}"


def test_another_ending_is_a_difference() -> None:
    """A duplicate that was decided a second time is noticed, though everything is answered."""
    copies = [record.model_copy(update={"repeated": False}) for record in RECORDS]
    found = list(differences(replace(GOOD, found=stored(copies))))
    assert found == ["duplicates: 6 duplicate were expected, 0 are recorded"]


def test_the_summary_adds_up() -> None:
    """Every message is counted once, as exactly one ending."""
    summary = summarise(GOOD, Path("here"), 12.34, ())
    endings = (sum(summary.decisions.values()), summary.joined, summary.repeated, summary.ok, summary.context)
    assert sum(summary.sent.values()) == len(SENT) == sum(endings) + sum(summary.parked.values())
    assert summary.incidents == summary.notifications == sum(summary.decisions.values())
    assert summary.wall_seconds == 12.3


def test_the_summary_names_the_stand_in_and_a_command() -> None:
    """Whoever reads it learns that no real model was asked, and how to see a decision in full."""
    summary = summarise(GOOD, Path("my folder"), 12.34, ())
    shown = list(lines(summary))
    assert "simulated/rules" in shown[0]
    assert summary.model == "simulated/rules"
    assert shown[-1].endswith("--location 'my folder'")
    assert "NOT as it should be:" not in shown
    assert "NOT as it should be:" in list(lines(summary.model_copy(update={"differences": ("one",)})))


def test_the_summary_of_a_real_model_claims_no_triage() -> None:
    """Whoever lets the tiny model answer reads how little it is worth, and that not all messages were sent."""
    summary = summarise(replace(GOOD, engine=EngineName.LLAMA), Path("here"), 1, ())
    first, second, *_ = lines(summary)
    assert summary.model in first
    assert "not the triage" in first
    assert "only a part of the bundled messages" in second


def test_the_example_is_the_largest_incident() -> None:
    """The notification that is printed in full is the one of the incident with the most alarms."""
    first = next(record for record in RECORDS if record.decision)
    more = [first.model_copy(update={"outcome": Outcome.JOINED, "decision": None}) for _ in range(3)]
    course = replace(GOOD, found=stored([*RECORDS, *more]))
    assert example(course) == told_of(first)
    assert short_id(first.incident_id or UUID(int=0)) in summarise(course, Path("here"), 1, ()).show


def test_a_proposal_is_one_that_only_the_dry_run_held_back() -> None:
    """Printed in full is what people were told about an action that would be taken; none where there is none."""
    first = next(record for record in RECORDS if record.decision)
    assert first.decision
    held = {"verdict": Verdict.DRY_RUN, "would_be": Verdict.EXECUTE}
    would = first.model_copy(update={"decision": first.decision.model_copy(update=held)})
    plain = first.model_copy(update={"decision": first.decision.model_copy(update={"would_be": Verdict.MANUAL})})
    assert proposal(replace(GOOD, found=stored([would]))) == told_of(first)
    assert proposal(replace(GOOD, found=stored([plain]))) is None
    assert summarise(replace(GOOD, found=stored([would])), Path("here"), 1, ()).proposals == {"execute": 1}


def test_a_demo_replaces_no_folder_of_others(tmp_path: Path) -> None:
    """A folder that holds anything but a demo is left as it is."""
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "audit").mkdir()
    (letters / "love.txt").write_text("dear")
    result = typed("demo", "--folder", str(letters))
    assert result.exit_code == 252
    assert result.stderr == f"autocloudops: {letters} holds love.txt, which no demo wrote: name another --folder\n"
    assert (letters / "audit").is_dir()


@pytest.fixture
def view() -> View:
    """Return what can be seen at one moment."""
    return View(sent=9, waiting=5, in_flight=4, parked=0, model_requests=2, model_in_flight=1, decisions={"manual": 1})


def test_progress_is_one_line_and_none_without_a_change(view: View) -> None:
    """Where there is no terminal, the same state is printed once, on one line."""
    printed = io.StringIO()
    progress = Lines(Console(file=printed, width=40))
    progress.show(view)
    progress.show(view)
    progress.say("told: MANUAL")
    first, second = printed.getvalue().splitlines()
    assert first.endswith("sent 9, waiting 5, in flight 4, parked 0, asked the model 2 (1 under way), decided 1")
    assert second == "told: MANUAL"


@pytest.mark.parametrize(("waiting", "in_flight", "idle"), [(0, 0, True), (1, 0, False), (0, 1, False)])
def test_a_queue_is_idle_when_nothing_waits_and_nothing_is_in_flight(
    view: View, waiting: int, in_flight: int, idle: bool
) -> None:
    """A message that a worker holds is not yet answered."""
    assert view.model_copy(update={"waiting": waiting, "in_flight": in_flight}).idle is idle
