from collections import Counter
from pathlib import Path

import pytest
from bench.redactions import clean
from bench.redactions.finders import ours
from bench.redactions.planting import FORMATS, planted

from autocloudops.redaction import redact

ALARMS = Path(__file__).parents[3].parent / "shared" / "alarms"
OF_EACH = 12
CLEAN_LINES = 5_000


def test_secrets_of_every_format_are_found() -> None:
    """Of at least 300 planted secrets in 30 formats, 99 of 100 leave no eight characters in a row."""
    lines = list(planted(26, OF_EACH))
    found = ours(lines, [])
    missed = [each for each, caught in zip(lines, found.caught, strict=True) if not caught]
    assert len(FORMATS) >= 30
    assert len(lines) >= 300
    assert len(missed) <= len(lines) // 100, missed


def test_no_format_is_missed_as_a_whole() -> None:
    """The misses that recall allows are not one format that nobody looks for."""
    lines = list(planted(27, OF_EACH))
    caught = Counter(each.format for each, yes in zip(lines, ours(lines, []).caught, strict=True) if yes)
    assert min(caught[name] for name in FORMATS) >= OF_EACH * 3 // 4


def test_clean_lines_stay_as_they_are() -> None:
    """Of 1,000 lines of ARNs, ids, digests, stack traces and metrics, at most one is changed."""
    lines = list(clean.lines(26, CLEAN_LINES))
    changed = [line for line in lines if redact(line) != line]
    assert len(changed) <= CLEAN_LINES // 1_000, changed


def test_recorded_alarms_stay_as_they_are() -> None:
    """What CloudWatch and its kin said in real alarms is evidence, and reaches the model unchanged."""
    if not ALARMS.is_dir():
        pytest.skip("the recorded alarms are not beside this repository")
    texts = clean.texts_of(ALARMS)
    assert len(texts) > 1_000
    assert [text for text in texts if redact(text) != text] == []
