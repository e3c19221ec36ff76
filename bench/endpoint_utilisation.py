"""Measure how full the concurrency controller keeps an endpoint, against the best fixed limit and against peers.

    python bench/endpoint_utilisation.py [--profile NAME] [--quick] [--seed N]

Everything runs in virtual time against the sandbox's continuous-batching simulator. Demand is saturating: there are
always three times as many questions ready as four instances run best, because a half-empty endpoint needs no
controller. For each GPU type and two random ones: a sweep finds the best fixed limit on one and on four instances;
then each way of choosing the limit starts cold on one instance, goes to four and back to one. Then 2 and 8 workers
share an instance for 30 minutes.

Exits 1 if the controller misses a bound: 97 % of the reference's token throughput over the ten service times after
max(30 s, 8 service times) from cold and max(20 s, 6) after a step; p95 of what is sent then under the ceiling, with 5 %
for sampling; regret over the whole run at most 10 %; no question without an answer; Jain's index 0.95. Timeouts at 60 s
run on in the simulator, as they do on a GPU; a question is asked until ten minutes after the end of its run at most.
Takes 200 s of processor time, so about two minutes on two free cores; `--quick` leaves out peers and sharing.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "tests/support"))

from bench.utilisation import report
from bench.utilisation.profiles import profiles
from bench.utilisation.reference import references
from bench.utilisation.runs import OURS, STRATEGIES, shared, stepped

from autocloudops.sandbox.endpoint.gpus import Profile

CORES = 2
WORKERS = (2, 8)


def main() -> int:
    """Run the bench and return the exit code."""
    asked = _asked()
    chosen = [each for each in profiles(asked.seed) if asked.profile in {each.name, None}]
    measured = _measured(chosen, asked)
    tables = [report.reference_points(measured), report.steps(measured)]
    if not asked.quick:
        tables.append(report.sharing(measured))
    report.show(*tables, report.promises(measured))
    return 0 if all(bound.kept for one in measured for bound in report.bounds(one)) else 1


def _asked() -> Namespace:
    first, _, *rest = (__doc__ or "").split("\n\n")
    parser = ArgumentParser(description=first, epilog=" ".join(rest))
    parser.add_argument("--profile", choices=[each.name for each in profiles(1)], help="one GPU type alone")
    parser.add_argument("--quick", action="store_true", help="no peers, no sharing")
    parser.add_argument("--seed", type=int, default=1, help="other questions, other random profiles (default 1)")
    return parser.parse_args()


def _measured(chosen: Sequence[Profile], asked: Namespace) -> list[report.Measured]:
    """Spread the runs over two processes; each run is the same whoever runs it."""
    strategies = [OURS] if asked.quick else list(STRATEGIES)
    with ProcessPoolExecutor(CORES) as pool:
        swept = {each.name: pool.submit(references, each, asked.seed) for each in reversed(chosen)}
        found = {name: future.result() for name, future in swept.items()}
        runs = {
            each.name: [pool.submit(stepped, each, found[each.name], name, asked.seed) for name in strategies]
            for each in chosen
        }
        shares = {
            each.name: [pool.submit(shared, each, found[each.name], workers, asked.seed) for workers in WORKERS]
            for each in chosen
            if not asked.quick
        }
        return [
            report.Measured(
                each.name,
                found[each.name],
                [run.result() for run in runs[each.name]],
                [share.result() for share in shares.get(each.name, [])],
            )
            for each in chosen
        ]


if __name__ == "__main__":
    sys.exit(main())
