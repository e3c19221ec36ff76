"""`audit coverage`: CloudWatch's alarm history against the audit."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from autocloudops import aws
from autocloudops.audit.coverage import Coverage, SeenChanges, Unseen, Why
from autocloudops.audit.keys import DECISIONS, day_of, place_of
from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.reader import records
from autocloudops.cli.audit_reading.days import DAY, Days
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.cli.records import opened
from autocloudops.clock import SystemClock
from autocloudops.errors import ServiceFailed, SettingsInvalid
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.inventory import HISTORY, AlarmReader, Span
from autocloudops.knowledge.quotas import BY_ACTION

COLUMNS = ("account", "region", "alarm", "changes", "seen", "unseen", "why", "first", "last", "means")
KEPT_FOR = timedelta(days=30)
"""CloudWatch keeps alarm history so long (API reference of DescribeAlarmHistory)."""
USUAL_DAYS = timedelta(days=1)
LATE_BY = timedelta(days=1)
CALL_SECONDS = 30.0
MEANS = {
    Why.BEFORE_AUDIT: "the audit began later",
    Why.ON_ITS_WAY: "it was a moment ago",
    Why.PLACE: "nothing of this account and region arrives: no rule or topic there reaches the queue",
    Why.SWITCHED_OFF: "its actions are off, and no EventBridge rule brings it",
    Why.ALARM: "other alarms of the region arrive, this one never: the rule or topic does not send it",
    Why.STATE: "other changes of it arrive, this state never: the rule or its actions leave it out",
    Why.PARKED: "a message that could not be read was put aside within ten minutes of it",
    Why.LOST: "the same change arrived at other times: look at the rule's failed invocations and the dead-letter queue",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is compared.

    Args:
        days: the days (UTC); from yesterday on where no first is named.
        regions: where the alarms are; empty for the region that the AWS CLI would use.
    """

    days: Days
    regions: Sequence[str]


@dataclass(slots=True)
class Compared:
    """What came of it; `missing` says which history could not be read whole."""

    span: Span
    found: list[Unseen] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def show_coverage(location: str | None, wanted: Wanted, output: Output) -> ExitCode:
    """Print which changes of state of the caller's alarms the audit never saw, and the likeliest reason.

    Args:
        location: `s3://BUCKET[/PREFIX]` or a folder; the setting where it is None.
        wanted: what is compared.
        output: how to print it.

    Returns:
        CHECK_FAILED where a change is missing that should be there, or the history could not be read whole.

    Raises:
        ServiceFailed: the audit cannot be read, or the alarms not be described.
        SettingsInvalid: there is no region, or there are no credentials.
    """
    done = asyncio.run(_compared(location, wanted))
    if done.found:
        print_rows(output, [_row(each) for each in done.found], COLUMNS)
    for line in done.missing:
        note(f"missing: {line}")
    note(_summary(done))
    wrong = done.missing or any(not each.why.expected for each in done.found)
    return ExitCode.CHECK_FAILED if wrong else ExitCode.OK


async def _compared(location: str | None, wanted: Wanted) -> Compared:
    clock = SystemClock()
    now, regions = clock.now(), _regions(wanted.regions)
    span = _span(wanted.days, now)
    done = Compared(span)
    async with AsyncExitStack() as stack:
        async with opened(location) as objects:
            seen = await _seen(objects, span, now)
            begins = await _begins(objects, span, seen)
        calls = Calls(stack, clock, BY_ACTION, CALL_SECONDS)
        for region in regions:
            await _compare(AlarmReader(calls, clock, region), region, Judge(seen, begins, now), done)
    return done


@dataclass(frozen=True, slots=True)
class Judge:
    """What changes are compared with: what the audit saw, since when, and when that was."""

    seen: SeenChanges
    begins: datetime
    now: datetime


def _regions(wanted: Sequence[str]) -> Sequence[str]:
    here = aws.session().get_config_variable("region")
    regions = list(dict.fromkeys(wanted)) or ([str(here)] if here else [])
    if not regions:
        raise SettingsInvalid("no region is chosen", "give --region, or set AWS_REGION")
    return regions


def _span(days: Days, now: datetime) -> Span:
    since = days.first or day_of(now - USUAL_DAYS)
    until = min(now, days.last + DAY) if days.last else now
    if since < now - KEPT_FOR:
        note(f"CloudWatch keeps {KEPT_FOR.days} days of history: earlier days are left out")
    return Span(max(since, now - KEPT_FOR), until)


async def _seen(objects: AuditObjects, span: Span, now: datetime) -> SeenChanges:
    """Return what the audit saw of a span, as far as it was recorded within a day."""
    seen, day = SeenChanges(), day_of(span.since)
    while day <= min(now, span.until + LATE_BY):
        async for found in records(objects, f"{day:%Y-%m-%d}"):
            seen.add(found.record)
        day += DAY
    return seen


async def _begins(objects: AuditObjects, span: Span, seen: SeenChanges) -> datetime:
    """Return since when the audit can have seen anything of a span."""
    async for key in objects.keys(DECISIONS):
        place = place_of(key)
        if place is not None:
            return span.since if place.hour < day_of(span.since) else seen.begins or span.until
    return span.until


async def _compare(reader: AlarmReader, region: str, judge: Judge, done: Compared) -> None:
    alarms = [entry async for page in reader.entries() for entry in page]
    off = frozenset(entry.key for entry in alarms if entry.switched_off)
    coverage = Coverage(judge.seen, judge.begins, judge.now, off)
    try:
        async for page in reader.history(alarms, done.span):
            for change in page.changes:
                coverage.take(change)
    except ServiceFailed as error:
        done.missing.append(f"the rest of the alarm history of {region} ({HISTORY}): {error}")
    done.found += coverage.unseen()
    _add(done.counts, coverage.counts)


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + number


def _row(each: Unseen) -> Row:
    return {
        "account": each.key.account,
        "region": each.key.region,
        "alarm": each.key.name,
        "changes": each.changes,
        "seen": each.seen,
        "unseen": each.unseen,
        "why": each.why.value,
        "first": f"{each.first:%Y-%m-%d %H:%M:%SZ}",
        "last": f"{each.last:%Y-%m-%d %H:%M:%SZ}",
        "means": MEANS[each.why],
        "examples": each.examples,
    }


def _summary(done: Compared) -> str:
    span = f"{done.span.since:%Y-%m-%d %H:%MZ} to {done.span.until:%Y-%m-%d %H:%MZ}"
    wrong = sum(each.unseen for each in done.found if not each.why.expected)
    expected = sum(each.unseen for each in done.found if each.why.expected)
    counted = f"{done.counts.get('changes', 0):,} changes of {done.counts.get('alarms', 0):,} alarms, {span}"
    return (
        f"{counted}: {done.counts.get('seen', 0):,} seen, {wrong:,} missing, {expected:,} outside of what was watched."
    )
