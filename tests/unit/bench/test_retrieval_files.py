import json
from collections import Counter
from pathlib import Path

from virtual_time import run

from autocloudops.knowledge.files import FolderFiles
from autocloudops.knowledge.library import Library

FOLDER = Path(__file__).parents[3] / "bench" / "retrieval"


def test_the_retrieval_bench_asks_for_runbooks_that_are_there() -> None:
    """At least 150 valid runbooks, at least 100 distinct alarms, and each alarm's runbook is in the library."""
    shelf = run(Library(FolderFiles(FOLDER / "library")).shelf())
    alarms = [json.loads(line) for line in (FOLDER / "alarms.jsonl").read_text().splitlines()]
    assert shelf.problems == ()
    assert len(shelf.runbooks) >= 150
    assert len({each["name"] for each in alarms}) == len(alarms) >= 100
    assert {each["runbook"] for each in alarms} <= {each.name for each in shelf.runbooks}
    assert max(Counter(each.sections[0].text for each in shelf.runbooks).values()) == 1
