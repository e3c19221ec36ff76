import numpy as np
import pytest
from word_vectors import NOW

from autocloudops.errors import InputUnreadable
from autocloudops.knowledge.vectors import Entry, Header, VectorIndex, decoded, unit


def index(rows: int = 50, dimension: int = 16) -> VectorIndex:
    """Return an index of random vectors."""
    vectors = np.random.default_rng(7).standard_normal((rows, dimension)).tolist()
    entries = [Entry(name=f"{n}.md", heading="", digest=str(n)) for n in range(rows)]
    return VectorIndex(Header(model="m", dimension=dimension, created=NOW), entries, unit(vectors))


def test_the_nearest_are_those_with_the_largest_cosine() -> None:
    """Order and scores are those that arithmetic gives, whatever the length of the question's vector."""
    made = index()
    question = np.random.default_rng(8).standard_normal(16)
    rows = np.stack([made.known()[str(n)] for n in range(50)])
    cosines = rows @ (question / np.linalg.norm(question))
    found = made.nearest((question * 9).tolist(), 5, -1, lambda _: True)
    assert [hit.entry.digest for hit in found] == [str(n) for n in np.argsort(-cosines)[:5]]
    assert [hit.score for hit in found] == pytest.approx(sorted(cosines, reverse=True)[:5], abs=1e-6)


def test_only_what_counts_and_is_near_enough_is_found() -> None:
    """Entries that are not kept take nobody's place, and none is below the least score."""
    made = index()
    vector = made.known()["3"].tolist()
    found = made.nearest(vector, 3, 0.3, lambda entry: entry.digest != "3")
    assert "3" not in [hit.entry.digest for hit in found]
    assert all(hit.score >= 0.3 for hit in found)


def test_a_file_gives_back_the_index() -> None:
    """What was written is read again, with scores that differ by less than 0.001."""
    made = index()
    again = decoded("here", made.encoded())
    assert (again.header, again.entries) == (made.header, made.entries)
    vector = made.known()["0"].tolist()
    before, after = (each.nearest(vector, 50, -1, lambda _: True) for each in (made, again))
    scores = {hit.entry.digest: hit.score for hit in after}
    assert all(abs(scores[hit.entry.digest] - hit.score) < 0.001 for hit in before)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}\n",
        index(2).encoded()[:-1],
        index(2).encoded() + b"x",
        index(2).encoded().replace(b'"model"', b'"format":9,"model"'),
    ],
)
def test_what_is_no_index_is_refused_with_advice(body: bytes) -> None:
    """A broken, cut or newer file is never half read."""
    with pytest.raises(InputUnreadable, match="index --rebuild"):
        decoded("here", body)
