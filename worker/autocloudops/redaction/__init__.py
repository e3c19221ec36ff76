"""Text from outside, made safe to show: secrets replaced, invisible characters gone, length bounded. Pure."""

from autocloudops.redaction.cleaning import clean, visible, visible_json
from autocloudops.redaction.cutting import cut
from autocloudops.redaction.redacting import configure, redact
from autocloudops.redaction.values import redact_json

__all__ = ["clean", "configure", "cut", "redact", "redact_json", "visible", "visible_json"]
