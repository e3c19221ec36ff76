"""What happens, as CloudWatch metrics: one line of the embedded metric format for each thing that is kept.

A log group turns such lines into metrics by itself, so nothing here calls AWS, and a stopped worker loses none.

Source: CloudWatch user guide, "Specification: Embedded metric format".
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TextIO

from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.clock import Clock
from autocloudops.decisions.claims import ActionEntry, ActionLog, Claim, ClaimState, Control, Helped, Ledger, Step
from autocloudops.decisions.model import Decision, GateOutcome
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.use import ModelUse

COUNT, SECONDS, NONE = "Count", "Seconds", "None"
ENDS = frozenset({Outcome.DECIDED, Outcome.JOINED, Outcome.OK})
UNITS: Mapping[str, str] = {
    "MessagesReceived": COUNT,
    "AlarmsEnded": COUNT,
    "Duplicates": COUNT,
    "Poison": COUNT,
    "Deferred": COUNT,
    "QueueDwell": SECONDS,
    "TimeToDecision": SECONDS,
    "Decisions": COUNT,
    "Refused": COUNT,
    "Confidence": NONE,
    "ModelRequests": COUNT,
    "ModelLatency": SECONDS,
    "ModelUnavailable": COUNT,
    "InputTokens": COUNT,
    "OutputTokens": COUNT,
    "ParseFailures": COUNT,
    "Retries": COUNT,
    "CostUSD": NONE,
    "ActionsBegun": COUNT,
    "ActionsEnded": COUNT,
    "ActionLatency": SECONDS,
    "Unknown": COUNT,
    "Verified": COUNT,
    "NotVerified": COUNT,
    "RolledBack": COUNT,
    "Recurred": COUNT,
    "TimeToVerified": SECONDS,
    "ApprovalsPending": COUNT,
    "ApprovalAge": SECONDS,
    "OutcomePending": COUNT,
    "KillSwitch": COUNT,
    "FlushLatency": SECONDS,
    "DigestsSigned": COUNT,
}
"""Every metric and its unit."""
FOUND: Mapping[Helped, str] = {
    Helped.VERIFIED: "Verified",
    Helped.NOT_VERIFIED: "NotVerified",
    Helped.ROLLED_BACK: "RolledBack",
    Helped.RECURRED: "Recurred",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one metric; `by` are dimensions beside the service, each with few values."""

    name: str
    value: float
    by: Mapping[str, str] = field(default_factory=dict)


class Metrics(Protocol):
    """Publishes readings."""

    def publish(self, readings: Sequence[Reading]) -> None:
        """Take readings of one moment; never raises."""
        ...


class EmbeddedMetrics:
    """Prints readings as lines of the embedded metric format, one for each set of dimensions.

    Args:
        stream: where a log group reads, as standard output.
        clock: time.
        namespace: of the metrics.
        service: the dimension that tells two deployments apart.
    """

    def __init__(self, stream: TextIO, clock: Clock, namespace: str, service: str) -> None:
        self._stream = stream
        self._clock = clock
        self._namespace = namespace
        self._service = service

    def publish(self, readings: Sequence[Reading]) -> None:
        """Print readings."""
        groups: dict[tuple[tuple[str, str], ...], list[Reading]] = {}
        for reading in readings:
            groups.setdefault(tuple(sorted(reading.by.items())), []).append(reading)
        for by, group in groups.items():
            print(json.dumps(self._line(dict(by), group)), file=self._stream, flush=True)

    def _line(self, by: Mapping[str, str], group: Sequence[Reading]) -> Mapping[str, object]:
        """Return one line; a metric that was read several times becomes a list, of 100 values at most."""
        values: dict[str, list[float]] = {}
        for reading in group:
            values.setdefault(reading.name, []).append(reading.value)
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [["Service", *by]],
            "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in values],
        }
        at = int(self._clock.now().timestamp() * 1000)
        return {"_aws": {"Timestamp": at, "CloudWatchMetrics": [directive]}, "Service": self._service, **by, **values}


class Measuring:
    """Turns what is kept into readings.

    Args:
        metrics: where they go.
        clock: time.
    """

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    def kept(self, record: AuditRecord, flush_seconds: float) -> None:
        """Take a record that has become durable, `flush_seconds` after it was handed over."""
        flushed = Reading("FlushLatency", flush_seconds)
        self._metrics.publish([flushed, *readings_of(record, self._clock.now())])

    def stepped(self, entry: ActionEntry) -> None:
        """Take a step of an action that has become durable."""
        self._metrics.publish(list(_step_readings(entry)))

    def signed(self, digests: int) -> None:
        """Take how many digests of the audit were signed."""
        self._metrics.publish([Reading("DigestsSigned", digests)])

    async def look(self, ledger: Ledger) -> None:
        """Take how things stand in the ledger: the claims that are not over, and the control item.

        Raises:
            ServiceFailed: the ledger cannot be reached.
        """
        unfinished, control = await ledger.unfinished(), await ledger.control()
        self._metrics.publish(list(_standing_readings(unfinished, control, self._clock.now())))


