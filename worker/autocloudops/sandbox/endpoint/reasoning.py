"""What a careful reader makes of the evidence beside an alarm, before an action is chosen that its metric suggests.

Each rule reads one kind of evidence, in the words of the source that wrote it, and speaks for the action or against
it. One word against it is enough: then a person should look. The rules were written by hand, and see nothing but what
stands in the prompt.

Plan        the action that the metric suggests, and what else is known that a rule compares with
Remark      what one rule makes of one piece of evidence
remarks     everything that is said for and against a plan
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autocloudops.sandbox.endpoint.reading import Exhibit

BEFORE_MINUTES = 30.0
"""A change so long before an alarm is taken for its cause."""
CLOCK_MINUTES = 5.0
SOON_SHARE, SOON_LEAST = 80, 5
MANY_RESOURCES = 8
MORE, MUCH_MORE = 1.3, 1.5
USUAL = (0.8, 1.25)
LEAST_LIMIT_PERCENT, MOST_LIMIT_PERCENT = 50, 100
SCALE, RESTART, CLEAN, ROLL = "scale", "restart", "clean", "roll_back"

_VERBS: Mapping[str, str] = {
    SCALE: r"scal\w*|add tasks|capacity",
    RESTART: r"restart\w*|reboot\w*",
    CLEAN: r"delet|clean",
    ROLL: r"roll(?:ed|s|ing)? (?:\w+ ){0,3}back|rollback|previous (?:version|release|task definition)",
}
_DEMAND = re.compile(
    r"request|network(?:rx|in)|invocations|readiops|newflow|messagessent|connectionattempt", re.IGNORECASE
)
_LOAD = re.compile(r"cpuutilization|iops|request|queuedepth", re.IGNORECASE)
_COMPANION = re.compile(r"^([\w.%]+) \w+: [^|]+\| [^|]+\| (?:([\d.]+) x|no ratio) \| (\w+)$", re.MULTILINE)
_CHANGE = re.compile(r"^\d\d:\d\d:\d\dZ, (\d+) (s|min|h) before the alarm[^:]*: ([\w:-]+)", re.MULTILINE)
_ROUTINE = re.compile(r"task-st|autoscaling:(?:launch|terminate)$|service-action|SetDesiredCapacity|RegisterTargets")
_RELEASE = re.compile(r"deployment|UpdateService$")
_NO_RELEASE = re.compile(r"^no change seen in [^:]*: the owner\b", re.MULTILINE)
_STEP = re.compile(r"^step: left its level at [^,]+, (\d+) (s|min|h) ago", re.MULTILINE)
_UNIT_MINUTES = {"s": 1 / 60, "min": 1.0, "h": 60.0}
_TIMES_USUAL = re.compile(r"now is among them, ([\d.]+) x p50")
_SOON = re.compile(r"^OK again within 5 min: \d+ of (\d+) \((\d+)%\)", re.MULTILINE)
_PROPOSED = re.compile(r'proposed action "([^"]*)"')
_RESOURCES = re.compile(r"^distinct resources that alarmed [^:]*: (\d+)", re.MULTILINE)
_TIED = re.compile(r"^of what its alarms name: .* still in ALARM", re.MULTILINE)
_TASKS = re.compile(r"^tasks: (\d+) running, \d+ pending, (\d+) desired", re.MULTILINE)
_THRESHOLD = re.compile(r"the alarm's threshold \S+(?: [kMGTP])? is (\d+)% of it")
_STATUS = re.compile(r"^class: [^,]+, status (?!available)(\S+)", re.MULTILINE)
_FORBIDS = r"\b(?:do not|don't|never)\b[^.]*\b(?:{verb})"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the metric suggests.

    Args:
        action: the name of the offered action.
        step_minutes: how long ago the metric left its level, None where that is not known.
    """

    action: str
    step_minutes: float | None

    @property
    def verb(self) -> str:
        """What the action does: one of the keys of the rules, empty for anything else."""
        return next((verb for verb in _VERBS if verb in self.action), "")


@dataclass(frozen=True, slots=True)
class Remark:
    """What one rule makes of one piece of evidence: the cause that it points to, empty where it is for the plan."""

    exhibit: str
    against: str = ""


Rule = Callable[[str, Plan], str | None]
"""From the text of a piece of evidence: the cause that speaks against the plan, `""` for it, None for neither."""


def remarks(action: str, exhibits: Sequence[Exhibit]) -> tuple[Remark, ...]:
    """Return what the evidence says for and against `action`, what is against it first.

    Args:
        action: what the metric of the alarm suggests.
        exhibits: the evidence that could be read.
    """
    plan = Plan(action, _step_minutes(exhibits))
    found = sorted(_said(plan, exhibits), key=lambda remark: not remark.against)
    return tuple({(each.exhibit, bool(each.against)): each for each in reversed(found)}.values())[::-1]


def compared(exhibits: Sequence[Exhibit]) -> bool:
    """Tell whether metrics beside the alarm's were shown with their usual level, so that silence says something."""
    return any(each.kind == "companions" and _COMPANION.search(each.text) for each in exhibits)


def _said(plan: Plan, exhibits: Sequence[Exhibit]) -> Iterator[Remark]:
    for exhibit in exhibits:
        for rule in RULES.get(exhibit.kind, ()):
            said = rule(exhibit.text, plan)
            if said is not None:
                yield Remark(exhibit.id, said)


