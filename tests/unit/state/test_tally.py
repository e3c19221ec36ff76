import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from virtual_time import START, VirtualClock, run

from autocloudops.errors import ServiceUnavailable
from autocloudops.state.tally import FLUSH_SECONDS, Tallies, Tally

ONE, OTHER = UUID(int=1), UUID(int=2)


class Table:
    """Remembers the sums that were written, and answers as told."""

    def __init__(self, *, takes: bool = True, fails: bool = False) -> None:
        self.written: list[Tally] = []
        self._takes = takes
        self._fails = fails

    async def write(self, tally: Tally) -> bool:
        await asyncio.sleep(0.01)
        if self._fails:
            raise ServiceUnavailable("dynamodb:UpdateItem", "state", "slow down")
        self.written.append(tally)
        return self._takes


def joins(incident_id: UUID = ONE, seconds: float = 0) -> Tally:
    """Return what one member adds."""
    at = START + timedelta(seconds=seconds)
    return Tally(incident_id=incident_id, guarded=True, members=1, firing=1, last_member_at=at, families={"a"})


def written(table: Table, add: Callable[[Tallies], Awaitable[object]]) -> list[Tally]:
    """Return the sums that reach the table when tallies are added as `add` does."""

    async def scenario() -> None:
        await add(Tallies(table.write, VirtualClock()))

    run(scenario())
    return table.written


def test_what_comes_within_a_moment_is_one_write() -> None:
    """Members of one incident are added up, and everybody learns when the sum is durable."""

    async def add(tallies: Tallies) -> None:
        assert await asyncio.gather(*(tallies.add(joins(seconds=number)) for number in range(40))) == [True] * 40
        assert asyncio.get_running_loop().time() >= FLUSH_SECONDS

    (total,) = written(Table(), add)
    assert (total.members, total.firing, total.families) == (40, 40, {"a"})
    assert total.last_member_at == START + timedelta(seconds=39)


def test_incidents_are_added_up_apart() -> None:
    """Each incident has its own sum, and so have additions that a resolved incident refuses."""

    async def add(tallies: Tallies) -> None:
        late = Tally(incident_id=ONE, guarded=False, firing=-1)
        await asyncio.gather(tallies.add(joins()), tallies.add(joins(OTHER)), tallies.add(late))

    sums = {(total.incident_id, total.guarded): total.firing for total in written(Table(), add)}
    assert sums == {(ONE, True): 1, (OTHER, True): 1, (ONE, False): -1}


def test_what_comes_while_a_sum_is_written_is_in_the_next() -> None:
    """Nothing is added to a sum that is already on its way."""

    async def add(tallies: Tallies) -> None:
        first = asyncio.create_task(tallies.add(joins()))
        await asyncio.sleep(FLUSH_SECONDS + 0.005)
        await asyncio.gather(first, tallies.add(joins()))

    assert [total.members for total in written(Table(), add)] == [1, 1]


def test_a_refusal_reaches_everybody_in_the_sum() -> None:
    """An incident that takes no more says so to each of its members."""

    async def add(tallies: Tallies) -> None:
        assert await asyncio.gather(*(tallies.add(joins()) for _ in range(3))) == [False] * 3

    assert len(written(Table(takes=False), add)) == 1


def test_a_failure_reaches_everybody_and_the_next_sum_is_new() -> None:
    """When the write fails all its members fail, and whoever comes later does not."""
    table = Table(fails=True)

    async def add(tallies: Tallies) -> None:
        failed = await asyncio.gather(*(tallies.add(joins()) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in failed] == [ServiceUnavailable] * 3
        table._fails = False
        assert await tallies.add(joins())

    assert [total.members for total in written(table, add)] == [1]


def test_a_member_that_gives_up_takes_nobody_along() -> None:
    """A cancelled member leaves the sum to the others."""

    async def add(tallies: Tallies) -> None:
        leaving, staying = (asyncio.create_task(tallies.add(joins())) for _ in range(2))
        await asyncio.sleep(0.01)
        leaving.cancel()
        assert await staying
        with pytest.raises(asyncio.CancelledError):
            await leaving

    assert [total.members for total in written(Table(), add)] == [2]
