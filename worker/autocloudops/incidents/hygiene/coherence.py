"""Rules on whether the parts of the alarm fit each other: state, reason, datapoints, children, metrics."""

import re

from autocloudops.alarms.model import Alarm, AlarmKind, AlarmState, MissingData
from autocloudops.alarms.resources import resolve
from autocloudops.incidents.hygiene.finding import Found
from autocloudops.incidents.hygiene.measured import NAME_CHARACTERS, Limit, limit_of, observed, told_threshold

_TRANSITION = re.compile(r"\bfor (?:OK|ALARM) -> (OK|ALARM) transition")
_CROSSED = re.compile(r"\b(?:was|were) (not )?(?:greater|less) than\b")
_TREATED = re.compile(r"\btreated as \[(Breaching|NonBreaching)\]")
_UNMEASURED = re.compile(r"\bno datapoints were received\b|\btreated as \[Breaching\]")
_GAPS = re.compile(r"\bmissing\b|\bno datapoints\b|\bunknown\b", re.IGNORECASE)
_CONSTANT_RULE = re.compile(r"(?:\s|[()]|TRUE\b|FALSE\b|AND\b|OR\b|NOT\b)+")
_REASON_CHARACTERS = 200
_OWNERS = 5
_MEASURED_KINDS = frozenset({AlarmKind.METRIC, AlarmKind.MATH, AlarmKind.ANOMALY})


def reason_contradicts_state(alarm: Alarm) -> Found | None:
    """Find a reason in CloudWatch's own words that explains another state."""
    told = _told_state(alarm.reason) if alarm.kind in _MEASURED_KINDS else None
    if told is None or told is alarm.state:
        return None
    evidence = {"state": alarm.state.value, "reason": alarm.reason[:_REASON_CHARACTERS]}
    return f"The state is {alarm.state.value}, but the reason explains {told.value}.", evidence


def datapoints_contradict_state(alarm: Alarm) -> Found | None:
    """Find an alarm whose own datapoints, none of them missing, do not breach its threshold."""
    limit, seen = limit_of(alarm), observed(alarm)
    if not limit or not seen or not _fired_on_values(alarm):
        return None
    told = told_threshold(alarm)
    tested = Limit(limit.comparison, limit.threshold if told is None else told)
    if any(tested.breached_by(value) for value in seen):
        return None
    evidence = {"condition": str(tested), "datapoints": ", ".join(f"{value:g}" for value in seen)[:NAME_CHARACTERS]}
    return f"The state is ALARM, but none of the datapoints breaches `{tested}`.", evidence


def composite_rule_constant(alarm: Alarm) -> Found | None:
    """Find a composite alarm whose rule asks no other alarm, so that it never changes by itself."""
    rule = alarm.rule or ""
    if alarm.kind is not AlarmKind.COMPOSITE or not rule.strip() or not _CONSTANT_RULE.fullmatch(rule):
        return None
    return "The composite rule asks no alarm, so that it says nothing about any resource.", {
        "rule": rule[:NAME_CHARACTERS]
    }


def composite_names_nothing(alarm: Alarm) -> Found | None:
    """Find a composite alarm that comes with neither rule nor children."""
    if alarm.kind is not AlarmKind.COMPOSITE or alarm.children or (alarm.rule or "").strip():
        return None
    return "The composite alarm names no child, so that it does not say what is wrong.", {"rule": "", "children": ""}


def math_mixes_owners(alarm: Alarm) -> Found | None:
    """Find an expression over metrics of resources that have no owner in common."""
    metrics = tuple(query.metric for query in alarm.queries if query.metric and any(query.metric.dimensions.values()))
    if alarm.kind is not AlarmKind.MATH:
        return None
    refs = (resolve(alarm.key, metric, (), alarm.tags, alarm.resource.account) for metric in metrics)
    owners = tuple(dict.fromkeys(ref.owner_key for ref in refs))
    if owners[1:]:
        evidence = {"owners": ", ".join(owners[:_OWNERS]), "count": str(len(owners))}
        return f"The expression joins metrics of {len(owners)} owners: it cannot say which of them is bad.", evidence
    return None


def fired_on_missing_data(alarm: Alarm) -> Found | None:
    """Find an alarm that fired because nothing was measured, as on a resource that is gone."""
    if alarm.state is not AlarmState.ALARM or observed(alarm) or not _UNMEASURED.search(alarm.reason):
        return None
    treatment = alarm.condition.missing_data
    if treatment not in {None, MissingData.BREACHING}:
        return None
    evidence = {
        "missing_data": treatment.value if treatment else "unknown",
        "reason": alarm.reason[:_REASON_CHARACTERS],
    }
    return (
        "It fired because no data arrived, not because a value breached: the resource may be gone or silent.",
        evidence,
    )


def _told_state(reason: str) -> AlarmState | None:
    if reason.startswith("Insufficient Data"):
        return AlarmState.INSUFFICIENT_DATA
    if not reason.startswith("Threshold"):
        return None
    transition = _TRANSITION.search(reason)
    if transition:
        return AlarmState(transition[1])
    crossed = _CROSSED.search(reason)
    if crossed:
        return AlarmState.OK if crossed[1] else AlarmState.ALARM
    treated = _TREATED.search(reason)
    if treated:
        return AlarmState.ALARM if treated[1] == "Breaching" else AlarmState.OK
    return None


def _fired_on_values(alarm: Alarm) -> bool:
    by_cloudwatch = alarm.reason.startswith("Threshold")
    return alarm.state is AlarmState.ALARM and by_cloudwatch and not _GAPS.search(alarm.reason)
