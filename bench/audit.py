"""What the audit's writer costs: records a second, bytes a record, and dollars for a million decisions.

    python bench/audit.py [--incidents N] [--seed N]

Records are those of the diagnosis scenarios, decided by the worker's own code with other names, times and numbers each
time, and a reply that no other has; two alarms join each incident and one clears. The writer's objects stay in memory,
so that the rate is of code alone. `gzip -6` compresses the very same lines in one file: what one object for each
commit could be at best. The price list is dated; a bucket key keeps the calls of KMS near none.

Exits 1 if objects of full commits take more than 1.15 times the bytes of that file. Takes a minute or two; needs the
extra `knowledge`.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in (".", "tests/support"))

from bench.audits import report
from bench.audits.history import kinds, records
from bench.audits.writing import written
from bench.storms.bounds import missed
from bench.storms.report import promises, show
from virtual_time import run

from autocloudops.audit.writer import CommitPolicy

FULL = CommitPolicy().records
BATCHES = (FULL, 50, 10, 1)


def main() -> int:
    """Run the bench and return the exit code."""
    asked = _asked()
    made = run(records(asked.incidents, asked.seed))
    runs = [written(made, batch, redacted=redacted) for redacted in (True, False) for batch in BATCHES]
    held = report.bounds(runs, FULL)
    counted = ", ".join(f"{number:,} {outcome}" for outcome, number in kinds(made).items())
    show(
        f"records: {counted}; seed {asked.seed}",
        report.written(runs),
        report.costs(runs),
        report.PRICES,
        promises("what the audit takes", held),
    )
    return 1 if missed(held) else 0


def _asked() -> Namespace:
    first, *_, last = (__doc__ or "").split("\n\n")
    parser = ArgumentParser(description=first, epilog=last)
    parser.add_argument("--incidents", type=int, default=1_000, help="incidents that are decided (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other records (default 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
