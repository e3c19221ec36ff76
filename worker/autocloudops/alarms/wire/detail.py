"""The alarm as EventBridge's `detail` and the Lambda action's `alarmData` write it: one format, two envelopes."""

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.assemble import ACTION_KEYS, IN_ALARM, Change, alarm_of, suppression
from autocloudops.alarms.wire.identity import Origin, alarm_key, located, required_name
from autocloudops.alarms.wire.shape import Node, Wire
from autocloudops.alarms.wire.watched import watched, with_contributor, with_reason


def alarm_from_detail(detail: Node, origin: Origin, wire: Wire) -> Alarm:
    """Return the state change in `detail`, of an alarm or of one contributor of it.

    The time is the state's own; the envelope's is when the event was sent.

    Raises:
        Refused: where name, state, account, region or time is missing or unreadable.
    """
    state, contributor = read.child(detail, "state"), read.child(detail, "alarmcontributor")
    config, previous = read.child(detail, "configuration"), read.child(detail, "previousstate")
    name, value = required_name(detail, "alarmname"), read.required_state(state.get("value"))
    place = located(origin, wire.place)
    key = alarm_key(name, read.text(contributor, "id"), place)
    at = read.required_instant(state.get("timestamp"))
    labels, tags = read.mapping(contributor.get("attributes")), read.mapping(config.get("tags"))
    reason, data = read.text(state, "reason") or "", read.embedded(state, "reasondata")
    seen = with_reason(with_contributor(watched(config), labels), reason, data)
    enabled = read.boolean(config.get("actionsenabled"))
    change = Change(
        key=key,
        state=value,
        at=at,
        seen=seen,
        previous_state=read.state(previous.get("value")),
        reason=reason,
        reason_data=read.json_text(state, "reasondata"),
        description=read.text(config, "description"),
        arn=origin.arn,
        triggering=read.items(data, "triggeringalarms"),
        labels=labels,
        evaluation_state=read.text(state, "evaluationstate"),
        actions=read.texts(config, *ACTION_KEYS),
        alarm_actions=read.texts(config, IN_ALARM),
        actions_enabled=enabled,
        suppression=suppression(state, read.child(detail, "mutedetail"), enabled),
        tags=tags,
    )
    return alarm_of(change, wire)
