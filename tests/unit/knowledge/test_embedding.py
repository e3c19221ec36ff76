import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import run
from word_vectors import WordVectors, counted

from autocloudops.errors import ModelBrokeOff
from autocloudops.knowledge.embedding import Batching, Embedded, Embedder, batches


@given(st.lists(st.text(max_size=30), max_size=40), st.integers(1, 7), st.integers(1, 60))
def test_batches_hold_every_text_once_within_their_bounds(texts: list[str], most: int, characters: int) -> None:
    """No text is lost, doubled or moved, and only a text that is too long alone exceeds the bound, alone."""
    found = list(batches(texts, Batching(texts=most, characters=characters)))
    assert [place for batch in found for place in batch] == list(range(len(texts)))
    for batch in found:
        size = sum(len(texts[place]) for place in batch)
        assert len(batch) <= most
        assert size <= characters or len(batch) == 1


async def collected(embedder: Embedder, texts: list[str], into: list[Embedded]) -> None:
    """Append what an embedder yields to `into`."""
    async for each in embedder.passages(texts):
        into.append(each)  # noqa: PERF401 - what came before an error is kept


def test_passages_keep_their_order_and_the_bound_of_requests() -> None:
    """Texts go as passages, at most `at_once` requests together, and each vector belongs to its text."""
    endpoint = WordVectors(seconds=1)
    texts = ["disk", "cpu cpu", "queue", "memory", "latency", "disk cpu", "x"]
    found: list[Embedded] = []
    run(collected(Embedder(endpoint, Batching(texts=2, at_once=2)), texts, found))
    vectors = {place: vector for each in found for place, vector in zip(each.places, each.vectors, strict=True)}
    assert vectors == {place: counted(text) for place, text in enumerate(texts)}
    assert endpoint.most_at_once == 2
    assert {each.input_type for each in endpoint.asked} == {"passage"}


def test_what_was_embedded_beside_a_failure_is_not_lost() -> None:
    """Batches that succeeded are yielded before the error of their neighbour is raised."""
    endpoint = WordVectors(errors=[None, ModelBrokeOff("test://words", "broke"), None])
    found: list[Embedded] = []
    with pytest.raises(ModelBrokeOff):
        run(collected(Embedder(endpoint, Batching(texts=1, at_once=3)), ["disk", "cpu", "queue", "memory"], found))
    assert sorted(each.places for each in found) == [(0,), (2,)]
    assert len(endpoint.asked) == 3


def test_a_question_goes_as_query_and_the_model_loses_its_input_type() -> None:
    """Servers that take the input type as the end of the model's name serve one model all the same."""
    endpoint = WordVectors(model="nvidia/embedder-query")
    found = run(Embedder(endpoint).query("disk " * 2000))
    assert found.model == "nvidia/embedder"
    [asked] = endpoint.asked
    assert asked.input_type == "query"
    assert len(asked.texts[0]) == 4000
