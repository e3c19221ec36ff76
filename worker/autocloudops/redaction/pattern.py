"""How one kind of secret looks, and the words without which no line is searched for it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from autocloudops.redaction.placeholders import placeholder

LINE_LIMIT = 8192
TOKEN_LENGTH = 20

QUOTE = r"(?:\\{0,3}[\"']|%2[27])"
DELIMITERS = r"\s\"',;&)}\]"


def _any(_: str) -> bool:
    return True


@dataclass(frozen=True)
class Pattern:
    """One kind of secret.

    Every expression is anchored and every repetition bounded, and none starts inside a run that it could itself
    consume, so that a line costs time in proportion to its length. It is compiled when a text first has one of its
    hints: to compile all of them is a twentieth of a cold start.

    Args:
        kind: the placeholder's name.
        hints: words of which a line with this kind has at least one; in lower case where the expression ignores case.
            Without hints the expression itself is looked for.
        source: the expression that matches the secret, and before it, as the group `keep`, what stays in front of the
            placeholder.
        accepts: tells whether what was matched is a secret, where its look alone does not say so.
        lone: the hint begins a run of at least `TOKEN_LENGTH` letters, digits, and `_`, `.` and `-`.
        folded: the expression ignores case, and its hints with it.
        spanning: a secret may stand on another line than what tells it, so that whole texts are searched, not lines.
    """

    kind: str
    hints: tuple[str, ...]
    source: str
    accepts: Callable[[str], bool] = _any
    lone: bool = False
    folded: bool = False
    spanning: bool = False

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The expression, compiled."""
        return re.compile(self.source, re.IGNORECASE if self.folded else 0)

    def hinted(self, line: str) -> bool:
        """Tell whether `line`, in lower case where the expression ignores case, can hold this kind at all."""
        return not self.hints or any(hint in line for hint in self.hints)

    def replace(self, line: str) -> str:
        """Return `line` with every secret of this kind replaced."""
        return self.expression.sub(self._replaced, line)

    def _replaced(self, match: re.Match[str]) -> str:
        keep = match["keep"] if "keep" in match.re.groupindex else ""
        secret = match[0][len(keep) :]
        return f"{keep}{placeholder(self.kind, secret)}" if self.accepts(secret) else match[0]
