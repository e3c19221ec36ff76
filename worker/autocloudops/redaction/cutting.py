"""The one way in which text is shortened, so that a reader always sees that it was."""

import re

# The mark as an expression.
MARK = r"…\[cut \d{1,12} characters\]"

# The beginning of a placeholder, which a bound may leave over.
_LONGEST_PLACEHOLDER = 80
_PIECE = re.compile(r"<[a-z]{0,16}(?:-[a-z]{0,16}){0,3}(?::[0-9a-f]{0,8})?\Z")


def cut(text: str, limit: int) -> str:
    """Return `text` in at most `limit` characters, ending in `…[cut N characters]` where N were left out.

    A placeholder stays whole or goes: half of one would be taken for a secret by whoever redacts the text again.

    Args:
        text: any text.
        limit: the bound in characters, the mark included. A bound too small for the mark leaves the mark out.
    """
    if len(text) <= limit:
        return text
    widest_mark = _mark(len(text))
    kept = limit - len(widest_mark)
    if kept <= 0:
        return text[: max(limit, 0)]
    kept = _before_piece(text, kept)
    return text[:kept] + _mark(len(text) - kept)


def _before_piece(text: str, end: int) -> int:
    """Return `end`, or where the placeholder begins that `end` would break."""
    piece = _PIECE.search(text, max(0, end - _LONGEST_PLACEHOLDER), end)
    return piece.start() if piece else end


def _mark(count: int) -> str:
    return f"…[cut {count} characters]"
