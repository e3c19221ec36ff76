"""What happens becomes metrics, in the form that a log group turns into metrics by itself."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from audit_folder import CPU, CPU_INCIDENT, USE, decided, ended
from claiming import claimed, control, request_for, wanted
from virtual_time import START, VirtualClock

from autocloudops import metrics
from autocloudops.alarms.model import AlarmState
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.decisions.claims import ActionEntry, ClaimState, Helped, Step
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.fault import FaultCode, ReplyFault
from autocloudops.errors import ServiceUnavailable
from autocloudops.metrics import (
    FOUND,
    UNITS,
    EmbeddedMetrics,
    MeasuredLog,
    Measuring,
    Reading,
    Standing,
    readings_of,
)
from autocloudops.state.memory_claims import MemoryLedger

LATER = CPU.at + timedelta(seconds=42)
CLAIM = wanted(now=START)


class StandingClock(VirtualClock):
    """A clock that stands at `START`."""

    def now(self) -> datetime:
        return START


def _printed(*readings: Reading) -> list[dict[str, Any]]:
    stream = StringIO()
    EmbeddedMetrics(stream, StandingClock(), "AutoCloudOps", "shop").publish(readings)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def _totals(record: AuditRecord) -> Mapping[str, float]:
    """Return the sum of each metric that has no dimension but the service."""
    totals: dict[str, float] = {}
    for reading in readings_of(record, LATER):
        assert reading.name in UNITS
        if not reading.by:
            totals[reading.name] = totals.get(reading.name, 0) + reading.value
    return totals


class Heard:
    """Metrics that remember what they were given."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def publish(self, readings: Sequence[Reading]) -> None:
        self.readings += readings

    def values(self) -> Mapping[str, float]:
        """Return the values of metrics without further dimensions."""
        return {each.name: each.value for each in self.readings if not each.by}


def _step(step: Step, **changes: object) -> Mapping[str, float]:
    heard = Heard()
    entry = ActionEntry(step=step, at=START + timedelta(seconds=30), claim=CLAIM.model_copy(update=changes))
    Measuring(heard, StandingClock()).stepped(entry)
    return heard.values()


def test_a_line_is_what_the_specification_asks_for() -> None:
    """Its `_aws` names namespace, dimensions, names and units, and every one of these is a member of the line."""
    (line,) = _printed(Reading("ModelLatency", 1.5), Reading("ModelRequests", 2))
    directive = line["_aws"]["CloudWatchMetrics"][0]
    assert line["_aws"]["Timestamp"] == int(START.timestamp() * 1000)
    assert (directive["Namespace"], directive["Dimensions"]) == ("AutoCloudOps", [["Service"]])
    units = {each["Name"]: each["Unit"] for each in directive["Metrics"]}
    assert units == {"ModelLatency": "Seconds", "ModelRequests": "Count"}
    assert (line["Service"], line["ModelLatency"], line["ModelRequests"]) == ("shop", [1.5], [2])


def test_each_set_of_dimensions_has_a_line_of_its_own() -> None:
    """Readings by gate do not count as readings of the service, nor the other way round; equal ones share a line."""
    gates = [Reading("Refused", 1, {"Gate": gate}) for gate in ("mode", "known", "mode")]
    whole, mode, known = _printed(Reading("Decisions", 1), *gates)
    assert whole["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Service"]]
    assert (mode["Gate"], mode["Refused"]) == ("mode", [1, 1])
    assert (known["Gate"], known["Refused"]) == ("known", [1])
    assert known["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Service", "Gate"]]


def test_an_output_that_is_closed_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asks, keeps or acts goes on where nobody reads what is printed; the log says what is lost."""
    stream = StringIO()
    stream.close()
    EmbeddedMetrics(stream, StandingClock(), "AutoCloudOps", "shop").publish([Reading("Throttles", 1)])
    assert "metrics are lost" in caplog.text


def test_a_decision_says_how_long_it_took_and_what_it_used() -> None:
    """The time runs from the alarm's change of state until the record is durable."""
    totals = _totals(decided(CPU, CPU_INCIDENT))
    assert totals["TimeToDecision"] == 42
    assert (totals["MessagesReceived"], totals["AlarmsEnded"], totals["Decisions"]) == (1, 1, 1)
    assert (totals["InputTokens"], totals["OutputTokens"]) == (USE.prompt_tokens, USE.completion_tokens)
    assert (totals["ModelLatency"], totals["ModelRequests"], totals["ParseFailures"]) == (1.5, 1, 0)
    assert not {"QueueDwell", "ModelUnavailable", "Retries", "CostUSD"} & totals.keys()


