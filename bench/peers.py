"""Our consumer and six others drain the same messages from one fast SQS on loopback, one after the other.

    python bench/peers.py [--messages 20000] [--rounds 3] [--most-seconds 40] [--only NAME ...]

A handler that does nothing, then one that sleeps 50 ms, 64 at once; every consumer drains 1,000 messages before it is
counted. Prints messages/s, CPU time, API calls, memory and redeliveries, and how each stops when SIGTERM comes while it
is busy. Ours has leases and checked acknowledgements on. Consumers that drain the first queue in time do so in several
rounds, taking turns. A last table is ours at its real work: the pipeline on a storm of alarms, with model and state in
memory.

Exits 1 if a bound is missed, or a peer that a bound names is: as many messages per CPU second as squiss-ts, the lean
transport 2.5 times as many; 0.25 calls a message; 95 % of 1,280/s at 50 ms. Peers are installed into `.bench` at the
first run, from PyPI and npm; one that cannot be is named. Takes about ten minutes on a machine that does nothing else:
the tables say what others used of it. Linux only.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "tests/support"))

from bench.draining import report
from bench.draining.client import BenchServer, serving
from bench.draining.contenders import CONTENDERS, DEFAULT, LEAN, SLOTS, SQUISS, Contender, ours
from bench.draining.installing import Installed, NotInstalledError, installed
from bench.draining.runs import Drained, Job, NothingDrainedError, Stopped, run
from bench.storms.bounds import missed
from bench.storms.deliveries import messages
from bench.storms.report import promises, show
from bench.storms.storm import storm

STORM_ALARMS, STORM_CAUSES, STORM_MESSAGES = 2_000, 20, 1_500
STORM_WARM, STORM_SECONDS = 100, 90


@dataclass
class Results:
    """What was measured, by contender, and who could not be."""

    idle: dict[str, list[Drained]] = field(default_factory=dict)
    busy: dict[str, list[Drained]] = field(default_factory=dict)
    stopped: dict[str, Stopped] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Course:
    """Where contenders are measured.

    Args:
        server: that all of them drain.
        results: to which measurements are added.
        logs: folder for what they say.
    """

    server: BenchServer
    results: Results
    logs: Path

    def measure(self, contender: Contender, home: Installed, job: Job) -> tuple[Drained, Stopped] | None:
        """Measure a contender, or note why it cannot be measured."""
        try:
            measured = run(self.server, contender, home, job, self.logs / "log")
        except NothingDrainedError as error:
            self.results.missing[contender.name] = str(error)
            return None
        print(contender.name, *measured, sep=": ", file=sys.stderr, flush=True)
        return measured


def main() -> int:
    """Run the bench and return the exit code."""
    asked = _asked()
    results, working = Results(), Results()
    chosen = [each for each in CONTENDERS if not asked.only or each.name.startswith(tuple(asked.only))]
    homes = dict(_homes(chosen, results))
    with serving() as server, TemporaryDirectory() as logs:
        course = Course(server, results, Path(logs))
        _idle(course, homes, asked)
        _busy(course, homes, asked)
        if DEFAULT in homes and LEAN in homes:
            _working(Course(server, working, Path(logs)))
    bounds = report.bounds(results.idle, results.busy)
    show(
        report.drains(f"{asked.messages:,} messages, handler does nothing", results.idle),
        report.drains(f"{asked.messages:,} messages, handler sleeps 50 ms, {SLOTS} at once", results.busy),
        report.stops("SIGTERM while busy with the 50 ms handler", results.stopped),
        report.drains(f"Ours at its real work: {STORM_MESSAGES:,} messages of a storm of alarms", working.idle),
        "At its real work a message holds its slot until its incident is decided: windows and model set the pace.",
        *(f"NOT MEASURED {name}: {why}" for name, why in {**results.missing, **working.missing}.items()),
        promises("drains", bounds),
    )
    unmeasured = {DEFAULT, LEAN, SQUISS} & results.missing.keys()
    return 1 if missed(bounds) or unmeasured or working.missing else 0


def _asked() -> Namespace:
    first, *_, last = (__doc__ or "").split("\n\n")
    parser = ArgumentParser(description=first, epilog=last)
    parser.add_argument("--messages", type=int, default=20_000, help="messages of each drain (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="drains of the fast with an idle handler (default 3)")
    parser.add_argument("--most-seconds", type=float, default=40, help="longest drain (default 40)")
    parser.add_argument("--only", nargs="*", help="names, or beginnings of names, of those to measure")
    return parser.parse_args()


def _homes(contenders: Sequence[Contender], results: Results) -> Iterator[tuple[str, tuple[Contender, Installed]]]:
    """Install what contenders need, and yield those for which that worked."""
    for contender in contenders:
        try:
            home = installed(contender.kit) if contender.kit else Installed(Path(sys.prefix))
        except NotInstalledError as error:
            results.missing[contender.name] = str(error)
        else:
            yield contender.name, (contender, home)


def _idle(course: Course, homes: dict[str, tuple[Contender, Installed]], asked: Namespace) -> None:
    """Let everyone drain with an idle handler once, and those who could in further rounds."""
    job = Job(asked.messages, 0, asked.most_seconds)
    for _ in range(asked.rounds):
        for name, (contender, home) in homes.items():
            before = course.results.idle.setdefault(name, [])
            if all(each.drained for each in before) and (measured := course.measure(contender, home, job)):
                before.append(measured[0])
    for name in course.results.missing:
        course.results.idle.pop(name, None)


def _busy(course: Course, homes: dict[str, tuple[Contender, Installed]], asked: Namespace) -> None:
    job = Job(asked.messages, report.PAUSE_SECONDS, asked.most_seconds)
    for name, (contender, home) in homes.items():
        if measured := course.measure(contender, home, job):
            course.results.busy[name] = [measured[0]]
            course.results.stopped[name] = measured[1]


def _working(course: Course) -> None:
    """Let ours do its real work, once with each transport."""
    begin = datetime.now(UTC).replace(microsecond=0)
    bodies = [message.body for message in messages(storm(1, STORM_ALARMS, STORM_CAUSES), 1, begin)]
    job = Job(STORM_MESSAGES, 0, STORM_SECONDS, STORM_WARM, bodies)
    for name, transport in ((DEFAULT, "aiobotocore"), (LEAN, "lean")):
        if measured := course.measure(ours(name, transport, "ours_working.py"), Installed(Path(sys.prefix)), job):
            course.results.idle[name] = [measured[0]]


if __name__ == "__main__":
    sys.exit(main())
