"""How often the right action is chosen, with and without evidence, on scenario incidents that lie in files.

    python bench/diagnosis.py [--folder FOLDER]

SIMULATED reasoner: `simulated/rules`, not a language model. Scenarios, their evidence and the rules of the reasoner
were written by one author, so that the shares say what evidence can change, and nothing about any model.

Each scenario in bench/scenarios/*.yaml (schema: README.md there) goes through the worker's own code three times: with
the alarm alone, with the alarm's state now, and with all evidence. Prints the share of right actions, right and harmful
ones by sort of scenario, and what the gates would do in mode active.

Exits 1 if evidence does not raise the share of right actions, also above what always investigating would reach, or if a
wrong action would execute with it. Takes seconds; needs the extra `local`.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "tests/support"))

from bench.scenarios import score
from bench.scenarios.runs import Outcome, Shown, decided
from bench.scenarios.scenario import FOLDER, Scenario, load
from bench.storms.bounds import missed
from rich.console import Console
from virtual_time import run

from autocloudops.errors import InputUnreadable

LABEL = "simulated reasoner `simulated/rules` (no language model); scenarios, evidence and rules by one author"


def main() -> int:
    """Run the bench and return the exit code."""
    try:
        scenarios = load(_asked().folder)
    except InputUnreadable as error:
        print(error, file=sys.stderr)
        return 1
    runs = run(_decided(scenarios))
    console = Console(width=120)
    console.print(f"{len(scenarios)} scenarios; {LABEL}", markup=False)
    console.print(score.shares(runs), score.by_sort(runs), score.verdicts(runs), sep="\n")
    console.print(f"always investigating would be right or accepted in {score.idle_share(runs):.0%}", markup=False)
    console.print("wrong with all evidence:", *score.missed(runs[Shown.ALL]), sep="\n  ", markup=False, soft_wrap=True)
    found = score.bounds(runs)
    for bound in found:
        state, side = "kept  " if bound.kept else "MISSED", "least" if bound.least else "most"
        print(f"{state} {bound.about}: {bound.measured:g}, at {side} {bound.allowed:g}")
    return 1 if missed(found) else 0


async def _decided(scenarios: tuple[Scenario, ...]) -> dict[Shown, list[Outcome]]:
    return {shown: [await decided(scenario, shown) for scenario in scenarios] for shown in Shown}


def _asked() -> Namespace:
    first, *_, last = (__doc__ or "").split("\n\n")
    parser = ArgumentParser(description=first, epilog=last)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="other scenarios (default bench/scenarios)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