def test_verdicts_and_gates_are_counted_by_name() -> None:
    """A decision counts under its verdict, under its action and mode, and each gate that refused under its own."""
    record = decided(CPU, CPU_INCIDENT)
    assert record.decision is not None
    named = [each for each in readings_of(record, LATER) if each.by]
    assert Reading("Decisions", 1, {"Verdict": record.decision.verdict}) in named
    refused = {gate.name for gate in record.decision.gates if gate.outcome == "refused"}
    assert {each.by["Gate"] for each in named if each.name == "Refused"} == refused


@pytest.mark.parametrize(
    ("outcome", "name"), [(Outcome.PARKED, "Poison"), (Outcome.DEFERRED, "Deferred"), (Outcome.JOINED, "AlarmsEnded")]
)
def test_each_end_has_its_count(outcome: Outcome, name: str) -> None:
    """Parked bodies, deferred questions and joined alarms are told apart."""
    totals = _totals(ended(CPU, outcome))
    assert totals[name] == 1
    assert totals.keys() & {"Poison", "Deferred", "AlarmsEnded"} == {name}


def test_a_note_counts_what_it_cost_and_decides_nothing() -> None:
    """A reply that came too late was paid for, and is no decision: only the one that stands is counted as one."""
    late = _totals(decided(CPU, CPU_INCIDENT).model_copy(update={"outcome": Outcome.NOTE}))
    assert (late["ModelRequests"], late["InputTokens"]) == (1, USE.prompt_tokens)
    assert {"Decisions", "Confidence", "TimeToDecision"}.isdisjoint(late)


def test_a_copy_counts_as_one() -> None:
    """Another delivery of a recorded change is a duplicate, and how long it waited is known."""
    totals = _totals(ended(CPU, Outcome.JOINED, repeated=True))
    assert (totals["Duplicates"], totals["QueueDwell"]) == (1, 0)


def test_a_model_that_fails_is_counted() -> None:
    """No answer, repeated attempts, replies that cannot be used, and their price are metrics of their own."""
    fault = ReplyFault(code=FaultCode.NOT_JSON, detail="no JSON")
    use = USE.model_copy(update={"error": "throttled", "attempts": 4, "cost_usd": 0.002, "faults": (fault,)})
    totals = _totals(decided(CPU, CPU_INCIDENT).model_copy(update={"model": use}))
    assert (totals["ModelUnavailable"], totals["Retries"], totals["ParseFailures"]) == (1, 3, 1)
    assert totals["CostUSD"] == 0.002


def test_steps_of_an_action_are_counted() -> None:
    """Begun, ended, unknown, and what verification found, each when its entry is durable."""
    assert _step(Step.INTENT) == {"ActionsBegun": 1}
    assert _step(Step.OUTCOME, state=ClaimState.DONE) == {"ActionsEnded": 1, "ActionLatency": 30}
    assert _step(Step.OUTCOME, state=ClaimState.UNKNOWN)["Unknown"] == 1
    helped: dict[str, object] = {"state": ClaimState.DONE, "ended_at": START}
    assert _step(Step.VERIFICATION, helped=Helped.VERIFIED, **helped) == {"Verified": 1, "TimeToVerified": 30}
    assert _step(Step.VERIFICATION, helped=Helped.ROLLED_BACK, **helped) == {"RolledBack": 1}
    assert _step(Step.RECURRENCE, helped=Helped.RECURRED, **helped) == {"Recurred": 1}
    assert not _step(Step.ROLLBACK)


async def _stands(ledger: MemoryLedger, used: int = 0) -> Mapping[str, float]:
    heard = Heard()
    standing = Standing(await ledger.unfinished(), await ledger.control(), used, 10)
    Measuring(heard, StandingClock()).stands(standing)
    return heard.values()


async def test_how_things_stand_is_a_gauge() -> None:
    """What waits for people, what has no durable outcome yet, and the kill switch are told each time, zero included."""
    ledger = MemoryLedger()
    assert (await _stands(ledger))["KillSwitch"] == 1
    await ledger.set_control(control())
    quiet = {"ApprovalsPending": 0, "OutcomePending": 0, "KillSwitch": 0, "BudgetRemaining": 10}
    assert await _stands(ledger) == quiet
    asked = wanted(now=START - timedelta(minutes=5), request=request_for("web"))
    ending = wanted(incident=2, now=START - timedelta(minutes=5), request=request_for("orders"))
    for claim, changes in ((asked, {"state": ClaimState.WAITING}), (ending, {"ending": ClaimState.DONE})):
        held = await claimed(ledger, claim)
        begun = await ledger.move(held, held.model_copy(update={"state": ClaimState.INTENT}))
        assert begun
        assert await ledger.move(begun, begun.model_copy(update=changes))
    await ledger.set_control(control(Mode.OFF))
    busy = {"ApprovalsPending": 1, "OutcomePending": 1, "KillSwitch": 1, "BudgetRemaining": 8}
    assert await _stands(ledger, used=2) == busy | {"ApprovalAge": 300}