def _step_minutes(exhibits: Sequence[Exhibit]) -> float | None:
    steps = (_STEP.search(each.text) for each in exhibits if each.kind == "metric")
    return next((int(found[1]) * _UNIT_MINUTES[found[2]] for found in steps if found), None)


def _recovered(text: str, _: Plan) -> str | None:
    return "The alarm is over: it is no longer in ALARM" if "no longer in ALARM" in text else None


def _back(text: str, _: Plan) -> str | None:
    now = next((line for line in text.splitlines() if line.startswith("now: ")), "")
    if ": within it by" in now or "at this slope: back within it in" in text:
        return "The metric is back within its limit, or on its way there"
    return None


def _usual(text: str, _: Plan) -> str | None:
    found = _TIMES_USUAL.search(text)
    if found and USUAL[0] < float(found[1]) < USUAL[1]:
        return "The metric is where it is on every day at this hour: the threshold does not fit"
    return None


def _growth(text: str, plan: Plan) -> str | None:
    """Judge a disk: what fills steadily is cleaned, what was filled at once was written on purpose."""
    if plan.verb != CLEAN:
        return None
    if "no way back within the limit" in text and "\nstep: left" not in text:
        return ""
    return "The space was taken at once and does not shrink further" if "\nstep: left" in text else None


def _companions(text: str, plan: Plan) -> str | None:
    seen = [(name, float(times or 1), trend) for name, times, trend in _COMPANION.findall(text)]
    demand = [(times, trend) for name, times, trend in seen if _DEMAND.search(name)]
    load = [(times, trend) for name, times, trend in seen if _LOAD.search(name)]
    if plan.verb == SCALE and demand:
        grown = any(times >= MORE or trend == "up" for times, trend in demand)
        return "" if grown else "No more work arrives than usual, so that more capacity would not help"
    if plan.verb == RESTART and load:
        busy = any(times >= MUCH_MORE or trend == "up" for times, trend in load)
        return "The load grew too, which is traffic and no leak" if busy else ""
    return None


def _changed(text: str, plan: Plan) -> str | None:
    for amount, unit, kind in _CHANGE.findall(text):
        minutes = int(amount) * _UNIT_MINUTES[unit]
        earlier = plan.step_minutes is not None and plan.step_minutes > minutes + CLOCK_MINUTES
        if minutes <= BEFORE_MINUTES and not earlier and not _ROUTINE.search(kind):
            release = plan.verb == ROLL and _RELEASE.search(kind)
            return "" if release else f"A change came shortly before the breach ({kind}, {amount} {unit})"
        if earlier and plan.verb == ROLL and _RELEASE.search(kind):
            return f"It failed before anything was deployed ({kind}, {amount} {unit})"
    return "Nothing was deployed that could be rolled back" if plan.verb == ROLL and _NO_RELEASE.search(text) else None


def _clears(text: str, _: Plan) -> str | None:
    found = _SOON.search(text)
    if found and int(found[1]) >= SOON_LEAST and int(found[2]) >= SOON_SHARE:
        return f"This alarm clears by itself within five minutes in {found[2]} percent of its fires"
    return None


def _together(text: str, _: Plan) -> str | None:
    found = _RESOURCES.search(text)
    if found and int(found[1]) >= MANY_RESOURCES:
        return f"{found[1]} resources alarm together: the cause is common to them"
    return "Something that it depends on is in ALARM too" if _TIED.search(text) else None


def _earlier(text: str, plan: Plan) -> str | None:
    if "on the same owner" not in text:
        return None
    proposed = _PROPOSED.search(text)
    same = proposed is not None and proposed[1] == plan.action
    said = next((line for line in text.splitlines() if line.startswith("people said: ")), "")
    if "the alarm was noise" in said or (same and "WRONG" in said):
        return "People judged the same proposal wrong before"
    return "" if same and "the action was right" in said else None


def _runbook(text: str, plan: Plan) -> str | None:
    body = " ".join(line.removeprefix("> ") for line in text.splitlines() if line.startswith("> "))
    verb = _VERBS.get(plan.verb)
    if verb is None or "written for this:" not in text:
        return None
    if re.search(_FORBIDS.format(verb=verb), body, re.IGNORECASE):
        return "The runbook for this alarm advises against it"
    return "" if re.search(rf"\b(?:{verb})", body, re.IGNORECASE) else None


def _configured(text: str, plan: Plan) -> str | None:
    tasks, threshold, status = _TASKS.search(text), _THRESHOLD.search(text), _STATUS.search(text)
    if plan.verb == SCALE and "cannot grow" in text:
        return "It is at its maximum already"
    if plan.verb == SCALE and tasks and int(tasks[1]) < int(tasks[2]):
        return "Tasks that are wanted already do not start"
    if threshold and not LEAST_LIMIT_PERCENT <= int(threshold[1]) <= MOST_LIMIT_PERCENT:
        return f"The threshold is {threshold[1]} percent of the real limit, which says nothing about trouble"
    return f"The database is {status[1]}" if status else None


RULES: Mapping[str, tuple[Rule, ...]] = {
    "alarm-now": (_recovered,),
    "metric": (_back, _usual, _growth),
    "companions": (_companions,),
    "change": (_changed,),
    "thirty-days": (_clears,),
    "related": (_together,),
    "past": (_earlier,),
    "runbook": (_runbook,),
    "configuration": (_configured,),
}
"""The rules for each kind of evidence, as its source names it."""
