import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from chat_only import ChatOnly
from deciding import KnownTarget
from triage import cpu_alarm, disk_alarm, reply
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm, AlarmState, Robot
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.decisions.model import Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.diagnosis.gathering import Gatherer, Piece, Subject
from autocloudops.errors import AccessDenied, ServiceFailed
from autocloudops.incidents.circumstances import Circumstances
from autocloudops.incidents.model import Incident
from autocloudops.incidents.track_record import SelfClearing
from autocloudops.investigation import Bounds, Case, Investigator

CPU = cpu_alarm().model_copy(update={"at": START})
DISK = disk_alarm().model_copy(update={"at": START, "key": CPU.key.model_copy(update={"name": "disk-full"})})
TWIN = CPU.model_copy(update={"key": CPU.key.model_copy(update={"name": "cpu-high-2"})})
FIRING = AlarmStanding(state=AlarmState.ALARM, since=START, read_at=START)
USUAL = SelfClearing(share=38 / 41, p90_seconds=252, fires=41)


class Model(ChatOnly):
    """An endpoint that keeps what it was asked and proposes the same action each time."""

    def __init__(self, action: str = "scale_out_service") -> None:
        self.prompt = ""
        self._action = action

    async def complete(self, request: CompletionRequest) -> Completion:
        self.prompt = request.messages[-1].content
        return Completion(
            content=reply(action=self._action, evidence_for=["E1"], evidence_against=[]),
            finish_reason="stop",
            model="served",
            prompt_tokens=900,
            completion_tokens=90,
            latency_seconds=1,
        )


class Known:
    """A source that knows one fact and how the alarm stands, or may not read it."""

    kind = "metric"
    permissions = frozenset({"cloudwatch:GetMetricData"})

    def __init__(
        self, *, worth: int = 90, essential: bool = True, denied: bool = False, standing: AlarmStanding | None = FIRING
    ) -> None:
        self.essential = essential
        self.subjects: list[Subject] = []
        self._worth = worth
        self._denied = denied
        self._standing = standing

    async def read(self, subject: Subject) -> Sequence[Piece]:
        self.subjects.append(subject)
        if self._denied:
            raise AccessDenied("cloudwatch:GetMetricData", "orders", "not authorized")
        return [
            Piece(
                kind=self.kind, source="cloudwatch", text="now 742, p50 210", worth=self._worth, standing=self._standing
            )
        ]


class Records:
    """Track records: of every alarm the same one, but of those with a record of their own."""

    def __init__(
        self, usual: SelfClearing | Exception | None = USUAL, own: dict[str, SelfClearing | None] | None = None
    ) -> None:
        self.asked: list[str] = []
        self._usual = usual
        self._own = own or {}

    async def self_clearing(self, alarm: Alarm) -> SelfClearing | None:
        self.asked.append(alarm.key.name)
        if isinstance(self._usual, Exception):
            raise self._usual
        return self._own.get(alarm.key.name, self._usual)


class Hanging:
    """Track records that never come."""

    async def self_clearing(self, alarm: Alarm) -> SelfClearing | None:
        await asyncio.sleep(3_600)
        raise AssertionError(alarm)


def investigated(
    source: Known,
    known: Circumstances | None = None,
    model: Model | None = None,
    alarms: Sequence[Alarm] = (DISK, CPU),
    members: int = 1,
) -> tuple[Case, str]:
    """Return the case of `alarms` about which `source` is read, in mode active, and the prompt."""
    model = model or Model()
    incident = Incident(
        incident_id=UUID(int=7),
        owner_key=CPU.resource.owner_key,
        resource=CPU.resource,
        token=CPU.event_id,
        opened_at=START,
        last_member_at=START,
        members=members,
    )

    async def investigating() -> Case:
        clock = VirtualClock()
        policy, minute = Policy(mode=Mode.ACTIVE), timedelta(minutes=1)
        bounds = Bounds(facts=KnownTarget())
        investigator = Investigator(model, policy, clock, minute, bounds, Gatherer([source], clock))
        return await investigator.investigate(incident, alarms, known)

    return run(investigating()), model.prompt