@pytest.mark.parametrize(("minutes", "pending"), [(9, 0), (11, 1)])
async def test_an_intent_is_heard_of_within_ten_minutes(minutes: int, pending: int) -> None:
    """A call that may have been made, and of which nobody knows after ten minutes, lacks its outcome."""
    ledger = MemoryLedger()
    await ledger.set_control(control())
    held = await claimed(ledger, wanted(now=START - timedelta(minutes=minutes)))
    assert await ledger.move(held, held.model_copy(update={"state": ClaimState.INTENT}))
    assert (await _stands(ledger))["OutcomePending"] == pending


async def test_a_budget_that_was_lowered_is_not_less_than_nothing() -> None:
    """More claims than the policy now allows in an hour leave none."""
    assert (await _stands(MemoryLedger(), used=12))["BudgetRemaining"] == 0


class OneLog:
    """An action log that fails once."""

    def __init__(self) -> None:
        self.kept: list[ActionEntry] = []
        self._fails = True

    async def write(self, entry: ActionEntry) -> None:
        if self._fails:
            self._fails = False
            raise ServiceUnavailable("s3:PutObject", "memory", "slow down")
        self.kept.append(entry)


async def test_only_a_durable_step_is_measured() -> None:
    """An entry that was not kept counts nothing; the one that was kept counts once."""
    heard, log = Heard(), OneLog()
    measured = MeasuredLog(log, Measuring(heard, StandingClock()))
    entry = ActionEntry(step=Step.INTENT, at=START, claim=CLAIM)
    with pytest.raises(ServiceUnavailable):
        await measured.write(entry)
    assert not heard.readings
    await measured.write(entry)
    assert (log.kept, heard.values()) == ([entry], {"ActionsBegun": 1})


def test_a_kept_record_says_how_long_it_took_to_be_durable() -> None:
    """The audit's latency comes with every record, and digests are counted as they are signed."""
    heard = Heard()
    measuring = Measuring(heard, StandingClock())
    measuring.kept(ended(CPU, Outcome.JOINED), 0.25)
    measuring.signed(2, 420.0)
    measuring.verified(3)
    measuring.unflushed(7, 2.5)
    measuring.overturned(1)
    said = heard.values()
    assert (said["FlushLatency"], said["RecordsUnflushed"], said["UnflushedAge"]) == (0.25, 7, 2.5)
    assert said["HumanOverturned"] == 1
    assert (said["DigestsSigned"], said["DigestAge"], said["VerifyFailures"]) == (2, 420, 3)


def test_a_request_says_how_full_the_endpoint_is() -> None:
    """Each request tells how many are in flight, and how many may be; a throttle is counted when it comes."""
    heard = Heard()
    measuring = Measuring(heard, StandingClock())
    measuring.asked(3, 16)
    measuring.throttled()
    assert heard.values() == {"InFlight": 3, "Slots": 16, "Throttles": 1}


@pytest.mark.parametrize(
    ("name", "outcome", "state", "ends"),
    [
        ("shop-canary", Outcome.DECIDED, AlarmState.ALARM, True),
        ("shop-canary", Outcome.JOINED, AlarmState.ALARM, True),
        ("shop-canary", Outcome.DEFERRED, AlarmState.ALARM, False),
        ("shop-canary", Outcome.OK, AlarmState.OK, False),
        ("shop-cpu", Outcome.JOINED, AlarmState.ALARM, False),
    ],
)
def test_the_canary_ends_where_its_alarm_does(name: str, outcome: Outcome, state: AlarmState, *, ends: bool) -> None:
    """Only the canary's own alarm, gone all the way, counts; its way back to OK does not."""
    heard = Heard()
    key = CPU.key.model_copy(update={"name": name})
    alarm = CPU.model_copy(update={"key": key, "state": state})
    Measuring(heard, StandingClock(), "shop-canary").kept(ended(alarm, outcome), 0.25)
    assert ("CanaryEnded" in heard.values()) is ends


def test_every_metric_is_fed() -> None:
    """No name has a unit and nobody who reads it, and none is read that has no unit."""
    source = Path(metrics.__file__).read_text()
    assert set(re.findall(r'Reading\("(\w+)"', source)) | set(FOUND.values()) == UNITS.keys()


def test_nothing_to_tell_prints_nothing() -> None:
    """A step that is no metric leaves no empty line in the log."""
    stream = StringIO()
    measuring = Measuring(EmbeddedMetrics(stream, StandingClock(), "AutoCloudOps", "shop"), StandingClock())
    measuring.stepped(ActionEntry(step=Step.ROLLBACK, at=START, claim=CLAIM))
    assert not stream.getvalue()
