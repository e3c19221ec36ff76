import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from virtual_time import START, VirtualClock, run

from autocloudops.errors import ServiceUnavailable
from autocloudops.state.sums import CLOSE_SECONDS, FLUSH_SECONDS, HOT_SECONDS, MOST_IN_SUM, Into, Sum, Sums, Tally

ONE, OTHER = UUID(int=1), UUID(int=2)


class Table:
    """Remembers the sums that were written, and answers as told."""

    def __init__(self, *, takes: bool = True, fails: bool = False) -> None:
        self.written: list[Sum] = []
        self._takes = takes
        self._fails = fails

    async def write(self, total: Sum) -> bool:
        await asyncio.sleep(0.01)
        if self._fails:
            raise ServiceUnavailable("dynamodb:TransactWriteItems", "state", "slow down")
        self.written.append(total)
        return self._takes


def joins(incident_id: UUID = ONE, seconds: float = 0) -> Tally:
    """Return what one member adds."""
    into = Into(incident_id, guarded=True, brings_members=True)
    return Tally(into, 1, START + timedelta(seconds=seconds), place=b"p", family="a")


async def add(sums: Sums, tally: Tally, writing_seconds: float = 0) -> bool:
    """Count a tally whose change takes a while to be written, and return whether it is durable."""
    with sums.ticket(tally.into) as ticket:
        await asyncio.sleep(writing_seconds)
        ticket.count(tally)
    return await ticket.durable()


def written(table: Table, adding: Callable[[Sums], Awaitable[object]]) -> list[Sum]:
    """Return the sums that reach the table when tallies are added as `adding` does."""

    async def scenario() -> None:
        await adding(Sums(table.write, VirtualClock()))

    run(scenario())
    return table.written


def test_a_first_sum_waits_for_a_moment_only() -> None:
    """Nothing was written before it, so it is not hot, however young the clock is."""

    async def adding(sums: Sums) -> None:
        assert await add(sums, joins())
        assert asyncio.get_running_loop().time() < HOT_SECONDS

    assert len(written(Table(), adding)) == 1


def test_what_comes_within_a_moment_is_one_write() -> None:
    """Members of one incident are added up, and everybody learns when the sum is durable."""

    async def adding(sums: Sums) -> None:
        assert await asyncio.gather(*(add(sums, joins(seconds=number)) for number in range(40))) == [True] * 40
        assert asyncio.get_running_loop().time() >= FLUSH_SECONDS

    (total,) = written(Table(), adding)
    assert (len(total.places), total.firing, total.families) == (40, 40, {"a"})
    assert total.newest_at == START + timedelta(seconds=39)
    assert len(total.tallies) == 40


def test_incidents_are_added_up_apart() -> None:
    """Each incident has its own sum, and so have additions that a resolved incident refuses."""

    async def adding(sums: Sums) -> None:
        ended = Tally(Into(ONE, guarded=False, brings_members=False), -1, START)
        await asyncio.gather(*(add(sums, each) for each in (joins(), joins(OTHER), ended)))

    sums = {(total.into.incident_id, total.into.guarded): total.firing for total in written(Table(), adding)}
    assert sums == {(ONE, True): 1, (OTHER, True): 1, (ONE, False): -1}


def test_a_hot_incident_is_written_less_often() -> None:
    """Sums of one incident keep their distance, however many members come."""

    async def adding(sums: Sums) -> None:
        async def one(number: int) -> None:
            await asyncio.sleep(number / 10)
            assert await add(sums, joins())

        await asyncio.gather(*(one(number) for number in range(40)))

    totals = written(Table(), adding)
    assert sum(len(total.places) for total in totals) == 40
    assert len(totals) <= 4 / HOT_SECONDS + 2, "one more for the first moment, and one for what came last"


def test_a_sum_waits_for_the_change_that_carries_its_mark() -> None:
    """A change that takes longer to be written than a sum stays open is in its sum, and later ones are in the next."""

    async def adding(sums: Sums) -> None:
        slow = asyncio.create_task(add(sums, joins(), writing_seconds=5))
        await asyncio.sleep(2)
        assert await add(sums, joins())
        assert await slow

    assert [len(total.places) for total in written(Table(), adding)] == [1, 1]


def test_a_full_sum_makes_room_for_the_next() -> None:
    """No sum lists more changes than its item can hold."""

    async def adding(sums: Sums) -> None:
        assert all(await asyncio.gather(*(add(sums, joins()) for _ in range(MOST_IN_SUM + 1))))

    assert sorted(len(total.places) for total in written(Table(), adding)) == [1, MOST_IN_SUM]


def test_a_change_that_was_not_written_is_not_counted() -> None:
    """Whoever gives a ticket back uncounted adds nothing, and a sum of nothing is not written."""

    async def adding(sums: Sums) -> None:
        with sums.ticket(joins().into) as ticket:
            pass
        assert not await ticket.durable()

    assert written(Table(), adding) == []


def test_a_refusal_reaches_everybody_in_the_sum() -> None:
    """An incident that takes no more says so to each of its members."""

    async def adding(sums: Sums) -> None:
        assert await asyncio.gather(*(add(sums, joins()) for _ in range(3))) == [False] * 3

    assert len(written(Table(takes=False), adding)) == 1


def test_a_failure_reaches_everybody_and_the_next_sum_is_new() -> None:
    """When the write fails all its members fail, and whoever comes later does not."""
    table = Table(fails=True)

    async def adding(sums: Sums) -> None:
        failed = await asyncio.gather(*(add(sums, joins()) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in failed] == [ServiceUnavailable] * 3
        table._fails = False
        assert await add(sums, joins())

    assert [len(total.places) for total in written(table, adding)] == [1]


def test_a_member_that_gives_up_takes_nobody_along() -> None:
    """A cancelled member leaves the sum to the others."""

    async def adding(sums: Sums) -> None:
        leaving, staying = (asyncio.create_task(add(sums, joins())) for _ in range(2))
        await asyncio.sleep(0.01)
        leaving.cancel()
        assert await staying
        with pytest.raises(asyncio.CancelledError):
            await leaving

    assert [len(total.places) for total in written(Table(), adding)] == [2]


def test_what_waits_is_written_before_closing() -> None:
    """Whoever closes the sums goes on when everything that was counted is durable."""
    table = Table()

    async def adding(sums: Sums) -> None:
        leaving = asyncio.create_task(add(sums, joins()))
        await asyncio.sleep(0.01)
        leaving.cancel()
        await sums.aclose()
        assert [len(total.places) for total in table.written] == [1]

    written(table, adding)


def test_a_table_that_does_not_answer_does_not_keep_whoever_closes() -> None:
    """A sum that cannot be written in time is given up, as after a crash, and nothing runs on."""

    async def hang(_: Sum) -> bool:
        await asyncio.sleep(10_000)
        return True

    async def scenario() -> float:
        sums, clock = Sums(hang, VirtualClock()), VirtualClock()
        leaving = asyncio.create_task(add(sums, joins()))
        await asyncio.sleep(0.01)
        leaving.cancel()
        started = clock.monotonic()
        await sums.aclose()
        assert asyncio.all_tasks() <= {asyncio.current_task(), leaving}
        return clock.monotonic() - started

    assert run(scenario()) <= CLOSE_SECONDS + 0.1
