"""How many planted secrets redaction finds, and in how many clean lines it finds one, beside detect-secrets.

    python bench/redaction.py [--seed 1] [--of-each 12] [--clean 6000]

Plants secrets of every format in lines of logs, alarms, settings and command lines, and makes clean lines of ARNs, ids,
digests, stack traces and metrics; the texts of the recorded alarms in `../shared/alarms` are clean lines too, where
that folder is. Both look at the same lines. Prints recall by format, the clean lines that ours changed, and lines a
second as a ratio: times differ between machines.

Exits 1 if our recall is under 0.99 or more than 0.1 % of clean lines change. detect-secrets is installed into `.bench`
at the first run; where it cannot be, that is said.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from bench.draining.installing import NotInstalledError
from bench.redactions import clean
from bench.redactions.finders import Found, detect_secrets, ours
from bench.redactions.planting import FORMATS, Planted, planted
from bench.storms.bounds import Bound, missed
from bench.storms.report import promises, show
from rich.markup import escape
from rich.table import Table

ALARMS = Path(__file__).parents[2] / "shared" / "alarms"
LEAST_RECALL = 0.99
MOST_FALSE_SHARE = 0.001
SHOWN = 20


def main() -> int:
    """Run the bench and return the exit code."""
    asked = _asked()
    dirty = list(planted(asked.seed, asked.of_each))
    tidy = [*clean.lines(asked.seed, asked.clean), *clean.texts_of(ALARMS)]
    found = {"ours": ours(dirty, tidy)}
    unmeasured = ""
    try:
        found |= detect_secrets(dirty, tidy)
    except NotInstalledError as error:
        unmeasured = f"NOT MEASURED detect-secrets: {error}"
    bounds = _bounds(found["ours"], len(tidy))
    show(_by_format(dirty, found), *_sums(found, len(dirty), len(tidy)), *_examples(dirty, found["ours"]), unmeasured)
    show(promises("redaction", bounds))
    return 1 if missed(bounds) else 0


def _asked() -> Namespace:
    first, *_, last = (__doc__ or "").split("\n\n")
    parser = ArgumentParser(description=first, epilog=last)
    parser.add_argument("--seed", type=int, default=1, help="of the lines (default 1)")
    parser.add_argument("--of-each", type=int, default=12, help="secrets of each format (default 12)")
    parser.add_argument("--clean", type=int, default=6_000, help="clean lines, beside recorded alarms (default 6000)")
    return parser.parse_args()


def _bounds(found: Found, clean_lines: int) -> list[Bound]:
    return [
        Bound("recall", _share(found.caught), LEAST_RECALL, least=True),
        Bound("share of clean lines that change", len(found.alarmed) / clean_lines, MOST_FALSE_SHARE),
    ]


def _share(caught: Sequence[bool]) -> float:
    return sum(caught) / len(caught)


def _by_format(dirty: Sequence[Planted], found: Mapping[str, Found]) -> Table:
    table = Table("format", title=f"{len(dirty)} planted secrets in {len(FORMATS)} formats: recall")
    for name in found:
        table.add_column(name, justify="right")
    rows: dict[str, list[int]] = defaultdict(list)
    for at, each in enumerate(dirty):
        rows[each.format].append(at)
    for name, places in rows.items():
        table.add_row(name, *(f"{_share([one.caught[at] for at in places]):.0%}" for one in found.values()))
    return table


def _sums(found: Mapping[str, Found], dirty: int, tidy: int) -> Iterator[str]:
    rates = {name: (dirty + tidy) / one.seconds for name, one in found.items()}
    for name, one in found.items():
        yield (
            f"{name}: recall {_share(one.caught):.4f}, something found in {len(one.alarmed)} of {tidy} clean lines "
            f"({len(one.alarmed) / tidy:.2%}), {rates[name]:,.0f} lines a second of CPU; "
            f"ours: {rates['ours'] / rates[name]:.1f} times as many"
        )


def _examples(dirty: Sequence[Planted], found: Found) -> Iterator[str]:
    """Yield what ours missed, and what it should have left."""
    for each, caught in zip(dirty, found.caught, strict=True):
        if not caught:
            yield f"MISSED {each.format}: {escape(each.line)}"
    for line in found.alarmed[:SHOWN]:
        yield f"CHANGED {escape(line)}"


if __name__ == "__main__":
    sys.exit(main())
