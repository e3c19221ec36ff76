"""Frames of `application/vnd.amazon.eventstream`, the encoding in which InvokeEndpointWithResponseStream answers.

A frame is: total length, header length, CRC-32 of these two, headers, payload, CRC-32 of all before it. Every number is
big-endian; every header here is a string (type 7). Source: AWS, event stream encoding.
"""

import json
from binascii import crc32
from collections.abc import Iterator, Mapping
from struct import pack

STRING = 7
OVERHEAD_BYTES = 16


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one frame with string headers."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = pack("!II", OVERHEAD_BYTES + len(head) + len(payload), len(head))
    checked = prelude + pack("!I", crc32(prelude)) + head + payload
    return checked + pack("!I", crc32(checked))


def _header(name: str, value: str) -> bytes:
    key, said = name.encode(), value.encode()
    return pack("!B", len(key)) + key + pack("!BH", STRING, len(said)) + said


def payload_part(part: bytes) -> bytes:
    """Return the event that carries `part` of the container's answer."""
    headers = {
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    return frame(headers, part)


def exception(kind: str, body: Mapping[str, str]) -> bytes:
    """Return the exception that ends a stream.

    Args:
        kind: `ModelStreamError` or `InternalStreamFailure`.
        body: its members.
    """
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps(body).encode())


class Cutter:
    """Cuts a stream of bytes into pieces of one size, wherever that falls; the last piece may be shorter.

    Args:
        size_bytes: the size of a piece; None leaves every part as it came.
    """

    def __init__(self, size_bytes: int | None) -> None:
        self._size = size_bytes
        self._held = b""

    def cut(self, part: bytes) -> Iterator[bytes]:
        """Yield the pieces that are complete with `part`."""
        if self._size is None:
            yield part
            return
        self._held += part
        while len(self._held) >= self._size:
            yield self._held[: self._size]
            self._held = self._held[self._size :]

    def rest(self) -> bytes:
        """Return what is left of the last piece."""
        return self._held
