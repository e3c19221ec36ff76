"""What verification makes of an action: from how its alarm stands, and from the guard alarms.

AlarmSeen  how the alarm stood when it was read
Patience   how long verification waits for what
judged     the finding, or after how long to look again
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from autocloudops.alarms.model import AlarmState
from autocloudops.decisions.claims import Claim, Finding, Helped
from autocloudops.decisions.facts import Unknown
from autocloudops.values import Value

SOONEST = timedelta(seconds=1)


class AlarmSeen(Value):
    """How an alarm stood: its state, since when, and how often CloudWatch evaluates it."""

    state: AlarmState
    since: datetime
    period: timedelta


class Patience(Value):
    """How long verification waits.

    An action helped when its alarm was OK for `periods` of its own periods after the action ended. It did not when the
    alarm does not get there `within` that time. An alarm that fires again within `recurs_within` of being verified
    recurred. A rollback may take `rollback_within`, a person's approval of it included. Looks are `first` after the
    action, then ever further apart, up to `longest`.
    """

    periods: int = Field(default=2, ge=1)
    within: timedelta = timedelta(minutes=15)
    recurs_within: timedelta = timedelta(minutes=30)
    rollback_within: timedelta = timedelta(minutes=35)
    first: timedelta = Field(default=timedelta(seconds=15), ge=SOONEST)
    longest: timedelta = Field(default=timedelta(minutes=5), ge=SOONEST)

    def next_look(self, since: datetime, now: datetime) -> timedelta:
        """Return after how long to look again at what began at `since`: each wait is twice the one before."""
        return min(self.longest, max(timedelta(), now - since) + self.first)


def ended_at(claim: Claim) -> datetime:
    """Return when the action of a claim ended."""
    return claim.ended_at or claim.claimed_at


def judged(
    claim: Claim, seen: AlarmSeen | Unknown, guards: Sequence[str] | Unknown, patience: Patience, now: datetime
) -> Finding | timedelta:
    """Return what is found about an action that ended, or after how long to look again.

    A guard alarm that fires ends it at once. An alarm that is OK is waited for until it has been so for long enough;
    one that keeps turning is given as long once more, after the deadline, and one that could not be read just then is
    looked at once more. The effect of the action is `rolling_back` only where it is known to have done no good: what
    nobody could read is for a person.

    Args:
        claim: that is `done`.
        seen: how its alarm stands, or why nobody knows.
        guards: the guard alarms that are in ALARM, or why nobody knows.
        patience: how long to wait for what.
        now: the time.
    """
    if not isinstance(guards, Unknown) and guards:
        return _harmful(f"guard alarm in ALARM: {', '.join(guards)}", now)
    deadline = ended_at(claim) + patience.within
    if isinstance(seen, AlarmSeen) and seen.state is AlarmState.OK:
        return _of_quiet(claim, seen, guards, patience, now)
    if isinstance(seen, Unknown):
        deadline += patience.longest
    if now < deadline:
        return max(SOONEST, min(patience.next_look(ended_at(claim), now), deadline - now))
    if isinstance(seen, Unknown):
        return _useless(f"the alarm could not be read: {seen.unknown}", now)
    if seen.state is AlarmState.ALARM:
        return _harmful(f"the alarm is in ALARM since {seen.since:%H:%M:%SZ}", now)
    return _useless(f"the alarm has no data since {seen.since:%H:%M:%SZ}", now)


def _of_quiet(
    claim: Claim, seen: AlarmSeen, guards: Sequence[str] | Unknown, patience: Patience, now: datetime
) -> Finding | timedelta:
    """Return what is found where the alarm is OK and no guard is known to fire."""
    span, since = seen.period * patience.periods, max(seen.since, ended_at(claim))
    deadline = ended_at(claim) + patience.within + span
    if now >= since + span and not isinstance(guards, Unknown):
        said = f"the alarm is OK since {seen.since:%H:%M:%SZ}"
        before = ", before the action ended" if seen.since < ended_at(claim) else ""
        return Finding(helped=Helped.VERIFIED, at=now, why=f"{said}{before}")
    if now >= deadline and isinstance(guards, Unknown):
        return _useless(f"the guard alarms could not be read: {guards.unknown}", now)
    if now >= deadline:
        return _harmful(f"the alarm keeps turning: OK only since {seen.since:%H:%M:%SZ}", now)
    until = min(max(since + span, now + patience.first), deadline)
    return max(SOONEST, min(patience.next_look(ended_at(claim), now), until - now))


def _harmful(why: str, now: datetime) -> Finding:
    return Finding(helped=Helped.NOT_VERIFIED, at=now, why=why, rolling_back=True)


def _useless(why: str, now: datetime) -> Finding:
    return Finding(helped=Helped.NOT_VERIFIED, at=now, why=why)
