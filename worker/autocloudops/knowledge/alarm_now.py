"""The alarm as CloudWatch has it at this moment."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, Metric, MissingData, Parsed, Suppression
from autocloudops.alarms.parse import parse
from autocloudops.alarms.robots import robot_of
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Piece, Subject, not_read
from autocloudops.errors import ServiceFailed, TargetMissing
from autocloudops.knowledge import mute_rules
from autocloudops.knowledge.batching import Batcher
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.mute_rules import MuteRules
from autocloudops.knowledge.wording import bounded, duration, moment, number, quoted

ACTION = "cloudwatch:DescribeAlarms"
ALARM_TYPES = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
MOST_NAMES = 100
THIS_ALARM = "the alarm"
"""What errors call it: its name is text from outside."""
WORTH = 85
MUTED = "MuteRule"
"""What messages of EventBridge are read as where a mute rule is on."""
SHOWN_ACTIONS = 6
SERVICE_CHARACTERS = 16
RULE_CHARACTERS = 240
_ARN_PARTS = 6
_OPERATORS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
    "GreaterThanUpperThreshold": "above the band of",
    "LessThanLowerThreshold": "below the band of",
    "LessThanLowerOrGreaterThanUpperThreshold": "outside the band of",
}
_MISSING_DATA = {
    MissingData.MISSING: "keeps its state or makes it INSUFFICIENT_DATA",
    MissingData.IGNORE: "keeps its state",
    MissingData.BREACHING: "counts as breaching",
    MissingData.NOT_BREACHING: "counts as good",
}


@dataclass(frozen=True, slots=True)
class _Described:
    """One alarm as it was described: what the parser makes of it, and what it has no field for."""

    alarm: Alarm
    since: datetime
    changed: datetime | None
    suppressor: str


class AlarmNow:
    """Reads how the alarm stands now. Alarms that are asked about within a moment share one call.

    Mute rules are read beside it. That they could not be read is said, but leaves the rest as it is: what a rule mutes
    sends nobody a message, except EventBridge, whose message says so itself.

    Args:
        calls: makes the calls.
        clock: time.
    """

    kind = "alarm-now"
    essential = True
    permissions = frozenset({ACTION, mute_rules.ACTION})

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._mute_rules = MuteRules(calls, clock)
        self._clock = clock
        self._batchers: dict[tuple[str, str], Batcher[str, _Described | None]] = {}

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return the state, condition and actions of the alarm that the question is about, with its standing.

        Raises:
            TargetMissing: its account and region have no alarm of this name.
            ServiceFailed: it could not be read.
        """
        if subject.alarm.kind is AlarmKind.EXTERNAL:
            return (_not_ours(),)
        key = subject.alarm.key
        found, muted = await asyncio.gather(self._batcher(key).get(key.name), self._muted(key))
        if found is None or found.alarm.key.account != key.account:
            raise TargetMissing(ACTION, THIS_ALARM, "there is none of its name in its account and region")
        return (_piece(found, muted, subject, self._clock.now()),)

    async def _muted(self, key: AlarmKey) -> Sequence[str] | ServiceFailed:
        """Return the names of the mute rules that are active for an alarm, or why they could not be read."""
        try:
            return await self._mute_rules.active(key)
        except ServiceFailed as error:
            return error

    def _batcher(self, key: AlarmKey) -> Batcher[str, _Described | None]:
        place = (key.account, key.region)
        if place not in self._batchers:
            self._batchers[place] = Batcher(partial(self._describe, *place), self._clock, MOST_NAMES)
        return self._batchers[place]

    async def _describe(self, account: str, region: str, names: Sequence[str]) -> Sequence[_Described | None]:
        page = await self._calls.make(ACTION, account, region, partial(_described, sorted(set(names))), THIS_ALARM)
        found = {each.alarm.key.name: each for each in _alarms(page)}
        return [found.get(name) for name in names]


