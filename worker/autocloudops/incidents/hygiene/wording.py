"""Rules on what the alarm's text says, and its metric's nature demands, against what its condition does."""

from autocloudops.alarms.model import Alarm
from autocloudops.incidents.hygiene.domains import Worse
from autocloudops.incidents.hygiene.finding import Found
from autocloudops.incidents.hygiene.measured import Limit, Subject, limit_of, subject_of
from autocloudops.incidents.hygiene.text import Quantity, Side, quantities, scale_of, sides


def unit_contradicts_text(alarm: Alarm) -> Found | None:
    """Find a threshold that has the text's number but not its unit, as in 30 milliseconds where the text says 30 s."""
    limit, subject = limit_of(alarm), subject_of(alarm)
    domain = subject.domain if subject else None
    scale = scale_of(domain.unit) if domain else None
    if not limit or not subject or not domain or not scale or not limit.threshold or not _keeps_unit(subject):
        return None
    said = tuple(each for each in quantities(alarm, domain.unit) if not _is_window(alarm, subject, each))
    if any(each.is_about(limit.threshold * scale) for each in said):
        return None
    wrong = next((each for each in said if each.number == limit.threshold), None)
    if not wrong:
        return None
    unit = domain.unit.value.lower()
    evidence = {"metric": subject.name, "condition": str(limit), "unit": unit, "text": wrong.words}
    return (
        f"The text says {wrong.words}, but {subject.metric.name} is in {unit}: {limit.threshold:g} {unit} are compared.",
        evidence,
    )
