import csv
from pathlib import Path

import pytest
from triage import cpu_alarm, note, prompt_about

from autocloudops.diagnosis.fault import FaultCode, ReplyFault
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.diagnosis.reply import read_reply

REPLIES = Path(__file__).parents[2] / "data" / "replies"
PROMPT = prompt_about(cpu_alarm(), note("E2", "deployed 4512"))
with (REPLIES / "outcomes.csv").open(encoding="utf-8", newline="") as table:
    OUTCOMES = list(csv.DictReader(table))


def read(row: dict[str, str]) -> Diagnosis | ReplyFault:
    """Read one reply of the corpus as the endpoint sent it."""
    content = (REPLIES / row["file"]).read_bytes().decode()
    return read_reply(content, row["finish_reason"] or None, PROMPT)


@pytest.mark.parametrize("row", OUTCOMES, ids=[row["file"] for row in OUTCOMES])
def test_reply_comes_to_what_the_table_says(row: dict[str, str]) -> None:
    """Each reply of the corpus is the diagnosis, or the fault, that the table names."""
    outcome = read(row)
    if isinstance(outcome, Diagnosis):
        assert (row["outcome"], outcome.action) == ("diagnosis", row["action"])
    else:
        assert (outcome.code.value, "") == (row["outcome"], row["action"])
        assert 0 < len(outcome.detail) <= 300


def test_corpus_is_whole() -> None:
    """Every file has its row, every row its file, and every fault and sort of diagnosis an example."""
    assert sorted(path.name for path in REPLIES.glob("*.txt")) == sorted(row["file"] for row in OUTCOMES)
    assert {row["outcome"] for row in OUTCOMES} == {"diagnosis", *FaultCode}
    assert {row["action"] for row in OUTCOMES} == {"", *PROMPT.actions}
    assert len(OUTCOMES) >= 40