def test_the_question_shows_its_own_alarm_first_and_the_rest_by_worth() -> None:
    """The alarm that is asked about is E1, a worthy fact comes before other alarms, a lesser one after them."""
    case, prompt = investigated(Known(worth=90))
    assert [piece.kind for piece in case.story.evidence] == ["alarm", "metric", "alarm"]
    assert CPU.key.name in case.story.evidence[0].text
    assert '<evidence id="E2" kind="metric" source="cloudwatch">\nnow 742, p50 210' in prompt
    lesser, _ = investigated(Known(worth=10))
    assert [piece.kind for piece in lesser.story.evidence] == ["alarm", "alarm", "metric"]


def test_alarms_that_say_the_same_crowd_out_no_facts() -> None:
    """Of a storm four alarms stand before lesser facts, one of each kind first, and what is not shown is counted."""
    twins = [
        CPU.model_copy(update={"key": CPU.key.model_copy(update={"name": f"cpu-high-{number}"})})
        for number in range(30)
    ]
    case, _ = investigated(Known(worth=50), alarms=[CPU, *twins, DISK], members=217)
    evidence = case.story.evidence
    kinds = [piece.kind for piece in evidence]
    assert kinds == ["alarm", "members", *["alarm"] * 4, "metric", *["alarm"] * 7]
    assert evidence[1].text == "alarms of this incident: 217, of which 12 are among this evidence"
    names = [piece.text.splitlines()[0] for piece in evidence if piece.kind == "alarm"]
    assert names[:3] == [f"name: {CPU.key.name}", f"name: {DISK.key.name}", "name: cpu-high-0"]


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


def test_nothing_is_read_about_what_nobody_wants_to_hear_of() -> None:
    """A silenced incident costs no call."""
    source = Known()
    case, _ = investigated(source, Circumstances(suppressed="silenced by ops"))
    assert (source.subjects, case.sources, case.story.decision.verdict) == ([], (), Verdict.SUPPRESSED)


def gate(case: Case, name: str) -> str:
    """Return why a gate of a case's decision refused or capped."""
    return next(result.reason for result in case.story.decision.gates if result.name == name)


def test_an_alarm_that_recovered_meanwhile_is_left_alone() -> None:
    """What CloudWatch says of the alarm at the moment of asking outweighs whatever the model proposes."""
    case, _ = investigated(Known(standing=FIRING.model_copy(update={"state": AlarmState.OK})))
    assert (case.story.decision.verdict, case.story.decision.refused_by) == (Verdict.MANUAL, "freshness")
    assert gate(case, "freshness").startswith("recovered: ")


def test_an_alarm_of_unknown_state_needs_a_person() -> None:
    """Without anybody who reads the alarm's state nothing executes unasked."""
    case, _ = investigated(Known(standing=None))
    assert case.story.decision.verdict is Verdict.NEEDS_APPROVAL


def test_an_action_for_another_alarm_needs_a_person() -> None:
    """The state that was read is the asked alarm's: for an action that only another one offers, it is unknown."""
    case, _ = investigated(Known(), model=Model("clean_logs"))
    assert case.story.decision.verdict is Verdict.NEEDS_APPROVAL
    assert gate(case, "evidence") == "not read: the state of the alarm that the action is for"


@pytest.mark.parametrize(
    ("name", "standing", "reason"),
    [
        ("TargetTracking-orders", FIRING, "target-tracking acts on TargetTracking-orders"),
        (
            CPU.key.name,
            FIRING.model_copy(update={"robot": Robot.EC2}),
            "ec2 acts on the alarm, by the actions that it has now",
        ),
    ],
)
def test_what_another_robot_acts_on_is_left_to_it(name: str, standing: AlarmStanding, reason: str) -> None:
    """A robot's alarm is known by its name and by the actions that were read of it; nothing else may act on it."""
    alarm = CPU.model_copy(update={"key": CPU.key.model_copy(update={"name": name})})
    case = waited(Records(None), [alarm], standing=standing)
    assert (case.story.decision.verdict, case.story.decision.refused_by) == (Verdict.MANUAL, "robots")
    assert gate(case, "robots") == reason


