"""A streamed answer does not depend on where its bytes were cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_server import sse

from autocloudops.diagnosis.endpoint import Completion
from autocloudops.errors import ModelBrokeOff
from autocloudops.inference.stream import StreamedReply

PIECES = st.lists(st.text(max_size=8), max_size=5)
ENDINGS = st.sampled_from(["\n\n", "\r\n\r\n"])
CUTS = st.lists(st.integers(min_value=0, max_value=2000), max_size=20)


def completion(chunks: list[bytes]) -> Completion:
    """Return the answer in these chunks."""
    reply = StreamedReply("https://nim/v1", "asked/model")
    for chunk in chunks:
        reply.feed(chunk)
    return reply.completion()


@given(pieces=PIECES, ending=ENDINGS, cuts=CUTS)
def test_any_cut_gives_the_same_answer(pieces: list[str], ending: str, cuts: list[int]) -> None:
    """Chunks cut anywhere, empty ones included, give the pieces in their order, and what is not text besides."""
    raw = sse(*pieces, ending=ending)
    places = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    found = completion([raw[start:end] for start, end in pairwise(places)])
    assert found.content == ("".join(pieces) or None)
    assert (found.finish_reason, found.prompt_tokens, found.completion_tokens) == ("stop", 11, 7)


@given(pieces=PIECES, ending=ENDINGS, at=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_break_gives_the_whole_answer_or_none(pieces: list[str], ending: str, at: float) -> None:
    """Wherever a stream breaks, no part of an answer passes for an answer."""
    raw, end = sse(*pieces, ending=ending), ending.encode()
    kept = raw[: int(at * len(raw))]
    through = raw.index(end, raw.index(b'"finish_reason": "stop"')) + len(end)
    try:
        content = completion([kept]).content
    except ModelBrokeOff:
        assert len(kept) < through
    else:
        assert content == ("".join(pieces) or None)


@given(raw=st.binary(max_size=300), cuts=CUTS)
def test_no_bytes_break_the_parser(raw: bytes, cuts: list[int]) -> None:
    """Whatever comes, whole or behind `data:`, is an answer or a failure with a name."""
    for prefix in (b"", b"data: "):
        places = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
        chunks = [prefix, *(raw[start:end] for start, end in pairwise(places))]
        with pytest.raises(ModelBrokeOff):
            completion(chunks)
