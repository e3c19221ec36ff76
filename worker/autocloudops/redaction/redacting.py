"""Secrets out of text, in time proportional to its length."""

import re
from collections.abc import Callable, Iterator, Sequence

from autocloudops.redaction.addresses import ADDRESSES
from autocloudops.redaction.cutting import cut
from autocloudops.redaction.pattern import LINE_LIMIT, TOKEN_LENGTH, Pattern
from autocloudops.redaction.patterns import PATTERNS
from autocloudops.redaction.placeholders import placeholder, use_key

_KEY_BLOCK_MARK = "PRIVATE KEY"
_KEY_BLOCK_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BLOCK_END = re.compile(r"-----END (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----")


_TOKENS = re.compile(rf"[A-Za-z0-9_.-]{{{TOKEN_LENGTH},}}")

# Hints with the numbers of their patterns, which are in the order in which patterns are applied.
Hints = tuple[tuple[str, int], ...]


class Redactor:
    """Replaces what a table of patterns finds.

    Args:
        patterns: in the order in which a line is searched for them.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = tuple(each for each in patterns if not each.spanning)
        self._spanning = tuple(each for each in patterns if each.spanning)
        self._of_tokens = self._hints(lambda pattern: pattern.lone)
        self._as_written = self._hints(lambda pattern: not (pattern.lone or pattern.folded))
        self._folded = self._hints(lambda pattern: pattern.folded)
        self._unhinted = tuple((each.expression.search, at) for at, each in enumerate(self._patterns) if not each.hints)

    def redact(self, text: str) -> str:
        """Return `text` with secrets replaced; see the function `redact`."""
        if _KEY_BLOCK_MARK in text:
            text = _without_key_blocks(text)
        text = _redact_line(text, self._spanning)
        if len(text) <= LINE_LIMIT:
            return self._redact_block(text)
        return "\n".join(self._redact_block(cut(block, LINE_LIMIT)) for block in _blocks(text))

    def _redact_block(self, text: str) -> str:
        possible = self._possible(text)
        if not possible:
            return text
        return "\n".join(_redact_line(line, possible) for line in text.split("\n"))

    def _hints(self, wanted: Callable[[Pattern], bool]) -> Hints:
        numbered = [(number, pattern) for number, pattern in enumerate(self._patterns) if wanted(pattern)]
        return tuple((hint, number) for number, pattern in numbered for hint in pattern.hints)

    def _possible(self, text: str) -> list[Pattern]:
        """Return the patterns that `text` may hold, in their order."""
        lowered = text.lower()
        found = [number for hint, number in self._folded if hint in lowered]
        found += [number for hint, number in self._as_written if hint in text]
        found += [number for search, number in self._unhinted if search(text)]
        if tokens := _TOKENS.findall(text):
            joined = " ".join(tokens)
            found += [number for hint, number in self._of_tokens if hint in joined]
        return [self._patterns[number] for number in sorted(set(found))]


class _Process:
    """What this process redacts with."""

    __slots__ = ("redactor",)

    def __init__(self) -> None:
        self.redactor = Redactor(PATTERNS)


_PROCESS = _Process()


def configure(key: bytes | None = None, *, addresses: bool = False) -> None:
    """Choose how this process redacts. Call once, before any text is redacted.

    Args:
        key: at least 16 random bytes, the same for every process whose texts are to be joined: equal secrets then have
            equal placeholders in all of them. Without it, they have within one process only.
        addresses: also replace Internet addresses, which are evidence unless a team's rules make them personal data.

    Raises:
        SettingsInvalid: the key is too short.
    """
    if key is not None:
        use_key(key)
    _PROCESS.redactor = Redactor((*PATTERNS, *ADDRESSES) if addresses else PATTERNS)


def redact(text: str) -> str:
    """Return `text` with each secret that a known pattern finds replaced by `<kind:digest>`.

    Kinds are `patterns.KINDS`; `placeholders.placeholder` has the digest. A line over `pattern.LINE_LIMIT` characters
    is cut before it is searched, because what is not searched must not pass. What was redacted before stays as it is.

    Args:
        text: any text, of one line or many.
    """
    return _PROCESS.redactor.redact(text)


def _blocks(text: str) -> Iterator[str]:
    """Yield as many whole lines as fit into `LINE_LIMIT` characters, or one line that does not."""
    start = 0
    while len(text) - start > LINE_LIMIT:
        end = text.rfind("\n", start, start + LINE_LIMIT + 1)
        if end < 0:
            end = text.find("\n", start + LINE_LIMIT)
        if end < 0:
            break
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _redact_line(line: str, possible: Sequence[Pattern]) -> str:
    original, lowered = line, line.lower()
    for pattern in possible:
        if pattern.hinted(lowered if pattern.folded else original):
            line = pattern.replace(line)
    return line


def _without_key_blocks(text: str) -> str:
    """Replace private key blocks; one without its end reaches to the end of the text."""
    pieces: list[str] = []
    position = 0
    while begin := _KEY_BLOCK_BEGIN.search(text, position):
        end = _KEY_BLOCK_END.search(text, begin.end())
        stop = end.end() if end else len(text)
        pieces += (text[position : begin.start()], placeholder("private-key", text[begin.start() : stop]))
        position = stop
    pieces.append(text[position:])
    return "".join(pieces)