def waited(
    records: Records | Hanging,
    alarms: Sequence[Alarm] = (CPU,),
    *,
    revision: int = 0,
    after_seconds: float = 5,
    mode: Mode = Mode.ACTIVE,
    standing: AlarmStanding = FIRING,
) -> Case:
    """Return the case of alarms that fired at the start of virtual time, some seconds later."""
    incident = Incident(
        incident_id=UUID(int=7),
        owner_key=CPU.resource.owner_key,
        resource=CPU.resource,
        token=alarms[0].event_id,
        opened_at=START,
        last_member_at=START,
        revision=revision,
    )

    async def investigating() -> Case:
        clock = VirtualClock()
        gatherer = Gatherer([Known(standing=standing)], clock, track_records=records)
        bounds = Bounds(facts=KnownTarget())
        investigator = Investigator(Model(), Policy(mode=mode), clock, timedelta(minutes=1), bounds, gatherer)
        await asyncio.sleep(after_seconds)
        return await investigator.investigate(incident, alarms)

    return run(investigating())


def asks_after(seconds: float) -> datetime:
    """Return a moment of virtual time."""
    return START + timedelta(seconds=seconds)


def test_an_alarm_that_clears_by_itself_is_not_asked_about_yet() -> None:
    """A family that mostly clears by itself costs neither question nor evidence until it lasts longer than usual."""
    case = waited(Records())
    decision = case.story.decision
    assert (decision.verdict, decision.refused_by, case.story.use.requests) == (Verdict.SUPPRESSED, "suppression", 0)
    assert case.asks_after == case.known.suppressed_until == asks_after(252)
    assert case.sources == ()
    assert gate(case, "suppression") == (
        "clears by itself: 38 of 41 fires within 5 min; asked about if it lasts longer than 4.2 min"
    )


def test_an_alarm_that_lasts_longer_than_usual_is_asked_about() -> None:
    """From its own 90th percentile on, and when it is asked about again, a self-clearing alarm is like any other."""
    for case in (waited(Records(), after_seconds=253), waited(Records(), revision=1)):
        assert (case.asks_after, case.known.suppressed, case.story.use.requests) == (None, None, 1)
        assert case.story.decision.verdict is Verdict.EXECUTE


def test_nobody_waits_longer_than_ten_minutes() -> None:
    """Where the slowest tenth of its fires took hours, those were real: the wait has a bound of its own."""
    assert waited(Records(USUAL.model_copy(update={"p90_seconds": 9_000}))).asks_after == asks_after(600)


def test_several_alarms_wait_for_the_slowest_if_each_clears_by_itself() -> None:
    """One that does not clear by itself is asked about with all the others."""
    slow = USUAL.model_copy(update={"p90_seconds": 280})
    case = waited(Records(own={TWIN.key.name: slow}), [CPU, TWIN])
    assert case.asks_after == asks_after(280)
    assert gate(case, "suppression").startswith("its 2 alarms clear by themselves, the slowest: 38 of 41")
    assert waited(Records(own={TWIN.key.name: None}), [CPU, TWIN]).asks_after is None


@pytest.mark.parametrize(
    "records", [Records(None), Records(ServiceFailed("cloudwatch:DescribeAlarmHistory", "a", "down")), Hanging()]
)
def test_an_unknown_track_record_is_no_reason_to_wait(records: Records | Hanging) -> None:
    """An alarm of which nobody can tell whether it clears by itself, or not in time, is asked about."""
    case = waited(records)
    assert (case.asks_after, case.story.use.requests) == (None, 1)


@pytest.mark.parametrize(("alarms", "mode"), [([CPU, DISK], Mode.ACTIVE), ([CPU], Mode.OFF)])
def test_track_records_are_asked_for_only_where_they_count(alarms: Sequence[Alarm], mode: Mode) -> None:
    """Nobody reads the record of different kinds of trouble at once, or of what nobody is asked about anyway."""
    records = Records()
    waited(records, alarms, mode=mode)
    assert records.asked == []
