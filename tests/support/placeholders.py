"""Redacted text without the digests in its placeholders, which every process makes with a key of its own."""

import re

_DIGEST = re.compile(r"<([a-z]+(?:-[a-z]+)*):[0-9a-f]{8}>")


def bare(text: str) -> str:
    """Return `text` with `<kind>` where it has `<kind:digest>`."""
    return _DIGEST.sub(r"<\1>", text)
