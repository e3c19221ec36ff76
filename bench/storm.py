"""Send a storm of alarms whose causes are known through two worker processes, and measure how they were grouped.

    python bench/storm.py [--seed N] [--alarms 10000] [--causes 50] [--in-process]

Prints how many requests the model got and how well incidents match causes, in pairs of alarms; beside it the same
alarms without grouping, and grouped by name as a common tool does. The storm also runs inside this process, in virtual
time, for the time that a decision takes; `--in-process` leaves it at that, without worker processes, queue and table.

Exits 1 if a bound is missed: 1.5 requests for each cause, precision 0.99, recall 0.95; every state change ends exactly
once; a backlog under 2,000 and at most 167 messages a second. Takes six minutes, on loopback only, and needs the extra
`local`. `--alarms` counts changes to ALARM; OKs and copies come on top. Labels are kept by event id, in no message.
"""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "tests/support"))

from bench.storms import report
from bench.storms.bounds import MOST_A_SECOND, Bound, missed, of_flow, of_grouping
from bench.storms.deliveries import Message, messages
from bench.storms.live import WORKERS, run_live
from bench.storms.measures import by_name, causes_of, unknowable
from bench.storms.report import Grouped
from bench.storms.results import Result, result_of
from bench.storms.storm import Storm, storm
from bench.storms.virtual import run_virtually
from bench.storms.waits import Waits, waits
from virtual_time import START

LIVE, VIRTUAL = "two worker processes", "in process, virtual time"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a storm: the labels of its alarms, what its audit says, how it grouped, and the bounds on both."""

    causes: Mapping[UUID, str]
    result: Result
    way: Grouped
    bounds: list[Bound]


def main() -> int:
    """Run the bench and return the exit code."""
    asked = _asked()
    made = storm(asked.seed, asked.alarms, asked.causes)
    sending = messages(made, asked.seed, START)
    virtual, waited = _virtually(made, sending)
    runs = [virtual] if asked.in_process else [asyncio.run(_live(made, asked.seed)), virtual]
    title = f"{asked.alarms:,} alarms of {asked.causes} causes in {len(sending):,} messages, seed {asked.seed}"
    ways = [*(run.way for run in runs), *_otherwise(made, virtual.causes)]
    report.show(
        report.groupings(title, ways),
        report.in_words(unknowable(made), virtual.way.pairs),
        *(report.sorts(run.way.name, made, run.causes, run.result) for run in runs),
        report.times(waited),
        *(report.promises(run.way.name, run.bounds) for run in runs),
    )
    return 1 if any(missed(run.bounds) for run in runs) else 0


def _asked() -> Namespace:
    first, *_, last = (__doc__ or "").split("\n\n")
    parser = ArgumentParser(description=first, epilog=last)
    parser.add_argument("--seed", type=int, default=1, help="another seed is another storm (default 1)")
    parser.add_argument("--alarms", type=int, default=10_000, help="changes to ALARM (default 10000)")
    parser.add_argument("--causes", type=int, default=50, help="causes behind them (default 50)")
    parser.add_argument("--in-process", action="store_true", help="only the run in virtual time")
    return parser.parse_args()


def _virtually(made: Storm, sending: Sequence[Message]) -> tuple[Measured, Waits]:
    run = run_virtually(sending)
    causes = causes_of(made, START)
    result = result_of(run.kept, causes)
    arrived = {message.event_id: message.at_seconds for message in reversed(sending)}
    measured = _measured(VIRTUAL, made, result, causes)
    measured.bounds.extend(of_flow(run.left, run.parked, run.peak))
    return measured, waits(result.groups, arrived, run.first_decided, START)


async def _live(made: Storm, seed: int) -> Measured:
    run = await run_live(made, seed)
    causes = causes_of(made, run.start)
    result = replace(result_of(run.kept, causes), requests=run.requests)
    measured = _measured(LIVE, made, result, causes)
    measured.bounds.extend(of_flow(run.left, run.parked, run.peak))
    measured.bounds.append(Bound("messages sent in one second", run.busiest, MOST_A_SECOND))
    measured.bounds.append(
        Bound("processes that wrote audit", len({each.writer for each in run.kept}), WORKERS, least=True)
    )
    return measured


def _measured(name: str, made: Storm, result: Result, causes: Mapping[UUID, str]) -> Measured:
    way = report.grouped(name, result, causes)
    return Measured(causes, result, way, of_grouping(result, way.pairs, len(made.sorts), len(made.turns)))


def _otherwise(made: Storm, causes: Mapping[UUID, str]) -> list[Grouped]:
    """Return what the same alarms come to without incidents."""
    return [
        report.asked_for_each("by alarm name within five minutes", by_name(made, START), causes),
        report.asked_for_each("none: every alarm is a question", {}, causes),
    ]


if __name__ == "__main__":
    sys.exit(main())
