"""What may be seen of text from outside: visible characters, no secrets, a bounded length."""

import json
import re

from autocloudops.redaction.cutting import cut
from autocloudops.redaction.redacting import redact

_LINE_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")

# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt (zero-width, bidi, variation selectors, tags,
# fillers), the interlinear annotation marks, and surrogates, which no UTF-8 sink can take.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff]"
)

# ECMA-48: control sequences, control strings (OSC, DCS, SOS, PM, APC) and two-character escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,4}[0-~]"
)

_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")

# What JSON itself leaves unescaped of those.
_HIDDEN = re.compile(rf"{_INVISIBLE.pattern}|[\x7f-\x9f\u2028\u2029]")


def clean(text: str, limit: int) -> str:
    """Return `text` as a person may see it and a model may read it: visible, redacted, at most `limit` characters.

    What is invisible goes first, so that none of it can split a secret.

    Args:
        text: any text from outside.
        limit: the bound in characters; see `cut` for the mark.
    """
    return cut(redact(visible(text)), limit)


def visible(text: str) -> str:
    """Return `text` without terminal escapes and characters that nobody sees.

    Those are control, zero-width, bidirectional, variation-selector and tag characters. Line feeds and tabs stay; other
    line breaks become line feeds.
    """
    shown = _INVISIBLE.sub("", _LINE_BREAKS.sub("\n", text))
    return _CONTROLS.sub("", _ESCAPES.sub("", shown))


def visible_json(document: str) -> str:
    """Return a JSON text that says the same and hides nothing: control and invisible characters are escaped.

    Args:
        document: JSON, as `json.dumps` writes it.
    """
    return _HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], document)
