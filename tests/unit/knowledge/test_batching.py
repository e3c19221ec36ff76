import asyncio
from collections.abc import Sequence

import pytest
from virtual_time import VirtualClock, run

from autocloudops.errors import ServiceFailed, Throttled
from autocloudops.knowledge.batching import Batcher


class Asked:
    """What is asked in calls; `bad` questions make a call invalid."""

    def __init__(self, bad: str = "", error: Exception | None = None) -> None:
        self.batches: list[list[str]] = []
        self._bad = bad
        self._error = error

    async def ask(self, questions: Sequence[str]) -> Sequence[str]:
        self.batches.append(list(questions))
        await asyncio.sleep(0.2)
        if self._error:
            raise self._error
        if self._bad and self._bad in questions:
            raise ServiceFailed("cloudwatch:Ask", "all", "ValidationError")
        return [question.upper() for question in questions]


async def answers(batcher: Batcher[str, str], *questions: str) -> list[str | BaseException]:
    """Return what each question comes to."""
    return await asyncio.gather(*map(batcher.get, questions), return_exceptions=True)


def test_questions_within_a_moment_share_a_call() -> None:
    """The first question waits 50 ms for company; one that comes later begins a new batch."""

    async def asking() -> list[list[str]]:
        clock, asked = VirtualClock(), Asked()
        batcher = Batcher(asked.ask, clock, most=10)
        first = asyncio.create_task(answers(batcher, "a", "b"))
        await clock.sleep(0.04)
        second = asyncio.create_task(answers(batcher, "c"))
        await clock.sleep(0.02)
        third = asyncio.create_task(answers(batcher, "d"))
        assert [*await first, *await second, *await third] == ["A", "B", "C", "D"]
        return asked.batches

    assert run(asking()) == [["a", "b", "c"], ["d"]]


def test_a_full_batch_is_sent_at_once() -> None:
    """No batch is larger than the bound, and a full one does not wait."""

    async def asking() -> tuple[list[list[str]], float]:
        clock, asked = VirtualClock(), Asked()
        batcher = Batcher(asked.ask, clock, most=4, size=len)
        assert await answers(batcher, "aa", "bbb", "c") == ["AA", "BBB", "C"]
        return asked.batches, clock.monotonic()

    assert run(asking()) == ([["aa"], ["bbb", "c"]], 0.2)


def test_a_question_that_spoils_a_batch_fails_alone() -> None:
    """A refused batch is halved until the bad question stands alone; every other one is answered."""

    async def asking() -> list[str | BaseException]:
        batcher = Batcher(Asked(bad="c").ask, VirtualClock(), most=10)
        return await answers(batcher, "a", "b", "c", "d", "e")

    found = run(asking())
    assert [found[0], found[1], found[3], found[4]] == ["A", "B", "D", "E"]
    assert isinstance(found[2], ServiceFailed)


@pytest.mark.parametrize("error", [Throttled("cloudwatch:Ask", "all", "slow down"), ValueError("a mistake of ours")])
def test_a_failure_that_no_question_caused_is_everyones(error: Exception) -> None:
    """A throttled call is not asked again in parts, and whatever else goes wrong reaches everyone who waits."""

    async def asking() -> tuple[list[str | BaseException], int]:
        asked = Asked(error=error)
        found = await answers(Batcher(asked.ask, VirtualClock(), most=10), "a", "b")
        return found, len(asked.batches)

    assert run(asking()) == ([error, error], 1)


def test_giving_up_hurts_nobody_else() -> None:
    """Readers that are cancelled before or during the call leave the others theirs; if all go, nothing is asked."""

    async def asking() -> list[list[str]]:
        clock, asked = VirtualClock(), Asked()
        batcher = Batcher(asked.ask, clock, most=10)
        early, late, patient = (asyncio.create_task(batcher.get(each)) for each in "abc")
        await clock.sleep(0.01)
        early.cancel()
        await clock.sleep(0.1)
        late.cancel()
        assert await patient == "C"
        lonely = asyncio.create_task(batcher.get("d"))
        await clock.sleep(0.01)
        lonely.cancel()
        await clock.sleep(1)
        return asked.batches

    assert run(asking()) == [["b", "c"]]
