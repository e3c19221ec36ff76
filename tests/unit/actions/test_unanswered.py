import asyncio

import pytest
from acting import INCIDENT, LOST, ActingWorld, claim_of, in_active, sent_for
from fake_automation import refusal
from virtual_time import run

from autocloudops.catalogue.model import EffectClass
from autocloudops.decisions.claims import Claim, ClaimState, Step
from autocloudops.decisions.modes import Mode


@pytest.mark.parametrize("fault", [TimeoutError(), refusal("InternalServerError", 500), refusal("Busy", 503)])
def test_a_call_without_an_answer_is_left_for_whoever_finds_out(fault: Exception) -> None:
    """Nobody calls twice: the claim stays at `intent` and is taken over when its lease has lapsed."""

    async def body(world: ActingWorld) -> None:
        world.automation.faults["start"] = [fault]
        left = await world.worker().dispatcher.act(claim_of())
        assert isinstance(left, Claim)
        assert left.state is ClaimState.INTENT
        second = world.worker("second")
        assert await second.dispatcher.resume(left.claim_id) is None
        await asyncio.sleep(LOST)
        begun = await second.dispatcher.resume(left.claim_id)
        assert begun is not None
        assert begun.state is ClaimState.STARTED

    assert len(in_active(body).automation.effects) == 1


@pytest.mark.parametrize("effect", EffectClass)
def test_a_lost_answer_is_found_by_its_tag(effect: EffectClass) -> None:
    """What was begun is found, whatever its class, and is not begun again."""

    async def body(world: ActingWorld) -> None:
        world.automation.loses = 1
        await world.worker().dispatcher.act(claim_of(effect))
        await asyncio.sleep(LOST)
        (begun,) = await world.worker("second").sweeper.sweep()
        assert begun.state is ClaimState.STARTED
        (done,) = await world.worker("second").sweeper.sweep()
        assert done.state is ClaimState.DONE

    world = in_active(body)
    assert len(world.automation.effects) == 1
    assert world.automation.called.count("start") == 1


def test_the_probe_reads_every_page_and_takes_no_execution_of_another_claim() -> None:
    """An execution counts as this claim's by its parameter `ClaimId` alone."""

    async def body(world: ActingWorld) -> None:
        other = claim_of().model_copy(update={"claim_id": INCIDENT})
        executions = world.worker().executions
        await executions.start(other.request, INCIDENT, sent_for(INCIDENT))
        world.automation.loses = 1
        await world.worker().dispatcher.act(claim_of())
        await asyncio.sleep(LOST)
        begun = await world.worker("second").dispatcher.resume(claim_of().claim_id)
        assert begun is not None
        assert begun.execution_id == world.automation.effects[1]

    in_active(body)


def test_an_absolute_action_is_repeated_where_nothing_has_changed() -> None:
    """A call of which nothing is found is made again where the target is as it was."""

    async def body(world: ActingWorld) -> None:
        world.automation.faults["start"] = [TimeoutError()]
        await world.worker().dispatcher.act(claim_of(EffectClass.ABSOLUTE))
        await asyncio.sleep(LOST)
        (begun,) = await world.worker("second").sweeper.sweep()
        assert begun.state is ClaimState.STARTED

    assert len(in_active(body).automation.effects) == 1


@pytest.mark.parametrize("effect", [EffectClass.ABSOLUTE, EffectClass.OPAQUE])
def test_what_may_have_happened_and_may_not_be_repeated_is_unknown(effect: EffectClass) -> None:
    """Where nothing is found of a call that had its effect, a person has to look."""

    async def body(world: ActingWorld) -> None:
        world.automation.loses, world.automation.lists = 1, False
        await world.worker().dispatcher.act(claim_of(effect))
        await asyncio.sleep(LOST)
        (unknown,) = await world.worker("second").sweeper.sweep()
        assert unknown.state is ClaimState.UNKNOWN
        assert "may have been made" in unknown.said
        assert Step.OUTCOME in world.log.steps(unknown.claim_id)

    assert len(in_active(body).automation.effects) == 1


def test_an_absolute_action_whose_target_cannot_be_read_is_unknown() -> None:
    """A target that nobody can read is not known to be unchanged."""

    class Blind(ActingWorld):
        @property
        def targets(self):  # type: ignore[no-untyped-def] # noqa: ANN202 - as the parent's
            found = super().targets
            found.unreadable = "access denied"
            return found

    world = Blind()

    async def body() -> None:
        await world.switch(Mode.ACTIVE)
        world.automation.faults["start"] = [TimeoutError()]
        await world.worker().dispatcher.act(claim_of(EffectClass.ABSOLUTE))
        await asyncio.sleep(LOST)
        (unknown,) = await world.worker("second").sweeper.sweep()
        assert "access denied" in unknown.said

    run(body())
    assert world.automation.effects == []


def test_a_refusal_of_the_repeated_call_says_nothing_about_the_first() -> None:
    """The first call may have had its effect, so a refused second one leaves the claim unknown."""

    async def body(world: ActingWorld) -> None:
        world.automation.loses, world.automation.lists = 1, False
        await world.worker().dispatcher.act(claim_of())
        world.automation.faults["start"] = [refusal("IdempotentParameterMismatch")]
        await asyncio.sleep(LOST)
        (unknown,) = await world.worker("second").sweeper.sweep()
        assert unknown.state is ClaimState.UNKNOWN
        assert "IdempotentParameterMismatch" in unknown.said

    in_active(body)


def test_a_throttled_repeat_waits_for_the_next_round() -> None:
    """What may pass by itself is tried again under the next lease."""

    async def body(world: ActingWorld) -> None:
        world.automation.faults["start"] = [TimeoutError(), refusal("ThrottlingException")]
        await world.worker().dispatcher.act(claim_of())
        await asyncio.sleep(LOST)
        assert await world.worker("second").sweeper.sweep() == []
        await asyncio.sleep(LOST)
        (begun,) = await world.worker("third").sweeper.sweep()
        assert begun.state is ClaimState.STARTED

    assert len(in_active(body).automation.effects) == 1
