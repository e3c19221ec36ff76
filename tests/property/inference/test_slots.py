import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import VirtualClock, run

from autocloudops.diagnosis.endpoint import Priority
from autocloudops.inference.concurrency import ConcurrencyController, Sample
from autocloudops.inference.slots import Slots


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks when, how patient it is, how long it holds its slot, what it says, and when it is cancelled."""

    priority: Priority
    arrives: float
    patience: float
    holds: float
    says: str
    cancelled: float | None


moments = st.floats(0.0, 20.0, allow_nan=False).map(lambda moment: round(moment, 1))
callers = st.builds(
    Caller,
    priority=st.sampled_from(Priority),
    arrives=moments,
    patience=moments,
    holds=moments,
    says=st.sampled_from(["answered", "overloaded", "nothing", "raises"]),
    cancelled=st.none() | moments,
)


@dataclass(slots=True)
class Tally:
    """What was seen while callers ran."""

    limit: int
    held: int = 0
    most: int = 0
    served: int = 0


async def _call(caller: Caller, slots: Slots, tally: Tally) -> None:
    await asyncio.sleep(caller.arrives)
    async with slots.taken(caller.priority, caller.patience) as slot:
        tally.held += 1
        tally.most = max(tally.most, tally.held)
        try:
            await asyncio.sleep(caller.holds)
            if caller.says == "raises":
                raise RuntimeError(caller.says)
            if caller.says == "answered":
                assert slot.answered(10) >= 0
            if caller.says == "overloaded":
                slot.overloaded()
        finally:
            tally.held -= 1
    tally.served += 1


async def _cancel(task: asyncio.Task[None], after: float) -> None:
    await asyncio.sleep(after)
    task.cancel()


class Constant:
    """A limit that never moves."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def answered(self, sample: Sample) -> None: ...

    def overloaded(self, sent_at: float, now: float) -> None: ...


@given(st.lists(callers, max_size=30), st.integers(1, 4))
@settings(deadline=None, max_examples=150)
def test_slots_never_exceed_the_limit_and_everybody_gets_out(asking: list[Caller], limit: int) -> None:
    """Every caller is served, times out, fails or is cancelled; then every slot is free and nobody waits."""

    async def main() -> None:
        slots, tally = Slots(Constant(limit), VirtualClock()), Tally(limit)
        tasks = [asyncio.create_task(_call(caller, slots, tally)) for caller in asking]
        cancels = [
            asyncio.create_task(_cancel(task, caller.cancelled))
            for task, caller in zip(tasks, asking, strict=True)
            if caller.cancelled is not None
        ]
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*cancels)
        known = (TimeoutError, RuntimeError, asyncio.CancelledError, type(None))
        assert all(isinstance(outcome, known) for outcome in outcomes)
        assert tally.most <= limit
        assert (slots.in_flight, slots.waiting) == (0, 0)

    run(main())


@given(st.integers(1, 3), st.integers(9, 40))
@settings(deadline=None, max_examples=30)
def test_both_priorities_get_their_weight_while_both_wait(limit: int, each: int) -> None:
    """At any time a backfill has had about a ninth of the slots that came free, never less than one in ten."""

    async def main() -> None:
        slots, order = Slots(Constant(limit), VirtualClock()), list[Priority]()

        async def ask(priority: Priority) -> None:
            async with slots.taken(priority, 1e6) as slot:
                order.append(priority)
                await asyncio.sleep(1.0)
                slot.answered(1)

        tasks = [asyncio.create_task(ask(priority)) for _ in range(each) for priority in Priority]
        await asyncio.gather(*tasks)
        waiting = order[limit : limit + each]
        backfills = waiting.count(Priority.BACKFILL)
        assert len(waiting) / 9 - 2 <= backfills <= len(waiting) / 9 + 2

    run(main())


events = st.tuples(
    st.sampled_from(["answered", "overloaded"]),
    st.floats(0.0, 5.0, allow_nan=False),
    st.floats(0.0, 90.0, allow_nan=False),
    st.integers(0, 2000),
    st.floats(0.0, 300.0, allow_nan=False),
)


@given(st.lists(events, max_size=300), st.integers(1, 50), st.integers(1, 200))
@settings(deadline=None, max_examples=150)
def test_the_limit_stays_between_one_and_the_most(
    told: list[tuple[str, float, float, int, float]], first: int, most: int
) -> None:
    """Whatever comes, in whatever order, the limit is at least one and at most the most."""
    controller, now = ConcurrencyController(45.0, first=first, most=most), 100.0
    for kind, passes, seconds, tokens, in_flight in told:
        now += passes
        if kind == "answered":
            controller.answered(Sample(now - seconds, now, tokens, in_flight))
        else:
            controller.overloaded(now - seconds, now)
        assert 1 <= controller.limit <= most
