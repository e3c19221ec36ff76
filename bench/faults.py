"""Half an hour of alarms while the model endpoint fails in every way it knows: nothing undecided, nothing paid twice.

    python bench/faults.py [--seed N]

Runs the service in process and in virtual time against the simulated endpoint: throttles, 5xx, time-outs, stream
breaks and a cold start from zero instances with one endpoint; then a dead region with a second endpoint that the
policy allows. Prints, for each phase: incidents, who decided them, requests, questions (requests that an endpoint began
to run), questions an answer, and the longest time from an alarm to its decision; and the sums of the same half hour
with the retries of an SDK instead of the worker's.

Exits 1 if an incident is undecided, if there are more than 1.1 questions an answer over a whole run, if more than one
probe of one token is begun for ten answers, or if the dead-letter queue is not empty. Takes about two
minutes; needs the extra `local`.
"""

import logging
import random
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "tests/support"))

from bench.outage import report
from bench.outage.peers import sdk
from bench.outage.phases import SCENARIOS
from bench.outage.runs import run_scenario
from bench.outage.worker import ENTRYPOINTS
from bench.storms.bounds import Bound, missed


def main() -> int:
    """Run the bench and return the exit code."""
    asked = _asked()
    logging.getLogger("autocloudops").setLevel(logging.ERROR)
    found: list[Bound] = []
    for name, entrypoint in ENTRYPOINTS.items():
        for scenario in SCENARIOS:
            random.seed(asked.seed)  # the jitter of retries, so that a seed is a run
            run = run_scenario(scenario, entrypoint, asked.seed)
            beside = run_scenario(scenario, entrypoint, asked.seed, sdk)
            title = f"{name}, {scenario.name}: {scenario.seconds / 60:g} virtual minutes, seed {asked.seed}"
            report.show(run, beside, title)
            kept = report.bounds(run)
            print(*(_said(bound) for bound in kept), "", sep="\n")
            found += kept
    return 1 if missed(found) else 0


def _said(bound: Bound) -> str:
    return f"{'kept  ' if bound.kept else 'MISSED'} {bound.about}: {bound.measured:g}, at most {bound.allowed:g}"


def _asked() -> Namespace:
    first, *_, last = (__doc__ or "").split("\n\n")
    parser = ArgumentParser(description=first, epilog=last)
    parser.add_argument("--seed", type=int, default=1, help="another seed is another half an hour (default 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
