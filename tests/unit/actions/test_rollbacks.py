from uuid import uuid5

import pytest
from acting import REQUEST, ActingWorld, claim_of
from virtual_time import run


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("lists", [True, False])
def test_a_rollback_begins_once_for_each_token_and_asks_nobody(lists: bool, approved: bool) -> None:
    """A second begin gives the same execution, whether the first is found by its tag or known by its token."""

    async def body() -> ActingWorld:
        world = ActingWorld()
        world.automation.lists = lists
        rollbacks = world.worker().rollbacks
        claim = claim_of(approval=approved)
        token = uuid5(claim.claim_id, "rollback")
        first = await rollbacks.begin(REQUEST, claim, token)
        assert await rollbacks.begin(REQUEST, claim, token) == first
        assert world.automation.executions[first]["Parameters"]["RequireApproval"] == ["false"]
        return world

    assert len(run(body()).automation.effects) == 1


@pytest.mark.parametrize(
    ("status", "succeeded"), [("Success", True), ("Failed", False), ("Cancelled", False), ("InProgress", None)]
)
def test_a_rollback_has_succeeded_or_not_once_it_is_over(status: str, succeeded: bool | None) -> None:
    """Only a success counts as one; what still runs is neither."""

    async def body() -> bool | None:
        world = ActingWorld()
        world.automation.ends = status
        rollbacks = world.worker().rollbacks
        claim = claim_of()
        begun = await rollbacks.begin(REQUEST, claim, claim.claim_id)
        return await rollbacks.succeeded(claim, begun)

    assert run(body()) is succeeded
