import base64
import json
import math
from struct import unpack

import pytest

from autocloudops.sandbox.endpoint import HashEmbeddingEngine
from autocloudops.sandbox.endpoint.embeddings import (
    EmbeddingRequest,
    embedding_body,
    parse_embedding,
    shortened,
)
from autocloudops.sandbox.endpoint.wire import Fault

ENGINE = HashEmbeddingEngine(dimensions=64, max_tokens=4)
MODEL = "simulated/hash-embedding"


def _parsed(**changes: object) -> EmbeddingRequest | Fault:
    body = {"model": MODEL, "input": ["disk full"], "input_type": "query", **changes}
    return parse_embedding(
        json.dumps({key: value for key, value in body.items() if value is not None}).encode(), ENGINE
    )


def _request(**changes: object) -> EmbeddingRequest:
    request = _parsed(**changes)
    assert isinstance(request, EmbeddingRequest)
    return request


def _cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


async def test_texts_that_share_words_are_near() -> None:
    """The cosine of two texts grows with the words that they share, in whatever order and case."""
    engine = HashEmbeddingEngine()
    same, near, far = "disk is full", "Full disk again", "queue latency"
    vectors = await engine.embed([same, near, far, "FULL, is disk!"])
    assert _cosine(vectors[0], vectors[1]) > _cosine(vectors[0], vectors[2]) + 0.3
    assert _cosine(vectors[0], vectors[3]) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", "…", "a", "ж" * 100])
async def test_every_text_has_a_vector_of_length_one(text: str) -> None:
    """No text is without direction."""
    (vector,) = await ENGINE.embed([text])
    assert len(vector) == 64
    assert math.hypot(*vector) == pytest.approx(1)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"input_type": None}, 400, "'input_type' parameter is required"),
        ({"input_type": "document"}, 400, "input_type"),
        ({"input": []}, 400, "input"),
        ({"model": "nvidia/other"}, 404, "does not exist"),
        ({"input": "x" * 20}, 400, "Input length 5 exceeds maximum allowed token size 4"),
        ({"dimensions": 65}, 400, "dimensions"),
        ({"encoding_format": "hex"}, 400, "encoding_format"),
    ],
)
def test_what_an_embedding_nim_refuses(changes: dict[str, object], status: int, said: str) -> None:
    """A refused body is a ModelError with the container's status and the reason."""
    refusal = _parsed(**changes)
    assert isinstance(refusal, Fault)
    original = json.loads(refusal.body["OriginalMessage"])["error"]
    assert (refusal.body["OriginalStatusCode"], said in original["message"]) == (status, True)


@pytest.mark.parametrize("suffix", ["query", "passage"])
def test_the_models_name_may_say_the_type(suffix: str) -> None:
    """With a suffix to the model's name no input_type is needed."""
    assert _request(model=f"{MODEL}-{suffix}", input_type=None).texts == ("disk full",)


@pytest.mark.parametrize(("truncate", "kept"), [("START", "b" * 16), ("END", "a" * 4 + "b" * 12)])
def test_long_texts_are_cut_on_the_side_that_is_asked_for(truncate: str, kept: str) -> None:
    """With truncate a long text is cut to the model's length instead of refused."""
    assert shortened(_request(input="aaaa" + "b" * 16, truncate=truncate), ENGINE.max_tokens) == [kept]


async def test_fewer_dimensions_are_a_normalised_beginning() -> None:
    """A shorter vector is the beginning of the long one, with length 1 again."""
    request = _request(dimensions=16)
    (full,) = await ENGINE.embed(request.texts)
    (datum,) = embedding_body(request, [full], 3)["data"]
    length = math.hypot(*full[:16])
    assert datum["embedding"] == pytest.approx([value / length for value in full[:16]])


async def test_base64_holds_little_endian_floats() -> None:
    """The packed vector is the plain one in 32-bit floats."""
    request = _request(encoding_format="base64")
    (full,) = await ENGINE.embed(request.texts)
    (datum,) = embedding_body(request, [full], 3)["data"]
    assert unpack("<64f", base64.b64decode(datum["embedding"])) == pytest.approx(tuple(full))
