"""A worker that dies anywhere, and the one that takes over: the effect happens at most once, and is accounted for."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from acting import LIMITS, TTL, ActingWorld, claim_of
from fake_automation import FakeAutomation, Interruptions, MemoryActionLog
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import VirtualClock, run

from autocloudops.catalogue.model import EffectClass
from autocloudops.decisions.claims import Claim, ClaimState, Step
from autocloudops.decisions.modes import Mode
from autocloudops.errors import ServiceUnavailable
from autocloudops.state.memory_claims import MemoryLedger

LOST = LIMITS.lease.total_seconds() + 1
POINTS = 40
"""More than there are in `act` and `look` together."""


def automation_for(effect: EffectClass) -> FakeAutomation:
    """Return an SSM that helps no class with more than it may count on: only tokens are ever remembered."""
    return FakeAutomation(remembers_tokens=effect is EffectClass.TOKEN, lists=False)


async def acted(world: ActingWorld, effect: EffectClass, name: str, interruptions: Interruptions) -> bool:
    """Act and sweep as one worker until it is done or gone; False where it is gone."""
    actor = world.worker(name, interruptions)
    try:
        await actor.dispatcher.act(claim_of(effect, worker=name))
        await actor.sweeper.sweep()
    except asyncio.CancelledError:
        return False
    return True


async def settled(world: ActingWorld) -> None:
    """Let a worker that does not die sweep until nothing moves any more."""
    for _ in range(8):
        await asyncio.sleep(LOST)
        await world.worker("last").sweeper.sweep()


def account_for(world: ActingWorld, claim: Claim | None) -> None:
    """Hold to one effect at most, and to a record of it."""
    effects = len(world.automation.effects)
    assert effects <= 1
    if claim is None:
        assert effects == 0
        return
    assert claim.state.final
    steps = world.log.steps(claim.claim_id)
    assert Step.OUTCOME in steps
    if effects:
        assert Step.INTENT in steps
        assert claim.state in {ClaimState.DONE, ClaimState.UNKNOWN}
    if claim.state is ClaimState.DONE:
        assert effects == 1


@pytest.mark.parametrize("effect", EffectClass)
def test_two_workers_that_die_anywhere_have_one_effect_at_most(effect: EffectClass) -> None:
    """For every pair of points at which the first and the second worker die, a third one settles the claim."""

    async def one(first: int, second: int) -> bool:
        world = ActingWorld(automation=automation_for(effect))
        await world.switch(Mode.ACTIVE)
        whole = await acted(world, effect, "first", Interruptions(first))
        await asyncio.sleep(LOST)
        whole = await acted(world, effect, "second", Interruptions(second)) and whole
        await settled(world)
        found = await world.ledger.unfinished()
        assert all(each.state is ClaimState.DONE for each in found)
        account_for(world, next(iter(world.ledger._claims.values()), None))
        return whole

    async def every_pair() -> Iterator[bool]:
        return iter([await one(first, second) for first in range(1, POINTS, 1) for second in range(1, POINTS, 3)])

    wholes = list(run(every_pair()))
    assert any(wholes), "there are points beyond the last call"
    assert not all(wholes)


def test_the_rules_of_the_classes_are_needed() -> None:
    """Treated as if SSM remembered its token, an opaque effect happens twice: so the check above can fail."""

    async def most_effects() -> int:
        most = 0
        for point in range(1, POINTS):
            world = ActingWorld(automation=automation_for(EffectClass.OPAQUE))
            await world.switch(Mode.ACTIVE)
            await acted(world, EffectClass.TOKEN, "first", Interruptions(point))
            await settled(world)
            most = max(most, len(world.automation.effects))
        return most

    assert run(most_effects()) == 2


@given(
    effect=st.sampled_from(EffectClass),
    approval=st.booleans(),
    loses=st.integers(0, 2),
    lists=st.booleans(),
    outages=st.lists(st.integers(0, 6), max_size=4),
    crashes=st.lists(st.integers(1, POINTS), max_size=4),
)
def test_whatever_fails_there_is_one_effect_at_most_and_an_account_of_it(
    effect: EffectClass, approval: bool, loses: int, lists: bool, outages: list[int], crashes: list[int]
) -> None:
    """Lost answers, an action log that is down now and then, blind probes and any number of deaths."""

    async def body() -> None:
        world = ActingWorld(automation=automation_for(effect))
        world.automation.lists, world.automation.loses = lists, loses
        world.log.faults = [ServiceUnavailable("s3:PutObject", "audit", "down")] * len(outages)
        await world.switch(Mode.ACTIVE)
        claim = claim_of(effect, approval=approval)
        for number, point in enumerate([*crashes, 0]):
            actor = world.worker(str(number), Interruptions(point))
            try:
                await actor.dispatcher.act(claim)
                await actor.sweeper.sweep()
                for asked in await actor.approvals.waiting():
                    await actor.approvals.approve(asked, "ana")
            except asyncio.CancelledError:
                await asyncio.sleep(LOST)
        await asyncio.sleep(TTL.total_seconds())
        await settled(world)
        standing = world.ledger._claims.get(claim.claim_id)
        account_for(world, standing)

    run(body())


def test_workers_that_sweep_at_once_have_one_effect() -> None:
    """Ten workers that find the same lapsed claim begin it once, and write its outcome once."""

    async def body() -> ActingWorld:
        world = ActingWorld(automation=FakeAutomation(remembers_tokens=False, lists=False))
        await world.switch(Mode.ACTIVE)
        await world.ledger.claim(claim_of(), LIMITS, VirtualClock().now())
        await asyncio.sleep(LOST)
        for _ in range(3):
            await asyncio.gather(*(world.worker(f"w{number}").sweeper.sweep() for number in range(10)))
        return world

    world = run(body())
    assert len(world.automation.effects) == 1
    assert [entry.step for entry in world.log.entries.values()] == [Step.INTENT, Step.OUTCOME]


def test_a_worker_that_wakes_after_its_lease_calls_nothing() -> None:
    """Whoever slept past the lease between intent and call leaves the claim to the one who took it over."""

    async def body() -> ActingWorld:
        world = ActingWorld(automation=FakeAutomation(remembers_tokens=False, lists=False))
        await world.switch(Mode.ACTIVE)
        sleeper = world.worker("sleeper")
        log_write = world.log.write

        async def slow(entry: object) -> None:
            await asyncio.sleep(LOST + 5)
            await log_write(entry)  # type: ignore[arg-type] # as the method that it stands in for

        world.log.write = slow  # type: ignore[method-assign] # the sleep is the test
        first = asyncio.create_task(sleeper.dispatcher.act(claim_of()))
        await asyncio.sleep(LOST)
        world.log.write = log_write  # type: ignore[method-assign] # back again
        await world.worker("second").sweeper.sweep()
        await first
        await settled(world)
        return world

    world = run(body())
    assert len(world.automation.effects) == 1
    assert [entry.claim.state for entry in world.log.entries.values()] == [ClaimState.INTENT, ClaimState.DONE]


class SlowOnce:
    """A port whose next call of one method takes longer than a lease."""

    def __init__(self, port: object, method: str) -> None:
        self._port = port
        self._method = method

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real = getattr(self._port, name)

        async def called(*args: object, **named: object) -> object:
            if name == self._method:
                self._method = ""
                await asyncio.sleep(LOST + 5)
            return await real(*args, **named)

        return called


def test_a_worker_that_wakes_before_its_intent_calls_nothing() -> None:
    """Whoever finds its claim moved by another leaves it to that one."""

    async def body() -> ActingWorld:
        world = ActingWorld(automation=FakeAutomation(remembers_tokens=False, lists=False))
        await world.switch(Mode.ACTIVE)
        ledger = world.ledger
        world.ledger = cast("MemoryLedger", SlowOnce(ledger, "move"))
        sleeper = asyncio.create_task(world.worker("sleeper").dispatcher.act(claim_of()))
        await asyncio.sleep(LOST)
        world.ledger = ledger
        await world.worker("second").sweeper.sweep()
        found = await sleeper
        assert isinstance(found, Claim)
        assert found.worker == "second"
        return world

    assert len(run(body()).automation.effects) == 1


def test_a_worker_that_wakes_before_its_repeated_call_calls_nothing() -> None:
    """Whoever repeats a call does so within its own lease, or not at all."""

    async def body() -> ActingWorld:
        world = ActingWorld(automation=FakeAutomation(remembers_tokens=False, lists=False))
        await world.switch(Mode.ACTIVE)
        world.automation.faults["start"] = [TimeoutError()]
        await world.worker("first").dispatcher.act(claim_of(EffectClass.ABSOLUTE))
        await asyncio.sleep(LOST)
        log = world.log
        world.log = cast("MemoryActionLog", SlowOnce(log, "write"))
        sleeper = asyncio.create_task(world.worker("second").sweeper.sweep())
        await asyncio.sleep(LOST)
        world.log = log
        await world.worker("third").sweeper.sweep()
        await sleeper
        return world

    assert len(run(body()).automation.effects) == 1
