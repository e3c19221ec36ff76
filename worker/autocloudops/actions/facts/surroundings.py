"""What is around a target: change calendars and guard alarms.

Both are named by the policy. A plain name is looked for beside the target, in its account and region; an ARN is looked
for where it says.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from autocloudops.actions.facts.reading import Place, Reads, together
from autocloudops.errors import SettingsInvalid, TargetMissing

CALENDAR = "ssm:GetCalendarState"
ALARMS = "cloudwatch:DescribeAlarms"
ALARM_TYPES = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
ARN_PARTS = 6
MOST_ALARMS = 100
"""In one answer, and in one question: a policy names no more (CloudWatch API Reference, DescribeAlarms)."""


async def open_calendars(reads: Reads, names: Sequence[str], beside: Place) -> Mapping[str, bool]:
    """Return of each calendar whether it is open now.

    Args:
        reads: makes the calls.
        names: names or ARNs of change calendars.
        beside: where the target is.

    Raises:
        ServiceFailed: one of them could not be read.
        SettingsInvalid: a name begins as an ARN and is none.
    """
    places = [_located(name, beside)[0] for name in names]
    answers = await together(
        reads.ask(CALENDAR, place, f"calendar {name}", CalendarNames=[name])
        for name, place in zip(names, places, strict=True)
    )
    return {name: answer["State"] == "OPEN" for name, answer in zip(names, answers, strict=True)}


async def firing_guards(reads: Reads, names: Sequence[str], beside: Place) -> tuple[str, ...]:
    """Return those of some alarms that are in ALARM, by the names that the policy has for them.

    Args:
        reads: makes the calls.
        names: names or ARNs of alarms of any type.
        beside: where the target is.

    Raises:
        TargetMissing: there is no alarm of one of the names.
        ServiceFailed: they could not be read.
        SettingsInvalid: a name begins as an ARN and is none.
    """
    found = await together(_states(reads, place, wanted) for place, wanted in _grouped(names, beside).items())
    states = {key: state for each in found for key, state in each.items()}
    missing = [name for name in names if _located(name, beside) not in states]
    if missing:
        raise TargetMissing(ALARMS, f"guard {', '.join(missing)}", "there is no alarm of this name")
    return tuple(name for name in names if states[_located(name, beside)] == "ALARM")


async def _states(reads: Reads, place: Place, names: Sequence[str]) -> Mapping[tuple[Place, str], str]:
    answer = await reads.ask(
        ALARMS,
        place,
        f"guards in {place.account}/{place.region}",
        AlarmNames=list(names),
        AlarmTypes=ALARM_TYPES,
        MaxRecords=MOST_ALARMS,
    )
    found = (each for kind in ALARM_TYPES for each in answer.get(f"{kind}s", ()))
    return {(place, each["AlarmName"]): each["StateValue"] for each in found}


def _grouped(names: Iterable[str], beside: Place) -> Mapping[Place, Sequence[str]]:
    grouped: dict[Place, list[str]] = defaultdict(list)
    for name in names:
        place, resource = _located(name, beside)
        grouped[place].append(resource)
    return grouped


def _located(name: str, beside: Place) -> tuple[Place, str]:
    """Return where a name is looked for and under which; an ARN ends in region, account and resource.

    Raises:
        SettingsInvalid: it begins as an ARN and is none.
    """
    if not name.startswith("arn:"):
        return beside, name
    parts = name.split(":", ARN_PARTS - 1)
    if len(parts) < ARN_PARTS or not all(parts):
        raise SettingsInvalid(f"{name} is no ARN of a calendar or an alarm", "correct it in the policy")
    _, _, _, region, account, resource = parts
    return Place(account, region), resource.removeprefix("alarm:")
