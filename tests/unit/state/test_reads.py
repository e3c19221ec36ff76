"""How reads that are wanted at once become one."""

import asyncio
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import run

from autocloudops.errors import ServiceUnavailable
from autocloudops.state.items import text
from autocloudops.state.reads import READERS, Place, Reads

if TYPE_CHECKING:
    from autocloudops.state.items import StoredItem

A, B = ("p", "a"), ("p", "b")


class Shelf:
    """Where every place holds the number of the read that saw it, and a read takes a second.

    Args:
        fails: which reads fail.
        hangs: which reads never end.
    """

    def __init__(self, fails: Collection[int] = (), hangs: Collection[int] = ()) -> None:
        self.asked: list[set[Place]] = []
        self._fails = fails
        self._hangs = hangs

    async def read(self, places: Collection[Place]) -> Mapping[Place, "StoredItem"]:
        number = len(self.asked)
        self.asked.append(set(places))
        await asyncio.sleep(1e9 if number in self._hangs else 1)
        if number in self._fails:
            raise ServiceUnavailable("dynamodb:BatchGetItem", "state", "down")
        return {place: {"sk": {"S": place[1]}, "read": {"N": str(number)}} for place in places}


def seen(items: "list[StoredItem]") -> list[int]:
    """Return which read saw each item."""
    return [int(item["read"]["N"]) for item in items]


def test_what_is_wanted_while_reads_are_under_way_is_read_together_and_each_place_once() -> None:
    """Sixty askers of two places cost two reads besides those that went out at once."""
    shelf = Shelf()
    reads = Reads(shelf.read, 100)

    async def scenario() -> None:
        first = [asyncio.create_task(reads.all([("p", str(number))])) for number in range(READERS)]
        await asyncio.sleep(0.5)
        rest = [asyncio.create_task(reads.all([A, B])) for _ in range(60)]
        await asyncio.gather(*first, *rest)

    run(scenario())
    assert shelf.asked[-1] == {A, B}
    assert sum(map(len, shelf.asked)) == READERS + 2


def test_nobody_is_given_a_read_that_began_before_they_asked() -> None:
    """A place that is being read is read again for whoever asks meanwhile: its write may lie in between."""
    shelf = Shelf()
    reads = Reads(shelf.read, 100)

    async def scenario() -> tuple[list[int], list[int]]:
        early = asyncio.create_task(reads.all([A]))
        await asyncio.sleep(0.5)
        late = await reads.all([A])
        return seen(await early), seen(late)

    assert run(scenario()) == ([0], [1])


def test_a_read_that_fails_is_raised_wherever_it_was_asked_for_and_nowhere_else() -> None:
    """Both askers of the failed read hear of it; the next read is answered."""
    shelf = Shelf(fails={0})
    reads = Reads(shelf.read, 100)

    async def scenario() -> list[int]:
        both = await asyncio.gather(reads.all([A]), reads.all([B]), return_exceptions=True)
        assert all(isinstance(each, ServiceUnavailable) for each in both)
        return seen(await reads.all([A]))

    assert run(scenario()) == [1]


def test_an_asker_that_is_cancelled_disturbs_nobody() -> None:
    """The other asker of the same place still gets it."""
    shelf = Shelf()
    reads = Reads(shelf.read, 100)

    async def scenario() -> list[int]:
        leaves, stays = (asyncio.create_task(reads.all([A])) for _ in range(2))
        await asyncio.sleep(0.5)
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        return seen(await stays)

    assert run(scenario()) == [0]


def test_a_read_that_hangs_does_not_hold_up_the_others() -> None:
    """While one reader waits for ever, what is asked afterwards is answered within a second."""
    shelf = Shelf(hangs={0})
    reads = Reads(shelf.read, 100)

    async def scenario() -> list[int]:
        hung = asyncio.create_task(reads.all([A]))
        await asyncio.sleep(0.5)
        async with asyncio.timeout(1.1):
            answered = seen(await reads.all([B]))
        hung.cancel()
        return answered

    assert run(scenario()) == [1]


@given(st.lists(st.tuples(st.floats(0, 5), st.lists(st.integers(0, 30), unique=True, max_size=12)), max_size=40))
def test_everybody_is_answered_whenever_they_ask(asked: list[tuple[float, list[int]]]) -> None:
    """Whatever is asked and when: all of it is found, and no read names more places than it may."""
    shelf = Shelf()
    reads = Reads(shelf.read, 8)

    async def one(at: float, names: list[int]) -> None:
        await asyncio.sleep(at)
        found = await reads.all([("p", str(name)) for name in names])
        assert [item["sk"] for item in found] == [text(name) for name in names]

    async def scenario() -> None:
        async with asyncio.timeout(1_000):
            await asyncio.gather(*(one(*each) for each in asked))

    run(scenario())
    assert all(0 < len(places) <= 8 for places in shelf.asked)
