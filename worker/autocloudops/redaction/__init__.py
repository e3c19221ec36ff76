"""Text from outside, made safe to show: secrets replaced, invisible characters gone, length bounded. Pure."""

from autocloudops.redaction.cleaning import clean
from autocloudops.redaction.cutting import cut
from autocloudops.redaction.redacting import redact

__all__ = ["clean", "cut", "redact"]
