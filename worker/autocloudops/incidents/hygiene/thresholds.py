"""Rules on the threshold, its statistic and its window: what the alarm can and cannot do, whatever happens."""

import re

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.hygiene.comparison import Range
from autocloudops.incidents.hygiene.domains import Unit
from autocloudops.incidents.hygiene.finding import Found
from autocloudops.incidents.hygiene.measured import (
    NAME_CHARACTERS,
    Limit,
    expression_of,
    limit_of,
    observed,
    reach_of,
    subject_of,
)

_FILL = re.compile(r"\s*FILL\(\s*\w+\s*,\s*(-?\d{1,30}(?:\.\d{1,30})?)\s*\)\s*", re.ASCII)


def always_breaches(alarm: Alarm) -> Found | None:
    """Find a threshold that every possible value breaches, as in `StatusCheckFailed >= 0`."""
    limit, reach = limit_of(alarm), _trusted_reach(alarm)
    if not limit or not reach or not reach.always_breaches(limit.comparison, limit.threshold):
        return None
    statement = f"Every possible value breaches `{limit}`: it can only be {reach}."
    return statement, _compared(alarm, limit) | {"range": str(reach)}


def never_breaches(alarm: Alarm) -> Found | None:
    """Find a threshold that no possible value breaches, as in `CPUUtilization > 100`."""
    limit, reach = limit_of(alarm), _trusted_reach(alarm)
    if not limit or not reach or not reach.never_breaches(limit.comparison, limit.threshold):
        return None
    statement = f"No possible value breaches `{limit}`: it can only be {reach}."
    return statement, _compared(alarm, limit) | {"range": str(reach)}


def fill_breaches(alarm: Alarm) -> Found | None:
    """Find a filled-in value that itself breaches upwards; downwards it is how a heartbeat is watched."""
    limit, expression = limit_of(alarm), expression_of(alarm)
    filled = _FILL.fullmatch(expression) if limit and expression else None
    if not limit or not filled or not limit.comparison.upward or not limit.breached_by(float(filled[1])):
        return None
    statement = f"Missing data is filled with {filled[1]}, which breaches `{limit}`: silence alone raises the alarm."
    return statement, _compared(alarm, limit) | {"filled_with": filled[1]}


def implausible(alarm: Alarm) -> Found | None:
    """Find a threshold far off what the metric's unit makes sensible, as in `FreeStorageSpace < 10` bytes."""
    limit, subject = limit_of(alarm), subject_of(alarm)
    domain = subject.domain if subject else None
    if not limit or not subject or not domain or not limit.threshold or limit.threshold in domain.plausible:
        return None
    evidence = {"metric": subject.name, "condition": str(limit), "unit": domain.unit.value}
    unit = domain.unit.value.lower()
    return (
        f"{subject.metric.name} is in {unit}: {limit.threshold:g} {unit} was probably meant in another unit.",
        evidence,
    )


def statistic_unfit(alarm: Alarm) -> Found | None:
    """Find a sum or a count of readings of a level, as in the sum of CPUUtilization."""
    subject = subject_of(alarm)
    if not subject or not subject.domain or not subject.domain.gauge:
        return None
    statistic = (subject.statistic or "").lower()
    if statistic not in {"sum", "samplecount"}:
        return None
    what = "adds up readings" if statistic == "sum" else "counts readings"
    evidence = {"metric": subject.name, "unit": subject.domain.unit.value}
    return (
        f"{subject.statistic} {what} of {subject.metric.name}, which is a level: it depends on how often it is read.",
        evidence,
    )


def unit_filters_everything(alarm: Alarm) -> Found | None:
    """Find a unit that the metric is not published in, so that CloudWatch sees no datapoint."""
    subject = subject_of(alarm)
    if not subject or not subject.domain or not subject.unit or observed(alarm):
        return None
    published = subject.domain.unit
    if published is Unit.NONE or subject.unit.lower() in {published.value.lower(), "none"}:
        return None
    statement = f"{subject.metric.name} is published in {published.value}: a filter on another unit sees no data."
    return statement, {"metric": subject.name, "unit": subject.unit[:NAME_CHARACTERS], "published": published.value}


def datapoints_exceed_window(alarm: Alarm) -> Found | None:
    """Find a demand for more breaching datapoints than the window holds."""
    needed, window = alarm.condition.datapoints_to_alarm, alarm.condition.evaluation_periods
    if needed is None or window is None or needed <= window:
        return None
    evidence = {"datapoints_to_alarm": str(needed), "evaluation_periods": str(window)}
    return f"{needed} breaching datapoints are needed in a window of {window}: the alarm can never fire.", evidence


def _trusted_reach(alarm: Alarm) -> Range | None:
    """Return what the alarm's value can be, None where its own datapoints show that it can be something else."""
    reach = reach_of(alarm)
    return reach if all(value in reach for value in observed(alarm)) else None


def _compared(alarm: Alarm, limit: Limit) -> dict[str, str]:
    subject = subject_of(alarm)
    what = {"metric": subject.name} if subject else {"expression": (expression_of(alarm) or "")[:NAME_CHARACTERS]}
    return what | {"condition": str(limit)}