async def _described(names: Sequence[str], client: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a client has no type here
    page: Mapping[str, Any] = await client.describe_alarms(
        AlarmNames=names, AlarmTypes=ALARM_TYPES, MaxRecords=MOST_NAMES
    )
    return page


def _alarms(page: Mapping[str, Any]) -> list[_Described]:
    items = [item for kind in ALARM_TYPES for item in page.get(f"{kind}s", ())]
    return [found for item in items for noun in parse(json.dumps(item, default=_text)) if (found := _of(item, noun))]


def _of(item: Mapping[str, Any], noun: Parsed) -> _Described | None:
    if not isinstance(noun, Alarm):
        return None
    since = item.get("StateTransitionedTimestamp") or noun.at
    changed = item.get("AlarmConfigurationUpdatedTimestamp")
    return _Described(noun, since, changed, str(item.get("ActionsSuppressor") or ""))


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _not_ours() -> Piece:
    text = "NOT READ: this alarm is none of CloudWatch's, and its sender has no state that could be asked for"
    return Piece(kind=AlarmNow.kind, source="AutoCloudOps", text=text, worth=0, missing=True)


def _piece(found: _Described, muted: Sequence[str] | ServiceFailed, subject: Subject, now: datetime) -> Piece:
    alarm = found.alarm
    standing = AlarmStanding(
        state=alarm.state,
        since=found.since,
        read_at=now,
        suppression=_suppression(alarm, muted),
        robot=robot_of(alarm),
    )
    vetoes = tuple(_contradictions(subject.alarm, alarm))
    lines = (*vetoes, *_actions(found), _mute_line(muted), *_rest(found, subject.at))
    return Piece(
        kind=AlarmNow.kind,
        source="cloudwatch DescribeAlarms",
        text=bounded(_state(standing, subject.alarm), _condition(alarm), *lines),
        worth=WORTH,
        standing=standing,
        vetoes=vetoes,
    )


def _contradictions(asked: Alarm, now: Alarm) -> Iterator[str]:
    """Yield what the message says of its alarm that CloudWatch does not: then it is forged, or the alarm is another."""
    if asked.metric and _watched(asked.metric) != _watched(now.metric):
        yield "the message names another metric, or other dimensions, than CloudWatch has of this alarm"
    said, known = asked.condition.operator, now.condition.operator
    if said and known and said != known:
        yield "the message says another comparison than CloudWatch has of this alarm"


def _watched(metric: Metric | None) -> tuple[str, str, Mapping[str, str]] | None:
    return (metric.namespace, metric.name, metric.dimensions) if metric else None


def _suppression(alarm: Alarm, muted: Sequence[str] | ServiceFailed) -> Suppression | None:
    """Return why CloudWatch runs no actions: a mute rule goes before what the alarm itself says."""
    if isinstance(muted, ServiceFailed) or not muted:
        return alarm.suppression
    return Suppression(by=MUTED, reason=f"muted by {muted[0]}")


def _mute_line(muted: Sequence[str] | ServiceFailed) -> str:
    if isinstance(muted, ServiceFailed):
        return f"mute rules: NOT READ: {not_read(muted)}"
    return f"muted now by: {', '.join(map(quoted, muted))}" if muted else "mute rules: none is active"


def _state(standing: AlarmStanding, asked: Alarm) -> str:
    seconds = max(0.0, (standing.read_at - standing.since).total_seconds())
    since = f"{standing.state} since {moment(standing.since)}, {duration(seconds)}"
    whole = ", as a whole: its contributors change on their own" if asked.key.contributor else ""
    if standing.firing:
        return f"state now: still {since}{whole}"
    return f"state now: no longer in ALARM, {since}{whole}"


def _condition(alarm: Alarm) -> str:
    condition = alarm.condition
    if alarm.rule:
        return f"rule: {quoted(alarm.rule, RULE_CHARACTERS)}"
    if condition.operator is None:
        return f"query: {quoted(alarm.query, RULE_CHARACTERS)}" if alarm.query else ""
    limit = number(condition.threshold) if condition.threshold is not None else "its metric"
    periods = condition.evaluation_periods or 1
    length = f" of {condition.period_seconds} s" if condition.period_seconds else ""
    needed = f"{condition.datapoints_to_alarm or periods} of {periods} periods{length}"
    statistic = f"{quoted(alarm.statistic)} " if alarm.statistic else ""
    return f"fires at: {statistic}{_OPERATORS.get(condition.operator, 'beyond')} {limit} in {needed}"


def _actions(found: _Described) -> Iterable[str]:
    alarm = found.alarm
    missing = alarm.condition.missing_data
    yield f"missing data: {_MISSING_DATA[missing]}" if missing else ""
    switched = " (switched off on the alarm: none of them runs)" if alarm.actions_enabled is False else ""
    yield f"actions: {_named(alarm.actions)}{switched}"
    if alarm.suppression and alarm.actions_enabled is not False:
        yield f"actions suppressed by: {quoted(alarm.suppression.by)}, {quoted(alarm.suppression.reason)}"
    if found.suppressor:
        yield f"suppressor alarm: {quoted(_last(found.suppressor))}"


def _rest(found: _Described, at: datetime) -> Iterable[str]:
    if found.alarm.evaluation_state:
        yield f"evaluation: {quoted(found.alarm.evaluation_state)}"
    if found.changed:
        ago = duration(max(0.0, (at - found.changed).total_seconds()))
        yield f"configuration: last changed {moment(found.changed)}, {ago} ago"


def _named(actions: Sequence[str]) -> str:
    """Return who is called: how often each service, and the names of the first few."""
    if not actions:
        return "none"
    services = Counter(_service(arn) for arn in actions)
    counted = ", ".join(f"{count} {service}" for service, count in services.items())
    names = ", ".join(quoted(_last(arn), 40) for arn in actions[:SHOWN_ACTIONS])
    return f"{counted}: {names}"


def _service(arn: str) -> str:
    parts = arn.split(":", _ARN_PARTS - 1)
    name = parts[2] if len(parts) == _ARN_PARTS else ""
    return name if name.isascii() and name.isalnum() and len(name) <= SERVICE_CHARACTERS else "other"


def _last(arn: str) -> str:
    return arn.split(":", _ARN_PARTS - 1)[-1]
