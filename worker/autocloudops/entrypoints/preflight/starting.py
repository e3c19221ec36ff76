"""What a worker does with the findings: it refuses to start, waits, or starts."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from logging import DEBUG, ERROR, WARNING, getLogger

from autocloudops.clock import Clock
from autocloudops.entrypoints.preflight.checks import Check, Finding, State, Weight, examine

log = getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STOPS = frozenset({Weight.VITAL, Weight.REQUIRED})
LEVELS = {State.OK: DEBUG, State.WARNING: WARNING, State.UNKNOWN: WARNING, State.FAILED: ERROR}


async def preflight(checks: Sequence[Check], clock: Clock, stop: asyncio.Event) -> None:
    """Return when everything vital is there, or when `stop` is set.

    Args:
        checks: what is looked at; advisory ones are left to people.
        clock: time for the pauses between two looks at what is down.
        stop: nobody wants this worker any more.

    Raises:
        AutoCloudOpsError: the first thing that is wrong and that waiting cannot mend; the log names all of them.
    """
    left = [check for check in checks if check.weight is not Weight.ADVISORY]
    pause = FIRST_PAUSE_SECONDS
    while True:
        findings = await examine(left, _log)
        _raise_first(findings)
        left = [each.check for each in findings if each.state is State.UNKNOWN and each.check.weight is Weight.VITAL]
        if not left:
            log.info("preflight passed: %s", _counted(findings))
            return
        await _sleep_unless(stop, clock, pause)
        if stop.is_set():
            return
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _raise_first(findings: Sequence[Finding]) -> None:
    for finding in findings:
        if finding.state is State.FAILED and finding.check.weight in STOPS and finding.error:
            raise finding.error


def _log(finding: Finding) -> None:
    log.log(
        LEVELS[finding.state],
        "preflight %s: %s (%s): %s%s",
        finding.state.value,
        finding.check.name,
        finding.check.target,
        finding.said,
        f": {finding.fix}" if finding.fix else "",
    )


def _counted(findings: Sequence[Finding]) -> str:
    counted = Counter(finding.state.value for finding in findings)
    return ", ".join(f"{number} {state}" for state, number in counted.items())


async def _sleep_unless(stop: asyncio.Event, clock: Clock, seconds: float) -> None:
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