class MeasuredLog:
    """An action log whose entries are measured once they are durable.

    Args:
        log: keeps them.
        measuring: hears of them.
    """

    def __init__(self, log: ActionLog, measuring: Measuring) -> None:
        self._log = log
        self._measuring = measuring

    async def write(self, entry: ActionEntry) -> None:
        """Keep an entry; see `ActionLog`."""
        await self._log.write(entry)
        self._measuring.stepped(entry)


def readings_of(record: AuditRecord, now: datetime) -> Sequence[Reading]:
    """Return what a record says; `now` is when it became durable."""
    return [
        *_delivery_readings(record),
        *(_model_readings(record.model) if record.model else ()),
        *(_decision_readings(record.decision, record, now) if record.decision else ()),
    ]


def _delivery_readings(record: AuditRecord) -> Iterator[Reading]:
    if record.delivery:
        yield Reading("MessagesReceived", 1)
        # What asks the model waits for it here; everything else ends as soon as it is received.
        if record.delivery.sent_at and record.outcome is not Outcome.DECIDED:
            yield Reading("QueueDwell", (record.at - record.delivery.sent_at).total_seconds())
    if record.alarm and record.outcome in ENDS:
        yield Reading("AlarmsEnded", 1)
    if record.repeated:
        yield Reading("Duplicates", 1)
    if record.outcome is Outcome.PARKED:
        yield Reading("Poison", 1)
    if record.outcome is Outcome.DEFERRED:
        yield Reading("Deferred", 1)


def _model_readings(use: ModelUse) -> Iterator[Reading]:
    if use.error:
        yield Reading("ModelUnavailable", 1)
    if use.attempts > use.requests:
        yield Reading("Retries", use.attempts - use.requests)
    if not use.requests:
        return
    yield Reading("ModelRequests", use.requests)
    yield Reading("ModelLatency", use.latency_seconds)
    yield Reading("InputTokens", use.prompt_tokens)
    yield Reading("OutputTokens", use.completion_tokens)
    yield Reading("ParseFailures", len(use.faults))
    if use.cost_usd is not None:
        yield Reading("CostUSD", use.cost_usd)


def _decision_readings(decision: Decision, record: AuditRecord, now: datetime) -> Iterator[Reading]:
    yield Reading("Decisions", 1)
    yield Reading("Decisions", 1, {"Verdict": decision.verdict})
    if decision.request:
        yield Reading("Decisions", 1, {"Action": decision.request.action, "Mode": str(decision.mode)})
    if decision.diagnosis:
        yield Reading("Confidence", decision.diagnosis.confidence)
    if record.alarm and record.outcome is Outcome.DECIDED:
        yield Reading("TimeToDecision", (now - record.alarm.at).total_seconds())
    for gate in decision.gates:
        if gate.outcome is GateOutcome.REFUSED:
            yield Reading("Refused", 1, {"Gate": gate.name})


def _step_readings(entry: ActionEntry) -> Iterator[Reading]:
    claim = entry.claim
    if entry.step is Step.INTENT:
        yield Reading("ActionsBegun", 1)
    if entry.step is Step.OUTCOME:
        yield Reading("ActionsEnded", 1)
        yield Reading("ActionsEnded", 1, {"Action": claim.request.action, "State": claim.state})
        yield Reading("ActionLatency", (entry.at - claim.claimed_at).total_seconds())
        if claim.state is ClaimState.UNKNOWN:
            yield Reading("Unknown", 1)
    if entry.step in {Step.VERIFICATION, Step.RECURRENCE} and claim.helped:
        yield Reading(FOUND[claim.helped], 1)
    if entry.step is Step.VERIFICATION and claim.helped is Helped.VERIFIED and claim.ended_at:
        yield Reading("TimeToVerified", (entry.at - claim.ended_at).total_seconds())


def _standing_readings(unfinished: Sequence[Claim], control: Control | None, now: datetime) -> Iterator[Reading]:
    waiting = [claim for claim in unfinished if claim.state is ClaimState.WAITING]
    yield Reading("ApprovalsPending", len(waiting))
    if waiting:
        yield Reading("ApprovalAge", max((now - claim.claimed_at).total_seconds() for claim in waiting))
    yield Reading("OutcomePending", sum(claim.ending is not None for claim in unfinished))
    yield Reading("KillSwitch", int(control is None or control.mode is Mode.OFF))
