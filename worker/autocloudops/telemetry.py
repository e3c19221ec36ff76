"""Logs: one JSON object a line to stderr, redacted."""

import json
import logging
import sys
from datetime import UTC, datetime

from autocloudops.redaction import redact, visible_json


class JsonLines(logging.Formatter):
    """Formats a record as one redacted JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return visible_json(json.dumps(line, ensure_ascii=False))


def configure_logging(level: str) -> None:
    """Send everything from `level` upwards to stderr; libraries only warn.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("autocloudops").setLevel(level)
