import asyncio
from functools import partial

import pytest
from virtual_time import VirtualClock, run

from autocloudops.errors import ServiceUnavailable
from autocloudops.knowledge.configurations import remembering
from autocloudops.knowledge.configurations.remembering import Remembered


class Fetching:
    """Counts up, one second for each answer."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.count = 0

    async def next(self) -> int:
        await self._clock.sleep(1)
        self.count += 1
        return self.count


def test_an_answer_that_is_not_good_is_told_and_forgotten() -> None:
    """Those who wait for it get it; the next reader has it fetched again."""

    async def reading() -> list[int]:
        clock = VirtualClock()
        fetching = Fetching(clock)
        kept: Remembered[int] = Remembered(clock, 60, lambda answer: answer > 1)
        first = await asyncio.gather(kept.get("a", fetching.next), kept.get("a", fetching.next))
        return [*first, await kept.get("a", fetching.next), await kept.get("a", fetching.next)]

    assert run(reading()) == [1, 1, 2, 2]


def test_a_failure_reaches_everybody_who_waits_and_nobody_else() -> None:
    """Two readers share the failure, the third asks anew."""

    async def failing() -> int:
        await asyncio.sleep(1)
        raise ServiceUnavailable("rds:DescribeDBInstances", "it", "503")

    async def reading() -> tuple[int, int]:
        clock = VirtualClock()
        kept: Remembered[int] = Remembered(clock, 60, bool)
        both = await asyncio.gather(kept.get("a", failing), kept.get("a", failing), return_exceptions=True)
        return sum(isinstance(each, ServiceUnavailable) for each in both), await kept.get("a", Fetching(clock).next)

    assert run(reading()) == (2, 1)


def test_room_is_made_for_new_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where much is kept, what is too old goes first, and nobody loses an answer that is being fetched."""
    monkeypatch.setattr(remembering, "MOST_KEPT", 3)

    async def reading() -> int:
        clock = VirtualClock()
        fetching = Fetching(clock)
        kept: Remembered[int] = Remembered(clock, 10, bool)
        for number in range(20):
            await asyncio.gather(*(kept.get((number, each), partial(fetching.next)) for each in range(2)))
            await clock.sleep(10)
        return len(kept._kept)

    assert run(reading()) <= 4
