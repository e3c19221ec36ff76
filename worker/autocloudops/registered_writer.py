"""A writer of the audit, as the audit registers it and the state table keeps it."""

from datetime import datetime
from typing import NamedTuple


class RegisteredWriter(NamedTuple):
    """What is known of a writer.

    Args:
        writer_id: the id that its keys and lines carry.
        started: when it was registered.
        seen: when its last object was durable, or when it started.
        sequence: the number of that object, counted from 0; None where there is none yet.
        lines: how many lines it had written with that object.
        head: the digest of the last of them.
        ended: whether it writes no more; a writer that died stays unclosed.
    """

    writer_id: str
    started: datetime
    seen: datetime
    sequence: int | None = None
    lines: int = 0
    head: str = ""
    ended: bool = False
