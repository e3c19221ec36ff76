import json

import pytest

from autocloudops.redaction import clean, cut, visible, visible_json
from autocloudops.redaction.placeholders import placeholder

ESCAPE = "\x1b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{ESCAPE}[1;31mred{ESCAPE}[0m", "red"),
        (f"{ESCAPE}]0;title\x07shown", "shown"),
        (f"{ESCAPE}]8;;https://evil.example{ESCAPE}\\link{ESCAPE}]8;;{ESCAPE}\\", "link"),
        ("\x9b31mred", "red"),
        (f"{ESCAPE}Pq#0{ESCAPE}\\sixel", "sixel"),
        (f"{ESCAPE}\u200b[31mred", "red"),
        (f"{ESCAPE}", ""),
        ("a\x00b\x07c\x7fd\x85e", "abcd\ne"),
        ("zero\u200bwidth\u200d\ufeff", "zerowidth"),
        ("safe\u202egpj.exe\u2066x\u2069", "safegpj.exex"),
        ("plain\U000e0069\U000e0067\U000e006e\U000e007f", "plain"),
        ("heart\u2764\ufe0f\U000e0101", "heart\u2764"),
        ("soft\u00adhyphen\u2060joiner", "softhyphenjoiner"),
        ("filler\u3164\u115f", "filler"),
        ("lone\ud800surrogate", "lonesurrogate"),
        ("one\r\ntwo\rthree\u2028four\tfive", "one\ntwo\nthree\nfour\tfive"),
        ("한글 알람 Ünïcode 😀", "한글 알람 Ünïcode 😀"),
    ],
)
def test_only_visible_text_remains(text: str, expected: str) -> None:
    """Terminal escapes, control and invisible characters go; letters of any script, emoji, line feeds and tabs stay."""
    assert clean(text, 1000) == visible(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31m",
        "\x9b31m\x7f",
        "\u202e\u200b\ufeff",
        "\U000e0069\U000e0101",
        "\ud800",
        "a\u2028b\x85c",
        "한글 😀 \\u200b",
    ],
)
def test_json_says_the_same_and_hides_nothing(text: str) -> None:
    """What nobody sees stands as an escape, so that a reader gets the very text and a terminal obeys none of it."""
    document = visible_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert visible(document) == document
    assert json.loads(document) == {text: [text]}


@pytest.mark.parametrize("splitter", ["\u200b", "\x00", "\ufe0f", "\U000e0041", "\x1b[1m", "\u202e"])
def test_invisible_characters_cannot_hide_a_secret(splitter: str) -> None:
    """A secret split by what nobody sees is joined before it is searched for."""
    assert clean(f"pass{splitter}word=hun{splitter}ter2", 100) == f"password={placeholder('password', 'hunter2')}"


def test_secret_is_gone_before_text_is_cut() -> None:
    """A bound that falls into a secret does not save the front half of it."""
    assert "hunter" not in clean("password=hunter2hunter2hunter2 and so on", 30)


def test_cut_text_says_how_much_is_missing() -> None:
    """A shortened text keeps to its bound and says how many characters were left out."""
    shortened = cut("x" * 500, 100)
    assert len(shortened) == 100
    kept, mark = shortened.split("…")
    assert mark == f"[cut {500 - len(kept)} characters]"


@pytest.mark.parametrize("limit", [0, 1, 5, 20])
def test_bound_too_small_for_the_mark_still_holds(limit: int) -> None:
    """The bound is a promise even where there is no room to say that text was cut."""
    assert cut("y" * 40, limit) == "y" * limit


def test_text_within_the_bound_is_not_touched() -> None:
    """Nothing is marked as cut that was not."""
    assert cut("exact", 5) == "exact"


@pytest.mark.parametrize("limit", range(20, 80))
def test_cleaned_text_stays_as_it_is_however_it_was_cut(limit: int) -> None:
    """A bound that falls into a placeholder, or behind a name, leaves nothing that looks like another secret."""
    once = clean(f"{'x' * 20} password=hunter2 token={'k3' * 20} {'y' * 60}", limit)
    assert clean(once, limit) == once
