from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from verified_world import FIRED, MINUTE, World, followed, restart, scale_out, steps
from virtual_time import START, run

from autocloudops.alarms.model import AlarmState
from autocloudops.decisions.claims import Claim, Helped

ALARM, OK = AlarmState.ALARM, AlarmState.OK
SCENARIOS: dict[str, tuple[Callable[[], World], bool, Helped]] = {
    "verified": (lambda: World(turns=[FIRED, (MINUTE, OK)]), True, Helped.VERIFIED),
    "recurred": (lambda: World(turns=[FIRED, (MINUTE, OK), (20 * MINUTE, ALARM)]), True, Helped.RECURRED),
    "rolled back": (lambda: World(turns=[FIRED]), True, Helped.ROLLED_BACK),
    "rollback failed": (lambda: World(turns=[FIRED], rollback_works=False), True, Helped.NOT_VERIFIED),
    "not verified": (lambda: World(turns=[FIRED]), False, Helped.NOT_VERIFIED),
    "OK while it is rolled back": (
        lambda: World(turns=[FIRED, (21 * MINUTE, OK)], rollback_takes=8 * MINUTE),
        True,
        Helped.ROLLED_BACK,
    ),
}


def test_a_follow_up_of_a_claim_that_is_not_there_is_dropped() -> None:
    """A forged id does nothing, and brings nothing back."""
    world = World(turns=[FIRED])
    assert run(world.work().follow(UUID(int=7))) is None
    assert world.due == []


@pytest.mark.parametrize("scenario", ["verified", "rolled back", "rollback failed", "not verified"])
def test_lost_follow_ups_are_made_up_for(scenario: str) -> None:
    """Where no message ever comes the sweeper finds out the same, and what helped is still watched for half an hour."""
    made, rolls_back, helped = SCENARIOS[scenario]
    world = made()

    async def main() -> Claim:
        return await world.swept(await world.done(scale_out() if rolls_back else restart()))

    claim = run(main())
    assert claim.helped is helped
    assert [wait == timedelta(minutes=30) for wait in world.sent] == [True] * (helped is Helped.VERIFIED)


def test_a_sweep_leaves_to_follow_ups_what_is_new() -> None:
    """For five minutes nothing is swept; what one claim cannot be looked at for does not stop the others."""
    world = World(turns=[FIRED, (timedelta(), OK)])

    async def main() -> tuple[int, int, int]:
        first, second = await world.done(restart()), await world.done(restart())
        world.faults.calls.clear()
        early = len(await world.work().sweep())
        await world.clock.sleep(301)
        world.faults.fail_at = 2
        one = len(await world.work().sweep())
        rest = len(await world.work().sweep())
        assert first.claim_id != second.claim_id
        return early, one, rest

    assert run(main()) == (0, 1, 1)


@pytest.mark.parametrize("done_before", [False, True], ids=["undone", "answer lost"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_at_any_step_changes_nothing(scenario: str, *, done_before: bool) -> None:
    """Whichever call fails or loses its answer: the same result, one rollback, one OpsItem, one entry a step."""
    made, rolls_back, helped = SCENARIOS[scenario]
    smooth = made()
    followed(smooth, rolls_back=rolls_back)
    for number, at in enumerate(smooth.faults.calls):
        world = made()
        world.faults.fail_at, world.faults.done_before = number, done_before
        claim = followed(world, rolls_back=rolls_back)
        assert claim.helped is helped, at
        assert Counter(steps(world)) == Counter(steps(smooth)), at
        assert (len(world.rollbacks), len(world.ops_items)) == (len(smooth.rollbacks), len(smooth.ops_items)), at
        assert {heard.helped for heard, _ in world.heard} == {heard.helped for heard, _ in smooth.heard}, at


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_duplicate_follow_ups_do_nothing_twice(scenario: str) -> None:
    """Three copies of each follow-up come to the same as one."""
    made, rolls_back, helped = SCENARIOS[scenario]
    world = made()

    async def main() -> Claim:
        claim = await world.done(scale_out() if rolls_back else restart())
        world.due += [(START, claim.claim_id)] * 2
        return await world.followed(claim)

    claim = run(main())
    assert claim.helped is helped
    assert (len(world.rollbacks) <= 1, len(world.ops_items) <= 1) == (True, True)
    results = Counter(heard.helped for heard, _ in world.heard)
    assert max(results.values()) == 1


def test_a_look_at_an_outdated_claim_leaves_the_rest_to_others() -> None:
    """Who read the claim before somebody else moved it does nothing with what they found."""
    world = World(turns=[FIRED])

    async def main() -> tuple[timedelta | None, Claim | None]:
        claim = await world.done(restart())
        late = START + 15 * MINUTE
        await world.verifier().check(claim, late)
        before = len(world.faults.calls)
        checked = await world.verifier().check(claim, late + MINUTE)
        assert world.faults.calls[before:] == ["seen", "move"]
        return checked.again, await world.ledger.find(claim.claim_id)

    again, standing = run(main())
    assert again is None
    assert standing is not None
    assert (standing.helped, len(world.heard)) == (Helped.NOT_VERIFIED, 1)
