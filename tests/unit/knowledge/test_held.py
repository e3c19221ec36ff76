import asyncio

import pytest
from virtual_time import VirtualClock, run

from autocloudops.errors import ServiceUnavailable
from autocloudops.knowledge.held import Held


class Counter:
    """Reads 1, 2, 3 …, each in `seconds`; `broken` makes it fail."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.broken = False
        self.read = 0

    async def __call__(self) -> int:
        await asyncio.sleep(self.seconds)
        if self.broken:
            raise ServiceUnavailable("test:Read", "it", "broken")
        self.read += 1
        return self.read


def test_a_value_is_read_once_and_again_when_it_is_old() -> None:
    """Readers at the same time share one read; an old value is given while a new one is read."""

    async def told() -> list[int]:
        counter = Counter(seconds=2)
        held = Held(counter, VirtualClock(), 60)
        first = await asyncio.gather(held.get(), held.get(), held.get())
        await asyncio.sleep(61)
        old = await held.get()
        await asyncio.sleep(3)
        return [*first, old, await held.get(), counter.read]

    assert run(told()) == [1, 1, 1, 1, 2, 2]


def test_a_reader_that_gives_up_leaves_the_value_for_the_next() -> None:
    """Reading goes on after the first reader's time is over."""

    async def told() -> int:
        held = Held(Counter(seconds=5), VirtualClock(), 60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await held.get()
        await asyncio.sleep(5)
        async with asyncio.timeout(0.1):
            return await held.get()

    assert run(told()) == 1


def test_a_failure_is_told_once_and_an_old_value_outlives_it() -> None:
    """Without a value the failure reaches the reader, and the next one tries again; with one it stays unseen."""

    async def told() -> list[int]:
        counter = Counter()
        counter.broken = True
        held = Held(counter, VirtualClock(), 60)
        with pytest.raises(ServiceUnavailable):
            await held.get()
        counter.broken = False
        first = await held.get()
        counter.broken = True
        await asyncio.sleep(61)
        old = await held.get()
        await asyncio.sleep(1)
        return [first, old, await held.get()]

    assert run(told()) == [1, 1, 1]
