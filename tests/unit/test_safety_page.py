import re
from pathlib import Path
from uuid import UUID

import pytest

from autocloudops.catalogue import ACTIONS, Risk
from autocloudops.decisions.gates import ORDER
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Case, Facts, Policy

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "safety.md"
TEXT = PAGE.read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", TEXT)))
FILES = sorted(set(re.findall(r"`([\w-]+/[\w./-]+)`", TEXT)))
LINKS = sorted(set(re.findall(r"\]\(([\w./-]+\.md)(?:#\w+)?\)", TEXT + (ROOT / "SECURITY.md").read_text("utf-8"))))
ITEMS = {"LLM01", "LLM02", "LLM03", "LLM04", "LLM05", "LLM06", "LLM07", "LLM10"}


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_the_page_names_exists(named: str) -> None:
    """A control on paper is held by a test in the tree, under the name that the page gives."""
    path, _, name = named.partition("::")
    assert re.search(rf"^(?:async )?def {name}\b", (ROOT / path).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("named", FILES)
def test_every_file_that_the_page_names_exists(named: str) -> None:
    """A control is where the page says, in the tree or in the worker's package."""
    assert (ROOT / named).is_file() or (ROOT / "worker" / "autocloudops" / named).is_file()


@pytest.mark.parametrize("link", LINKS)
def test_every_page_that_is_linked_exists(link: str) -> None:
    """A reader who follows a link arrives."""
    assert (PAGE.parent / link).is_file() or (ROOT / link).is_file()


def test_the_gates_stand_in_their_order_each_with_a_test() -> None:
    """The page lists every gate, in the order in which a refusal counts, and the test that holds it."""
    section = TEXT.partition("## The gates, in order")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| .+ \| `tests/.+` \|$", section, re.MULTILINE)
    case = Case(None, Facts(incident_id=UUID(int=1)), Policy())
    assert rows == [gate(case).name for gate in ORDER]


def test_every_item_of_owasp_that_applies_has_a_control_a_file_and_a_test() -> None:
    """No item is claimed without a file and a test."""
    section = TEXT.partition("## OWASP")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| LLM")]
    assert {item for row in rows for item in re.findall(r"LLM\d\d", row[0])} == ITEMS
    assert all(len(row) == 4 and "`" in row[2] and "::" in row[3] for row in rows)


def test_the_first_table_says_what_runs_unasked() -> None:
    """What the page says may run unasked, and how often, is what the catalogue and the default limits say."""
    unasked = {
        action.name for action in ACTIONS.values() if action.offered and action.executes and action.risk is Risk.LOW
    }
    assert unasked == {"scale_out_service", "scale_out_group"}
    limits = ClaimLimits()
    assert (limits.cooldown.total_seconds(), limits.runbook_per_hour, limits.global_per_hour) == (900, 3, 10)
    assert (limits.breaker_failures, limits.breaker_of) == (2, 10)
