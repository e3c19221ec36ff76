"""`audit ls`: decisions, the newest first."""

import asyncio
from heapq import heappush, heappushpop
from itertools import count
from uuid import UUID

import typer

from autocloudops.audit.reader import records
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.cli.records import Decided, decided, opened
from autocloudops.decisions.model import Verdict
from autocloudops.decisions.story import short_id
from autocloudops.redaction import clean
from autocloudops.values import Value

COLUMNS = ("time", "verdict", "incident", "resource", "account", "region", "alarms", "proposed", "cause")
CAUSE_LIMIT = 600
RESOURCE_LIMIT = 120


class Wanted(Value):
    """Which decisions are listed: of one day, with one verdict, at most `limit`."""

    day: str | None
    verdict: str | None
    limit: int


def list_decisions(location: str | None, wanted: Wanted, output: Output) -> None:
    """Print decisions, the newest first.

    Args:
        location: `s3://BUCKET[/PREFIX]` or a folder; the setting where it is None.
        wanted: which ones.
        output: how to print them.

    Raises:
        InputUnreadable: the location is no folder, or holds something that is no audit.
        ServiceFailed: the bucket cannot be read.
    """
    verdict = _verdict(wanted.verdict)
    newest = asyncio.run(_newest(location, wanted, verdict))
    print_rows(output, [_row(each) for each in newest[: wanted.limit]], COLUMNS)
    if len(newest) > wanted.limit:
        note(f"There are more than the newest {wanted.limit}: raise --limit, or name a --day.")


def _verdict(said: str | None) -> Verdict | None:
    if said is None:
        return None
    try:
        return Verdict(said.lower().replace("-", "_"))
    except ValueError as error:
        raise typer.BadParameter(f"'{said}' is no verdict; there are {', '.join(Verdict)}") from error


async def _newest(location: str | None, wanted: Wanted, verdict: Verdict | None) -> list[Decided]:
    """Return the newest decisions, and one more where there are more; no more than that is held at once."""
    newest: list[tuple[str, int, Decided]] = []
    numbers = count()
    async with opened(location) as objects:
        async for found in records(objects, wanted.day):
            each = decided(found)
            if each is None or verdict not in {None, each.decision.verdict}:
                continue
            keep = heappush if len(newest) <= wanted.limit else heappushpop
            keep(newest, (found.record.at.isoformat(), next(numbers), each))
    return _last_attempts([each for _, _, each in sorted(newest, reverse=True)])


def _last_attempts(newest_first: list[Decided]) -> list[Decided]:
    """Return each decision once: an outage may leave records of attempts before the one that counts."""
    found: dict[UUID, Decided] = {}
    for each in newest_first:
        found.setdefault(each.decision.decision_id, each)
    return list(found.values())


def _row(each: Decided) -> Row:
    found, resource, decision = each.found, each.alarm.resource, each.decision
    return {
        "time": f"{found.record.at:%Y-%m-%d %H:%M:%SZ}",
        "verdict": decision.verdict.value,
        "incident": short_id(decision.incident_id),
        "resource": clean(resource.id, RESOURCE_LIMIT),
        "account": resource.account,
        "region": resource.region,
        "alarms": len(found.record.members),
        "proposed": decision.request.action if decision.request else None,
        "cause": clean(decision.diagnosis.root_cause, CAUSE_LIMIT) if decision.diagnosis else None,
        "incident_id": str(decision.incident_id),
        "decision_id": str(decision.decision_id),
        "object": found.location,
        "line": found.line,
    }
