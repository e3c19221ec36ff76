"""Rules on what the alarm's text says, and its metric's nature demands, against what its condition does."""

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.hygiene.domains import Worse
from autocloudops.incidents.hygiene.finding import Found
from autocloudops.incidents.hygiene.measured import Limit, Subject, limit_of, subject_of
from autocloudops.incidents.hygiene.text import Quantity, Side, quantities, scale_of, sides


def unit_contradicts_text(alarm: Alarm) -> Found | None:
    """Find a threshold that has the text's number but not its unit, as in 30 milliseconds where the text says 30 s."""
    limit, subject = limit_of(alarm), subject_of(alarm)
    scale = _scale(subject)
    if not limit or not subject or not subject.domain or not scale or not limit.threshold:
        return None
    said = tuple(each for each in quantities(alarm, subject.domain.unit) if not _is_window(alarm, each))
    wrong = next((each for each in said if each.number == limit.threshold), None)
    if not wrong or any(each.is_about(limit.threshold * scale) for each in said):
        return None
    unit = subject.domain.unit.value.lower()
    statement = f"The text says {wrong.words}, but {subject.metric.name} is in {unit}, and so is the threshold."
    return statement, {"metric": subject.name, "condition": str(limit), "unit": unit, "text": wrong.words}


def comparison_inverted(alarm: Alarm) -> Found | None:
    """Find a comparison that both the text and the metric's nature contradict."""
    side, worse = _contradicting_side(alarm), _contradicting_nature(alarm)
    return _inversion(alarm, side, worse) if side and worse else None


def comparison_against_text(alarm: Alarm) -> Found | None:
    """Find a comparison that only the text contradicts."""
    side, worse = _contradicting_side(alarm), _contradicting_nature(alarm)
    return _inversion(alarm, side, None) if side and not worse else None


def comparison_against_nature(alarm: Alarm) -> Found | None:
    """Find a comparison that fires while the metric is good, as in `HealthyHostCount > 1`."""
    side, worse = _contradicting_side(alarm), _contradicting_nature(alarm)
    return _inversion(alarm, None, worse) if worse and not side else None


def _inversion(alarm: Alarm, side: Side | None, worse: Worse | None) -> Found:
    limit, subject = limit_of(alarm), subject_of(alarm)
    because = [f"the text says '{side.words}'"] if side else []
    because += [f"{subject.metric.name} is bad when it is {worse.value}"] if subject and worse else []
    evidence = {"condition": str(limit)} | ({"metric": subject.name} if subject else {})
    evidence |= ({"text": side.words} if side else {}) | ({"worse_when": worse.value} if worse else {})
    return f"The alarm fires on `{limit}`, but {' and '.join(because)}.", evidence


def _contradicting_side(alarm: Alarm) -> Side | None:
    """Return what the text says of the threshold, where all that it says of it is the other side."""
    limit, subject = limit_of(alarm), subject_of(alarm)
    if not limit:
        return None
    meant = {limit.threshold} | {each.number for each in _said_of(alarm, limit, subject)}
    said = tuple(side for side in sides(alarm) if side.number in meant)
    return said[0] if said and all(side.upward != limit.comparison.upward for side in said) else None


def _said_of(alarm: Alarm, limit: Limit, subject: Subject | None) -> tuple[Quantity, ...]:
    scale = _scale(subject)
    if not subject or not subject.domain or not scale:
        return ()
    size = limit.threshold * scale
    return tuple(each for each in quantities(alarm, subject.domain.unit) if each.is_about(size))


def _contradicting_nature(alarm: Alarm) -> Worse | None:
    limit, subject = limit_of(alarm), subject_of(alarm)
    worse = subject.domain.worse if subject and subject.domain and _keeps_unit(subject) else Worse.EITHER
    if not limit or worse is Worse.EITHER:
        return None
    return worse if limit.comparison.upward != (worse is Worse.HIGH) else None


def _scale(subject: Subject | None) -> float | None:
    return scale_of(subject.domain.unit) if subject and subject.domain and _keeps_unit(subject) else None


def _keeps_unit(subject: Subject) -> bool:
    return subject.is_level or (subject.statistic or "").lower() == "sum"


def _is_window(alarm: Alarm, quantity: Quantity) -> bool:
    """Tell whether a time may be the alarm's evaluation window rather than its threshold."""
    periods = {query.period_seconds for query in alarm.queries} | {alarm.condition.period_seconds}
    evaluated = alarm.condition.evaluation_periods or 1
    return any(period and quantity.size in {period, period * evaluated} for period in periods)
