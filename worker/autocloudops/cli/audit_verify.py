"""`audit verify`: whether the audit is what digests signed for."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from autocloudops.audit.findings import Report
from autocloudops.audit.verifying import Progress, Range
from autocloudops.cli.output import Output, note, print_json, print_lines, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.cli.records import opened
from autocloudops.entrypoints.proving import check

COLUMNS = ("kind", "key", "detail")
DAY = "%Y-%m-%d"
HOUR = "%Y-%m-%dT%H"


def verify_audit(location: str | None, wanted: Range, keys: Sequence[str], output: Output) -> int:
    """Print what is wrong with an audit; exit 1 where anything is.

    Args:
        location: `s3://BUCKET[/PREFIX]` or a folder; the setting where it is None.
        wanted: which hours.
        keys: whose signatures count, as `open_trusted` reads them.
        output: how to print it.

    Raises:
        ServiceFailed: the bucket cannot be read, or KMS does not answer.
        SettingsInvalid: a key is none.
    """
    report = asyncio.run(_verified(location, wanted, keys))
    match output:
        case Output.JSON:
            print_json({"clean": report.clean, **report.model_dump(mode="json")})
        case Output.TEXT:
            print_rows(output, [each.model_dump(mode="json") for each in report.findings], COLUMNS)
            note(_summary(report))
        case Output.TABLE:
            print_lines(output, [_summary(report), *_lines(report)])
    return ExitCode.OK if report.clean else ExitCode.CHECK_FAILED


def hours(since: str | None, until: str | None) -> Range:
    """Return the range that a command line names: days as 2026-11-22 or hours as 2026-11-22T13, both included.

    Raises:
        typer.BadParameter: one is neither.
    """
    first, last = _moment(since) if since else None, _moment(until) if until else None
    whole_day = last is not None and until is not None and "T" not in until
    return Range(first, last + timedelta(hours=23) if last and whole_day else last)


def _moment(said: str) -> datetime:
    try:
        return datetime.strptime(said, HOUR if "T" in said else DAY).replace(tzinfo=UTC)
    except ValueError as error:
        raise typer.BadParameter(f"'{said}' is no day like 2026-11-22 and no hour like 2026-11-22T13") from error


async def _verified(location: str | None, wanted: Range, keys: Sequence[str]) -> Report:
    async with opened(location) as objects:
        with _progress() as told:
            return await check(objects, keys, wanted, told, sys.stderr)


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """Show on a terminal how far it is; nobody else is told anything but the result."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("digests, {task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)

        def told(progress: Progress) -> None:
            said = f"{progress.objects:,} objects, {progress.records:,} records"
            bar.update(task, completed=progress.digests, total=progress.of_digests, description=said)

        yield told


def _lines(report: Report) -> Iterator[str]:
    """Yield two lines for each finding: a key is as long as a terminal is wide."""
    for finding in report.findings:
        yield f"{finding.kind.upper():<10} {finding.key}"
        yield f"{'':<10} {finding.detail}"


def _summary(report: Report) -> str:
    proved = f"{report.digests:,} digests prove {report.objects:,} objects with {report.records:,} decision records"
    until = f" until {report.proved_until:%Y-%m-%d %H:00Z}" if report.proved_until else ""
    left = f"; {report.unproven:,} objects are not yet provable" if report.unproven else ""
    findings = "1 finding" if len(report.findings) == 1 else f"{len(report.findings) or 'no'} findings"
    return f"{proved}{until}{left}; {findings}."
