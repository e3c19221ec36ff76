"""How one kind of secret looks, and the words without which no line is searched for it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from autocloudops.redaction.placeholders import placeholder

LINE_LIMIT = 8192
TOKEN_LENGTH = 20

QUOTE = r"\\{0,3}[\"']"
DELIMITERS = r"\s\"',;&)}\]"


def _any(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of secret.

    Every expression is anchored and every repetition bounded, and none starts inside a run that it could itself
    consume, so that a line costs time in proportion to its length.

    Args:
        kind: the placeholder's name.
        hints: words of which a line with this kind has at least one; in lower case where the expression ignores case.
            Without hints the expression itself is looked for.
        expression: matches the secret, and before it, as the group `keep`, what stays in front of the placeholder.
        accepts: tells whether what was matched is a secret, where its look alone does not say so.
        lone: the hint begins a run of at least `TOKEN_LENGTH` letters, digits, and `_`, `.` and `-`.
    """

    kind: str
    hints: tuple[str, ...]
    expression: re.Pattern[str]
    accepts: Callable[[str], bool] = _any
    lone: bool = False
    folded: bool = field(init=False)

    def __post_init__(self) -> None:
        """Note whether the expression ignores case, and its hints with it."""
        object.__setattr__(self, "folded", bool(self.expression.flags & re.IGNORECASE))

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
