import string
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from autocloudops.redaction import clean, cut, redact
from autocloudops.redaction.patterns import PATTERNS

LINES = st.lists(st.text(max_size=200), max_size=5).map("\n".join)
HINTS = sorted({hint for pattern in PATTERNS for hint in pattern.hints})
SECRETISH = st.lists(
    st.sampled_from(["password", "secret", "token", "key"])
    | st.sampled_from(["=", ": ", '"', "'", "\\", "<", ">", "@", "://", "x", "a1", " ", "\n", "Aa1/" * 10, "b7" * 20])
    | st.sampled_from(HINTS),
    max_size=40,
).map("".join)
# With a digit, so that none is a word such as `undefined`.
PASSWORDS = st.text(string.ascii_letters + string.digits + "!#$%*+-./?@^_~", min_size=8, max_size=60).map("{}7".format)


@given(st.text(), st.integers(0, 300))
def test_clean_text_is_bounded_and_visible(text: str, limit: int) -> None:
    """Whatever came in, what goes out is within its bound and holds no control, format or surrogate character."""
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    assert not [each for each in cleaned if unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t"]
    cleaned.encode()


@given(LINES | SECRETISH)
@example('password="')
def test_redacting_twice_is_redacting_once(text: str) -> None:
    """A placeholder is never taken for a secret, so that text may pass several rooms."""
    once = redact(text)
    assert redact(once) == once


@given(st.text() | SECRETISH, st.integers(0, 300))
def test_cleaning_twice_is_cleaning_once(text: str, limit: int) -> None:
    """Text that was cleaned and cut is not cut again."""
    once = clean(text, limit)
    assert clean(once, limit) == once


@given(
    st.sampled_from(["password", "DB_PASSWORD", "passwd", "client_secret", "apiKey"]), PASSWORDS, st.text(max_size=50)
)
def test_assigned_secret_never_passes(name: str, password: str, before: str) -> None:
    """A value assigned to a name that means secret is gone, whatever stands in front of it."""
    redacted = redact(f'{before} {name}="{password}" {name}={password} {{"{name}": "{password}"}}')
    assert password not in redacted.removeprefix(before)


@given(st.text(), st.integers(-3, 100))
def test_cut_is_bounded(text: str, limit: int) -> None:
    """No bound is ever exceeded."""
    assert len(cut(text, limit)) <= max(limit, 0) or len(text) <= limit
