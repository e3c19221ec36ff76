import json

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from autocloudops.sandbox.endpoint.frames import Cutter, exception, payload_part


def _read(frame: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and payload as the SDK's own decoder reads them."""
    buffer = EventStreamBuffer()
    buffer.add_data(frame)
    (message,) = [each.to_response_dict() for each in buffer]
    return message["headers"], message["body"]


@settings(deadline=None)
@given(st.binary(max_size=2_000))
def test_a_part_is_read_back_by_the_sdk(part: bytes) -> None:
    """The SDK finds the event's type, and the payload with right checksums."""
    headers, payload = _read(payload_part(part))
    assert (headers[":message-type"], headers[":event-type"]) == ("event", "PayloadPart")
    assert payload == part


def test_an_exception_has_its_type_and_members() -> None:
    """An exception is marked as one, and its members are JSON."""
    headers, payload = _read(exception("ModelStreamError", {"ErrorCode": "StreamBroken"}))
    assert (headers[":message-type"], headers[":exception-type"]) == ("exception", "ModelStreamError")
    assert json.loads(payload) == {"ErrorCode": "StreamBroken"}


def test_a_changed_byte_is_noticed() -> None:
    """The checksum covers the payload."""
    buffer = EventStreamBuffer()
    buffer.add_data(payload_part(b"abc").replace(b"abc", b"abd"))
    with pytest.raises(ChecksumMismatch):
        list(buffer)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20)), st.none() | st.integers(min_value=1, max_value=30))
def test_cutting_loses_nothing(parts: list[bytes], size_bytes: int | None) -> None:
    """The pieces are the parts in order, each of the size that was asked for but the last."""
    cutter = Cutter(size_bytes)
    pieces = [piece for part in parts for piece in cutter.cut(part)]
    assert b"".join(pieces) + cutter.rest() == b"".join(parts)
    assert pieces == parts if size_bytes is None else {len(piece) for piece in pieces} <= {size_bytes}
    assert len(cutter.rest()) < (size_bytes or 1)
