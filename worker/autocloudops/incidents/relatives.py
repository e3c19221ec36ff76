"""Composite alarms and the alarms that they are made of."""

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState

MOST_CHILDREN = 20


def child_keys(alarm: Alarm) -> tuple[AlarmKey, ...]:
    """Return the keys of the alarms that a firing composite alarm names, 20 at most; none for any other alarm."""
    if alarm.kind is not AlarmKind.COMPOSITE or alarm.state is not AlarmState.ALARM:
        return ()
    keys = (_key_of(arn) for arn in alarm.children[:MOST_CHILDREN])
    return tuple(key for key in keys if key and key != alarm.key)


def _key_of(arn: str) -> AlarmKey | None:
    """Return the key of `arn:<partition>:cloudwatch:<region>:<account>:alarm:<name>`; a name may hold colons."""
    parts = arn.split(":", 6)
    if len(parts) < 7 or parts[2] != "cloudwatch" or parts[5] != "alarm":  # noqa: PLR2004 - the seven parts above
        return None
    return AlarmKey(account=parts[4], region=parts[3], name=parts[6])
