"""What gathering evidence costs, by source: calls, milliseconds and tokens, for ten kinds of alarm.

    python bench/evidence.py [--rounds N]

Every source is the worker's own. AWS is the emulator ministack and the embedding model a stand-in (hashes of words),
both over HTTP on this machine, so that milliseconds are those of code and loopback and no statement about AWS; calls,
pieces and tokens are what a worker would have. No source remembers anything from the incident before, but the
library's and the past incidents' vectors are held; the first incident of the process is told apart.

Then every service hangs, in virtual time: the wall must hold all the same. How often the right runbook is found is
measured by `python bench/evidence_retrieval.py`.

Exits 1 if a source failed, or if a gathering took longer than its wall where everything hangs. Sources fail here too
where the machine is so busy that a call takes more than 700 ms: then nothing was measured, so run it again on an idle
one. Takes about a minute; needs the extras `local` and `knowledge`.
"""

import asyncio
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "tests/support"))

from aws_resources import REGION
from bench.gathering import site
from bench.gathering.counting import Ledger
from bench.gathering.kinds import Estate
from bench.gathering.measuring import Measured, measured, subject_of
from bench.gathering.report import bounds, by_kind, by_source, wall
from bench.storms.bounds import missed
from rich.console import Console
from virtual_time import VirtualClock, run

from autocloudops.alarms.model import Alarm
from autocloudops.clock import SystemClock
from autocloudops.diagnosis.gathering import Gathered, Gatherer
from autocloudops.sandbox import EmbeddedAws

ENVIRONMENT = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def main() -> int:
    """Run the bench and return the exit code."""
    asked = _asked()
    alarms, runs, warming_seconds = asyncio.run(_measured(asked.rounds))
    first, warm = runs[0], runs[len(alarms) :]
    hung = run(_hanging(alarms))
    console = Console(width=130)
    console.print(by_source(warm), by_kind(warm), sep="\n")
    console.print(wall(warm))
    console.print(
        f"opening every client at the start: {warming_seconds * 1e3:,.0f} ms in the background;"
        f" first incident after it: {first.wall_seconds * 1e3:,.0f} ms"
    )
    console.print("retrieval recall: python bench/evidence_retrieval.py")
    found = bounds(warm, hung)
    for bound in found:
        print(f"{'kept  ' if bound.kept else 'MISSED'} {bound.about}: {bound.measured:g}, at most {bound.allowed:g}")
    return 1 if missed(found) else 0


async def _measured(rounds: int) -> tuple[Mapping[str, Alarm], list[Measured], float]:
    """Open the clients, gather about every alarm once, and then `rounds` times; return how long opening took too."""
    clock, ledger = SystemClock(), Ledger()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        resources = await stack.enter_async_context(EmbeddedAws())
        os.environ |= {**ENVIRONMENT, "AWS_ENDPOINT_URL": resources.endpoint_url}
        alarms = await asyncio.to_thread(Estate(resources.endpoint_url, datetime.now(UTC)).alarms)
        shelves = await site.opened(stack, REGION, folder, clock, ledger)
        await site.remember(shelves, alarms)
        warming_seconds = await site.warmed(shelves, REGION, clock)
        runs = [
            await measured(shelves.sources(clock), alarm, clock, ledger)
            for _ in range(rounds + 1)
            for alarm in alarms.values()
        ]
        return alarms, runs, warming_seconds


async def _hanging(alarms: Mapping[str, Alarm]) -> Mapping[str, tuple[Gathered, float]]:
    """Return, for each alarm, what is gathered where nothing answers, and the virtual seconds that it took."""
    clock = VirtualClock()
    found = {}
    for kind, alarm in alarms.items():
        began = clock.monotonic()
        gathered = await Gatherer(site.hanging(clock), clock).gather(subject_of(alarm))
        found[kind] = (gathered, clock.monotonic() - began)
    return found


def _asked() -> Namespace:
    first, *_, last = (__doc__ or "").split("\n\n")
    parser = ArgumentParser(description=first, epilog=last)
    parser.add_argument("--rounds", type=int, default=5, help="how often each kind is measured (default 5)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
