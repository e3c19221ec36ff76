"""What happens, as CloudWatch metrics: one line of the embedded metric format for each thing that is kept.

A log group turns such lines into metrics by itself, so nothing here calls AWS, and a stopped worker loses none.

Source: CloudWatch user guide, "Specification: Embedded metric format".
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from logging import getLogger
from typing import NamedTuple, Protocol, TextIO

from autocloudops.alarms.model import AlarmState
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.clock import Clock
from autocloudops.decisions.claims import ActionEntry, ActionLog, Claim, ClaimState, Control, Helped, Step
from autocloudops.decisions.model import Decision, GateOutcome
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.use import ModelUse

log = getLogger(__name__)

COUNT, SECONDS, NONE = "Count", "Seconds", "None"
ENDS = frozenset({Outcome.DECIDED, Outcome.JOINED, Outcome.OK})
HEARD_OF_WITHIN = timedelta(minutes=10)
UNITS: Mapping[str, str] = {
    "MessagesReceived": COUNT,
    "AlarmsEnded": COUNT,
    "CanaryEnded": COUNT,
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
    "Throttles": COUNT,
    "InFlight": COUNT,
    "Slots": COUNT,
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
    "BudgetRemaining": COUNT,
    "HumanOverturned": COUNT,
    "FlushLatency": SECONDS,
    "RecordsUnflushed": COUNT,
    "UnflushedAge": SECONDS,
    "DigestsSigned": COUNT,
    "DigestAge": SECONDS,
    "VerifyFailures": COUNT,
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
        """Print readings; what cannot be printed any more is logged, and stops nothing."""
        groups: dict[tuple[tuple[str, str], ...], list[Reading]] = {}
        for reading in readings:
            groups.setdefault(tuple(sorted(reading.by.items())), []).append(reading)
        lines = [f"{json.dumps(self._line(dict(by), group))}\n" for by, group in groups.items()]
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except (OSError, ValueError) as error:
            log.warning("metrics are lost: %s", error)

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


class Standing(NamedTuple):
    """How things stand that no single event tells.

    Attributes:
        unfinished: the claims that are not over.
        control: the control item.
        claimed: how many claims were made in this hour of the clock.
        most: how many may be.
    """

    unfinished: Sequence[Claim]
    control: Control | None
    claimed: int
    most: int


class Measuring:
    """Turns what is kept into readings.

    Args:
        metrics: where they go.
        clock: time.
        canary: the name of the alarm that is set off to see whether alarms reach their end; may be empty.
    """

    def __init__(self, metrics: Metrics, clock: Clock, canary: str = "") -> None:
        self._metrics = metrics
        self._clock = clock
        self._canary = canary

    def kept(self, record: AuditRecord, flush_seconds: float) -> None:
        """Take a record that has become durable, `flush_seconds` after it was handed over."""
        readings = [Reading("FlushLatency", flush_seconds), *readings_of(record, self._clock.now())]
        if record.alarm and record.alarm.key.name == self._canary and _fired_and_ended(record):
            readings.append(Reading("CanaryEnded", 1))
        self._metrics.publish(readings)

    def stepped(self, entry: ActionEntry) -> None:
        """Take a step of an action that has become durable."""
        self._metrics.publish(list(_step_readings(entry)))

    def asked(self, in_flight: int, slots: int) -> None:
        """Take that a request went to a model's endpoint: how many are there now, and how many may be."""
        self._metrics.publish([Reading("InFlight", in_flight), Reading("Slots", slots)])

    def throttled(self) -> None:
        """Take that an endpoint asked for fewer requests."""
        self._metrics.publish([Reading("Throttles", 1)])

    def signed(self, digests: int, age_seconds: float) -> None:
        """Take how many digests of the audit were signed, and how long ago the last hour ended that has one."""
        self._metrics.publish([Reading("DigestsSigned", digests), Reading("DigestAge", age_seconds)])

    def verified(self, findings: int) -> None:
        """Take how much is wrong with the audit."""
        self._metrics.publish([Reading("VerifyFailures", findings)])

    def unflushed(self, records: int, oldest_seconds: float) -> None:
        """Take how many records wait to become durable, and how long the oldest has waited."""
        self._metrics.publish([Reading("RecordsUnflushed", records), Reading("UnflushedAge", oldest_seconds)])

    def overturned(self, decisions: int) -> None:
        """Take about how many decisions people said today (UTC) that they were wrong."""
        self._metrics.publish([Reading("HumanOverturned", decisions)])

    def stands(self, standing: Standing) -> None:
        """Take how things stand with actions."""
        self._metrics.publish(list(_standing_readings(standing, self._clock.now())))


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
    decision = record.decision if record.outcome is Outcome.DECIDED else None
    return [
        *_delivery_readings(record),
        *(_model_readings(record.model) if record.model else ()),
        *(_decision_readings(decision, record, now) if decision else ()),
    ]


def _fired_and_ended(record: AuditRecord) -> bool:
    fired = record.alarm is not None and record.alarm.state is AlarmState.ALARM
    return fired and record.outcome in {Outcome.DECIDED, Outcome.JOINED}


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
    if record.alarm:
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


def _standing_readings(standing: Standing, now: datetime) -> Iterator[Reading]:
    waiting = [claim for claim in standing.unfinished if claim.state is ClaimState.WAITING]
    yield Reading("ApprovalsPending", len(waiting))
    if waiting:
        yield Reading("ApprovalAge", max((now - claim.claimed_at).total_seconds() for claim in waiting))
    yield Reading("OutcomePending", sum(_lacks_outcome(claim, now) for claim in standing.unfinished))
    yield Reading("KillSwitch", int(standing.control is None or standing.control.mode is Mode.OFF))
    yield Reading("BudgetRemaining", max(0, standing.most - standing.claimed))


def _lacks_outcome(claim: Claim, now: datetime) -> bool:
    """Whether it ought to be known by now what came of a call; a runbook that is seen to run may take its time."""
    unheard = claim.state is ClaimState.INTENT and now - claim.claimed_at > HEARD_OF_WITHIN
    return unheard or claim.ending is not None
