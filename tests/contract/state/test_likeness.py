from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from state_tables import new_table

from autocloudops.clock import SystemClock
from autocloudops.entrypoints.wiring import open_table
from autocloudops.incidents.past import PastVector, VectorSpace
from autocloudops.state.likeness import RETENTION, DynamoLikeness

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPACE = VectorSpace(account="111122223333", model="test/words", dimension=2)


class MovedClock(SystemClock):
    """A clock that runs, while its wall time stands where a test puts it."""

    at = NOON

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> MovedClock:
    """Return a clock of this test's own."""
    return MovedClock()


@pytest.fixture
async def vectors(emulator: str, stack: AsyncExitStack, clock: MovedClock) -> DynamoLikeness:
    """Return vectors in a table of this test's own, on each emulator in turn."""
    assert emulator
    client = await open_table(stack)
    return DynamoLikeness(client, await new_table(client), clock)


def vector(
    number: int, minutes: float = 0, space: VectorSpace = SPACE, numbers: bytes = b"\x00\x3c\x00\x00"
) -> PastVector:
    """Return the vector of one decision, some minutes before noon."""
    at = NOON - timedelta(minutes=minutes)
    return PastVector(incident_id=UUID(int=number), owner_key="o", space=space, decided_at=at, numbers=numbers)


async def test_the_newest_vectors_are_read_as_they_were_kept(vectors: DynamoLikeness) -> None:
    """The newest come first, as many as are wanted, with the bytes and the owner that were written."""
    for each in (vector(1, 30), vector(2, 10), vector(3, 20)):
        await vectors.keep(each)
    assert await vectors.newest(SPACE, 2) == (vector(2, 10), vector(3, 20))


async def test_a_later_decision_takes_the_place(vectors: DynamoLikeness) -> None:
    """Of an incident that was asked about twice only the last vector counts."""
    await vectors.keep(vector(1, 30))
    await vectors.keep(vector(1, 10, numbers=b"\x00\x00\x00\x3c"))
    assert await vectors.newest(SPACE, 5) == (vector(1, 10, numbers=b"\x00\x00\x00\x3c"),)


@pytest.mark.parametrize("other", [{"model": "test/other"}, {"dimension": 3}, {"account": "444455556666"}])
async def test_vectors_of_another_model_or_account_stay_apart(
    vectors: DynamoLikeness, other: dict[str, object]
) -> None:
    """No question is ever compared with what another model made, or with what another account had."""
    await vectors.keep(vector(1, space=SPACE.model_copy(update=other)))
    assert await vectors.newest(SPACE, 5) == ()


async def test_vectors_expire(vectors: DynamoLikeness, clock: MovedClock) -> None:
    """After 180 days an incident is found by its owner and metric only."""
    await vectors.keep(vector(1))
    clock.at = NOON + RETENTION - timedelta(days=1)
    assert len(await vectors.newest(SPACE, 5)) == 1
    clock.at = NOON + RETENTION
    assert await vectors.newest(SPACE, 5) == ()
