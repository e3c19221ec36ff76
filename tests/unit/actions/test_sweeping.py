import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from acting import ActingWorld, claim_of
from fake_automation import FakeAutomation
from virtual_time import run

from autocloudops.decisions.claims import ClaimState


@dataclass
class BusyAutomation(FakeAutomation):
    """An SSM that takes a second for each look, and counts how many look at once."""

    looking: int = 0
    most: int = 0

    async def get_automation_execution(self, **call: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as boto has them
        self.looking += 1
        self.most = max(self.most, self.looking)
        await asyncio.sleep(1)
        self.looking -= 1
        return await super().get_automation_execution(**call)


def test_a_sweep_looks_at_five_claims_at_once() -> None:
    """Many claims are looked at side by side, but never so many that SSM throttles the account."""

    async def body() -> BusyAutomation:
        automation = BusyAutomation()
        world = ActingWorld(automation=automation)
        for _ in range(12):
            claim = claim_of().model_copy(
                update={"claim_id": uuid4(), "state": ClaimState.STARTED, "execution_id": str(uuid4())}
            )
            world.ledger._claims[claim.claim_id] = claim
        unknown = await world.worker().sweeper.sweep()
        assert [each.state for each in unknown] == [ClaimState.UNKNOWN] * 12
        return automation

    assert run(body()).most == 5


def test_a_claim_whose_worker_lives_is_left_to_it() -> None:
    """Before its lease has lapsed nobody touches what another is about to do."""

    async def body() -> ActingWorld:
        world = ActingWorld()
        claim = claim_of()
        world.ledger._claims[claim.claim_id] = claim
        assert await world.worker("second").sweeper.sweep() == []
        assert (await world.claim()) == claim
        return world

    assert run(body()).automation.called == []
