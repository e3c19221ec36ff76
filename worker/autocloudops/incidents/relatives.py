"""Composite alarms and the alarms that they are made of."""

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState
from autocloudops.alarms.rule import firing_in

MOST_CHILDREN = 20


def child_keys(alarm: Alarm) -> tuple[AlarmKey, ...]:
    """Return the keys of the alarms that a firing composite alarm names, 20 at most; none for any other alarm.

    Those that turned it come first, then the others in its rule: CloudWatch tells only of the former. A rule that names
    more than 20 is a roll-up over much that has nothing to do with each other, and only what turned it counts.
    """
    if alarm.kind is not AlarmKind.COMPOSITE or alarm.state is not AlarmState.ALARM:
        return ()
    names = firing_in(alarm.rule or "")
    named = (_key_of(name) or _beside(alarm.key, name) for name in (names if len(names) <= MOST_CHILDREN else ()))
    keys = dict.fromkeys((*map(_key_of, alarm.children), *named))
    return tuple(key for key in keys if key and key != alarm.key)[:MOST_CHILDREN]


def _beside(composite: AlarmKey, name: str) -> AlarmKey | None:
    """Return the key of a bare name, which is one in the composite alarm's own account and region."""
    if name.startswith("arn:"):
        return None
    return AlarmKey(account=composite.account, region=composite.region, name=name)


def _key_of(arn: str) -> AlarmKey | None:
    """Return the key of `arn:<partition>:cloudwatch:<region>:<account>:alarm:<name>`; a name may hold colons."""
    parts = arn.split(":", 6)
    if len(parts) < 7 or parts[2] != "cloudwatch" or parts[5] != "alarm":  # noqa: PLR2004 - the seven parts above
        return None
    return AlarmKey(account=parts[4], region=parts[3], name=parts[6])
