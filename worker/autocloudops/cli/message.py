"""One message body, from a file or standard input."""

import sys
from pathlib import Path

from autocloudops.errors import InputUnreadable

STANDARD_INPUT = "-"


def read_body(file: str) -> str:
    """Return the message in `file`, or on standard input where it is `-`.

    Raises:
        InputUnreadable: it cannot be read, or is no UTF-8 text.
    """
    try:
        raw = sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InputUnreadable(
            f"{file}: {why}", "name a file that holds one message, or - for standard input"
        ) from error
