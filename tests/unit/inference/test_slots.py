import asyncio

import pytest
from virtual_time import VirtualClock, run

from autocloudops.diagnosis.endpoint import Priority
from autocloudops.inference.concurrency import Sample
from autocloudops.inference.slots import Slots


class Scripted:
    """A controller that keeps what it is told."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.samples: list[Sample] = []
        self.overloads: list[tuple[float, float]] = []

    def answered(self, sample: Sample) -> None:
        self.samples.append(sample)

    def overloaded(self, sent_at: float, now: float) -> None:
        self.overloads.append((sent_at, now))


async def hold(slots: Slots, seconds: float, priority: Priority = Priority.LIVE) -> float:
    """Hold a slot for a while, answer ten tokens, and return the share of the endpoint."""
    async with slots.taken(priority, 1000.0) as slot:
        await asyncio.sleep(seconds)
        return slot.answered(10)


def test_an_answer_shares_the_endpoint_with_those_in_flight_beside_it() -> None:
    """A second alone counts whole, a second with another counts half."""

    async def main() -> None:
        controller = Scripted(2)
        slots = Slots(controller, VirtualClock())
        shares = await asyncio.gather(hold(slots, 2.0), hold(slots, 1.0))
        assert shares == pytest.approx([1.5, 0.5])
        assert [sample.in_flight for sample in controller.samples] == pytest.approx([2.0, 1.5])
        assert [sample.seconds for sample in controller.samples] == pytest.approx([1.0, 2.0])

    run(main())


def test_a_time_out_leaves_no_trace_in_the_line() -> None:
    """Who waited too long raises, and the slot goes to the next when it is free."""

    async def main() -> None:
        slots = Slots(Scripted(1), VirtualClock())
        first = asyncio.create_task(hold(slots, 5.0))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            async with slots.taken(Priority.LIVE, 1.0):
                pytest.fail("there was no slot")
        assert slots.waiting == 0
        await first
        await hold(slots, 1.0)
        assert slots.in_flight == 0

    run(main())


def test_live_goes_first_and_backfill_is_not_starved() -> None:
    """Of eighteen slots that come free while both wait, sixteen go to live requests."""

    async def main() -> None:
        slots, order = Slots(Scripted(1), VirtualClock()), list[Priority]()

        async def ask(priority: Priority) -> None:
            await hold(slots, 1.0, priority)
            order.append(priority)

        holder = asyncio.create_task(hold(slots, 1.0))
        await asyncio.sleep(0)
        asking = [asyncio.create_task(ask(priority)) for priority in Priority for _ in range(30)]
        await asyncio.gather(holder, *asking)
        assert order[:18].count(Priority.LIVE) == 16

    run(main())


def test_only_the_first_settlement_counts_and_a_failure_teaches_nothing() -> None:
    """A slot is settled once; one that is left without a word tells the controller nothing."""

    async def main() -> None:
        controller = Scripted(1)
        slots = Slots(controller, VirtualClock())
        async with slots.taken(Priority.LIVE, 1.0) as slot:
            await asyncio.sleep(2.0)
            slot.overloaded()
            slot.answered(5)
        with pytest.raises(ValueError, match="broken"):
            await _broken(slots)
        assert controller.samples == []
        assert controller.overloads == [(0.0, 2.0)]
        assert slots.in_flight == 0

    run(main())


async def _broken(slots: Slots) -> None:
    async with slots.taken(Priority.LIVE, 1.0):
        raise ValueError("broken")
