"""The table of secrets, in the order in which a line is searched: what tells itself before what its place tells.

A new kind is one row of `vendors`, `named` or `cards`. What spans lines comes first, while all lines are there.
"""

from autocloudops.redaction.cards import CARD
from autocloudops.redaction.named import COMMANDS, EMAIL, HEADERS, NAMES, URLS
from autocloudops.redaction.paired import PAIRED
from autocloudops.redaction.pattern import Pattern
from autocloudops.redaction.vendors import AWS, AWS_SECRET_KEY, JWT, TOKENS

PATTERNS: tuple[Pattern, ...] = (
    *PAIRED,
    *AWS,
    JWT,
    *TOKENS,
    AWS_SECRET_KEY,
    *HEADERS,
    *URLS,
    *COMMANDS,
    *NAMES,
    EMAIL,
    CARD,
)
KINDS = ("private-key", *dict.fromkeys(pattern.kind for pattern in PATTERNS))
