"""Whether the trouble is still there: what recovered, was muted or fired long ago is nothing to act on."""

from datetime import timedelta

from autocloudops.alarms.standing import AlarmStanding
from autocloudops.decisions.model import Case, GateResult, Verdict
from autocloudops.incidents.circumstances import SWITCHED_OFF

NAME = "freshness"
OLDEST = timedelta(minutes=15)


def check(case: Case) -> GateResult:
    """Refuse where the alarm has recovered or is suppressed now; cap where its state is not known, or is old."""
    standing = case.facts.standing
    if standing is None:
        return _capped("unknown: nobody could tell whether the alarm is still in ALARM")
    if not standing.firing:
        since = f"{standing.since:%Y-%m-%d %H:%M:%SZ}"
        return GateResult.refused(NAME, f"recovered: the alarm is {standing.state} since {since}")
    if standing.suppression:
        return _suppressed(standing)
    age = case.facts.age
    if age is None or age > OLDEST:
        old = "at an unknown time" if age is None else f"{age.total_seconds() / 60:.0f} min ago"
        return _capped(f"stale: the alarm changed its state {old}")
    return GateResult.ok(NAME, f"in ALARM at {standing.read_at:%H:%M:%SZ}")


def _suppressed(standing: AlarmStanding) -> GateResult:
    by = standing.suppression.by if standing.suppression else ""
    if by == SWITCHED_OFF:
        return _capped("somebody has switched off the actions of the alarm")
    return GateResult.refused(NAME, f"suppressed: CloudWatch runs no actions for the alarm now, by {by}")


def _capped(reason: str) -> GateResult:
    return GateResult.capped(NAME, Verdict.NEEDS_APPROVAL, reason)
