import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("docs/guarantees.md", "docs/operations.md", "docs/endpoints.md")
NAMED = sorted(
    {each for page in PAGES for each in re.findall(r"`(tests/[\w/]+\.py::\w+)`", (ROOT / page).read_text("utf-8"))}
)
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
BUGS = 25


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_a_page_names_exists(named: str) -> None:
    """A promise on paper is held by a test in the tree, under the name that the page gives."""
    path, _, name = named.partition("::")
    source = (ROOT / path).read_text("utf-8")
    assert re.search(rf"^(?:async )?(?:def|class) {name}\b", source, re.MULTILINE)


def test_every_promise_and_every_bug_has_a_test() -> None:
    """No row of either table is without a test, and no bug is left out."""
    rows = [line for line in GUARANTEES.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    rows = [row for row in rows if not row.startswith("| bug ")]
    assert all("`tests/" in row for row in rows)
    numbers = [int(number) for number in re.findall(r"^\| (\d+) ", GUARANTEES, re.MULTILINE)]
    assert numbers == list(range(1, BUGS + 1))
