"""From an alarm to its entry in the inventory: the hygiene rules have their say."""

from datetime import datetime

from autocloudops.alarms.inventory import Entry, Fault, configuration_change, entry_of
from autocloudops.alarms.model import Alarm, AwsEvent
from autocloudops.redaction import clean

STATEMENT_CHARACTERS = 300


def inspected(alarm: Alarm, seen_at: datetime) -> Entry:
    """Return the entry of an alarm as it was described, with what is wrong with it.

    Args:
        alarm: the alarm, of DescribeAlarms or of a configuration change.
        seen_at: when it was so.
    """
    from autocloudops.incidents.hygiene.rules import findings  # noqa: PLC0415 - a fortieth of a cold start

    faults = tuple(
        Fault(code=each.code, veto=each.veto, statement=clean(each.statement, STATEMENT_CHARACTERS))
        for each in findings(alarm)
    )
    return entry_of(alarm, faults, seen_at)


def entry_in(event: AwsEvent) -> Entry | None:
    """Return the entry that a configuration change amounts to, None where `event` is none.

    An alarm that was deleted has an entry that says so: an older change that is delivered later must not bring it back.
    """
    change = configuration_change(event)
    if change is None:
        return None
    return inspected(change.alarm, change.at).model_copy(update={"gone": change.gone})
