"""`doctor`: what a worker with these settings would meet, all of it, and what to do about each."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

from rich.console import Console

from autocloudops.cli.output import Output, Row, print_lines, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.entrypoints.preflight import Finding, State, examine, planned
from autocloudops.entrypoints.preflight.clients import Clients
from autocloudops.redaction import clean

COLUMNS = ("state", "check", "target", "said", "fix")
SAID_CHARACTERS = 400
WORST_FIRST = (State.FAILED, State.WARNING, State.UNKNOWN, State.OK)


def examine_settings(output: Output) -> int:
    """Make every check, print what each found, and return 1 if one of them failed.

    Nothing is received, sent, deleted or asked; the audit gets one marker, once.
    """
    findings = sorted(asyncio.run(_examined()), key=lambda each: WORST_FIRST.index(each.state))
    if output is Output.TABLE:
        print_lines(output, list(_lines(findings)))
    else:
        print_rows(output, [_row(each) for each in findings], COLUMNS)
    failed = any(each.state is State.FAILED for each in findings)
    return ExitCode.CHECK_FAILED if failed else ExitCode.OK


async def _examined() -> list[Finding]:
    async with AsyncExitStack() as stack:
        clients = Clients(stack)
        checks = planned(clients)
        await clients.open()
        with _progress(len(checks)) as told:
            return await examine(checks, told)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Finding], None]]:
    """Show on a terminal how far it is; nobody else is told anything but the result."""
    done: list[Finding] = []
    with Console(stderr=True, force_terminal=sys.stderr.isatty()).status(f"0 of {total}") as status:

        def told(finding: Finding) -> None:
            done.append(finding)
            status.update(f"{len(done)} of {total}: {finding.check.name}: {finding.state.value}")

        yield told


def _row(finding: Finding) -> Row:
    return {
        "state": finding.state.value,
        "check": finding.check.name,
        "target": clean(finding.check.target, SAID_CHARACTERS),
        "said": clean(finding.said, SAID_CHARACTERS),
        "fix": finding.fix,
        "weight": finding.check.weight.value,
    }


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield what is wrong with what to do about it, then what is worth a look or unknown, then what is well."""
    counts = (f"{sum(each.state is state for each in findings)} {state.value}" for state in WORST_FIRST)
    yield ", ".join(counts)
    wide = max(len(each.check.name) for each in findings)
    for each in findings:
        row = _row(each)
        yield f"{row['state']:<8} {row['check']:<{wide}}  {row['said']}"
        if each.state is not State.OK:
            yield f"{'':<8} {'':<{wide}}  {row['target']}: {each.fix}"
