import string
import time

import pytest

from autocloudops.redaction import redact
from autocloudops.redaction.pattern import LINE_LIMIT
from autocloudops.redaction.patterns import PATTERNS

KILOBYTE = 1024
LARGEST_RATIO = 5
LARGEST_RATIO_IN_LINE = 3
ROUNDS = 20
DASHES = "-" * 5

# What pattern by pattern begins a match, or nearly ends one, over and over.
HANDMADE = {
    "nested quotes": '\\"\'"',
    "open quotes": 'password="',
    "escaped quotes": "password='\\\"",
    "names in a row": "secret_key_key_key",
    "separators": "password    ",
    "values in a row": "authorization=",
    "token segments": "eyJaaaaaaaa.",
    "token beginnings": "eyJ-",
    "logins": "://a:b",
    "addresses": "a.b-c@d.e-f.",
    "a run of one letter": "a",
    "base64": "Aa1/",
    "base64 beside a key": "AKIA secret Aa1/",
    "digits": "4",
    "groups of digits": "4111 1111 ",
    "unicode that folds": "\u017fpa\xdfword\u0130=\u212a\u2126",
    "unicode": "é漢😀",
    "blanks": " \t",
    "dashes": "-",
    "tags": "<password.a>",
    "cookies": "cookie: a=",
    "commands": "mysql - ",
    "users": "curl -u a",
    "flags": "--a-password ",
    "references": "password=arn:aws:",
    "key blocks": f"{DASHES}BEGIN PRIVATE KEY{DASHES}",
    "broken key blocks": f"{DASHES}BEGIN PRIVATE KEY ",
    "placeholders": "<password:deadbeef>",
    "broken placeholders": "<password:",
    "schemes": "authorization: a ",
    "doubled quotes": "password 'a''",
    "names that end with pass": "dbpass",
    "defaults": "password=${a",
    "lists": 'password=["a","',
    "objects": "password={value:",
    "pairs": "name: a_password, value ",
    "pairs apart": "name=password, a=b, ",
    "beginnings of pairs": 'key="value',
    "long names of pairs": "name=a.key.pass/value",
    "blocks": "password: |\n  a\n  b\n",
    "beginnings of blocks": "value password: >",
    "deep blocks": "password: |\n    ",
    "marks of a cut": "password=…[cut 1 characters",
}
FIRST_HINTS = {f"{each.kind}: {each.hints[0]}": each.hints[0] for each in PATTERNS if each.hints}
HOSTILE = HANDMADE | FIRST_HINTS

EVERY_HINT = {
    f"{hint}{tail!r}": hint + tail
    for each in PATTERNS
    for hint in each.hints
    for tail in ("", " ", "=", ": ", '="', "x ", string.hexdigits)
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_four_times_the_text_costs_no_more_than_five_times_the_time(unit: str) -> None:
    """Hostile text costs CPU time in proportion to its length, in lines as long as they are searched and in one."""
    assert ratio(lines(unit, 256 * KILOBYTE), lines(unit, 64 * KILOBYTE), LARGEST_RATIO) <= LARGEST_RATIO
    assert ratio(run(unit, 256 * KILOBYTE), run(unit, 64 * KILOBYTE), LARGEST_RATIO) <= LARGEST_RATIO


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_a_long_line_costs_what_short_lines_of_its_text_do(unit: str) -> None:
    """No expression is quadratic within a line either."""
    long, short = lines(unit, LINE_LIMIT), lines(unit, LINE_LIMIT, LINE_LIMIT // 8)
    assert ratio(long, short, LARGEST_RATIO_IN_LINE) <= LARGEST_RATIO_IN_LINE


@pytest.mark.soak
@pytest.mark.parametrize("unit", EVERY_HINT.values(), ids=EVERY_HINT)
def test_no_beginning_of_a_secret_is_quadratic(unit: str) -> None:
    """The same for everything that makes a pattern look at a line, with what may follow it."""
    long, short = lines(unit, LINE_LIMIT), lines(unit, LINE_LIMIT, LINE_LIMIT // 8)
    assert ratio(long, short, LARGEST_RATIO_IN_LINE) <= LARGEST_RATIO_IN_LINE


def run(unit: str, count: int) -> str:
    """Return `count` characters of `unit` over and over."""
    return (unit * (count // len(unit) + 1))[:count]


def lines(unit: str, count: int, length: int = LINE_LIMIT) -> str:
    """Return the same in lines of `length` characters."""
    return f"{run(unit, length - 1)}\n" * (count // length)


def ratio(larger: str, smaller: str, enough: float) -> float:
    """Return how much more CPU time one text takes: of each the least, until that is `enough` or rounds are over.

    Whatever else the machine does only ever adds to a time.
    """
    more = less = float("inf")
    for _ in range(ROUNDS):
        more, less = min(more, seconds(larger)), min(less, seconds(smaller))
        if more <= enough * less:
            break
    return more / less


def seconds(text: str) -> float:
    """Return the CPU time that redacting a text takes once."""
    begun = time.process_time()
    redact(text)
    return time.process_time() - begun
