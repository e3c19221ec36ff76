from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid5

import pytest
from verified_world import PERIOD, TARGET, World, restart, scale_out
from virtual_time import START, run

from autocloudops.actions.judging import Patience
from autocloudops.alarms.model import AlarmState
from autocloudops.decisions.claims import Claim, ClaimState, Control, Helped, Step
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import AlarmRule
from autocloudops.errors import AccessDenied, AuditConflict, ServiceUnavailable, SettingsInvalid, TargetMissing

ALARM, OK, NO_DATA = AlarmState.ALARM, AlarmState.OK, AlarmState.INSUFFICIENT_DATA
FIRED = (timedelta(minutes=-5), ALARM)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
DENIED = AccessDenied("cloudwatch:DescribeAlarms", "orders-cpu", "no")


def followed(world: World, *, rolls_back: bool = True, patience: Patience | None = None) -> Claim:
    """Return what comes of an action that has just ended."""

    async def main() -> Claim:
        return await world.followed(await world.done(scale_out() if rolls_back else restart()), patience)

    return run(main())


def why(claim: Claim) -> str:
    """Return why a claim ended as it did."""
    assert claim.found is not None
    return claim.found.why


def steps(world: World) -> list[Step]:
    """Return which steps the action log holds, in order."""
    return [step for _, step in world.entries]


def test_an_alarm_that_stays_ok_verifies_the_action() -> None:
    """Two of its periods without ALARM, then it helped; half an hour later nothing follows any more."""
    world = World(turns=[FIRED, (MINUTE, OK)])
    claim = followed(world)
    assert (claim.helped, steps(world), world.rollbacks, world.ops_items) == (
        Helped.VERIFIED,
        [Step.VERIFICATION],
        {},
        {},
    )
    assert claim.found is not None
    assert claim.found.at == START + MINUTE + 2 * PERIOD
    assert [(heard.helped, item) for heard, item in world.heard] == [(Helped.VERIFIED, None)]


def test_an_alarm_that_was_ok_before_the_action_ended_is_waited_for_as_long() -> None:
    """What cleared by itself must stay clear for two periods after the action, and the finding says so."""
    world = World(turns=[FIRED, (-4 * MINUTE, OK)])
    claim = followed(world)
    assert claim.found is not None
    assert (claim.helped, claim.found.at) == (Helped.VERIFIED, START + 2 * PERIOD)
    assert "before the action ended" in claim.found.why


def test_looks_are_ever_further_apart() -> None:
    """15 s, 30 s, 60 s and so on up to five minutes, and the last one at the deadline."""
    world = World(turns=[FIRED])
    followed(world, rolls_back=False)
    assert [wait.total_seconds() for wait in world.sent] == [15, 30, 60, 120, 240, 300, 135]


def test_an_alarm_that_stays_in_alarm_is_rolled_back_once() -> None:
    """Where the catalogue knows the way back it is gone once, with a token of its own, and awaited."""
    world = World(turns=[FIRED])
    claim = followed(world)
    ((token, (execution_id, request, _)),) = world.rollbacks.items()
    assert token == uuid5(claim.claim_id, "rollback")
    assert (request.target, request.parameters["DesiredCount"]) == (TARGET, "2")
    assert claim.found is not None
    assert (claim.helped, claim.found.rollback_id) == (Helped.ROLLED_BACK, execution_id)
    assert (steps(world), world.ops_items) == ([Step.ROLLBACK, Step.VERIFICATION], {})


def test_what_cannot_be_taken_back_becomes_an_opsitem() -> None:
    """Without a way back a person is told, with the OpsItem's id."""
    world = World(turns=[FIRED])
    claim = followed(world, rolls_back=False)
    assert (claim.helped, steps(world), list(world.ops_items)) == (
        Helped.NOT_VERIFIED,
        [Step.VERIFICATION],
        [claim.claim_id],
    )
    assert world.heard == [(world.ops_items[claim.claim_id], "oi-1")]
    assert "in ALARM" in why(claim)


def test_a_rollback_that_fails_becomes_an_opsitem() -> None:
    """The claim says both: that it did not help, and which execution failed to take it back."""
    world = World(turns=[FIRED], rollback_works=False)
    claim = followed(world)
    assert (claim.helped, list(world.ops_items)) == (Helped.NOT_VERIFIED, [claim.claim_id])
    assert "rollback-1 failed" in why(claim)


def test_a_rollback_that_never_ends_is_given_up() -> None:
    """After more than a runbook and its approval may take, a person is told what still runs."""
    world = World(turns=[FIRED], rollback_takes=timedelta(days=1))
    claim = followed(world)
    assert (claim.helped, len(world.rollbacks), len(world.ops_items)) == (Helped.NOT_VERIFIED, 1, 1)
    assert "rollback-1 still runs" in why(claim)


@pytest.mark.parametrize("error", [DENIED, SettingsInvalid("no region")])
def test_a_rollback_that_is_refused_becomes_an_opsitem(error: AccessDenied) -> None:
    """A refusal is final: it is not asked for again and again."""
    world = World(turns=[FIRED], rollback_refused=error)
    claim = followed(world)
    assert (claim.helped, world.rollbacks, len(world.ops_items)) == (Helped.NOT_VERIFIED, {}, 1)
    assert "was refused" in why(claim)


def test_a_rollback_of_which_nothing_is_heard_is_given_up() -> None:
    """While nobody knows whether it began it is asked for with the same token, for half an hour and more."""
    world = World(turns=[FIRED], rollback_refused=ServiceUnavailable("ssm:Start", "it", "no answer"))
    claim = followed(world)
    assert (claim.helped, len(world.ops_items)) == (Helped.NOT_VERIFIED, 1)
    assert "may not have begun" in why(claim)


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.DRY_RUN, Mode.APPROVE])
def test_the_kill_switch_stops_rollbacks(mode: Mode) -> None:
    """Under a lower mode than the action needed nothing is begun, and a person is told."""
    world = World(turns=[FIRED])

    async def main() -> Claim:
        claim = await world.done(scale_out())
        await world.ledger.set_control(Control(mode=mode, reason="stop", by="ops", at=START))
        return await world.followed(claim)

    claim = run(main())
    assert (claim.helped, world.rollbacks, steps(world)) == (Helped.NOT_VERIFIED, {}, [Step.VERIFICATION])
    assert f"the control item is {mode}" in why(claim)


@pytest.mark.parametrize(
    ("control", "helped"), [(Mode.ACTIVE, Helped.ROLLED_BACK), (Mode.APPROVE, Helped.NOT_VERIFIED)]
)
def test_what_was_approved_is_taken_back_unasked_or_by_a_person(control: Mode, helped: Helped) -> None:
    """Under a policy that asks, the first yes covers the rollback; a control item that asks lets nothing go unasked."""
    world = World(turns=[FIRED], policy=Policy(mode=Mode.APPROVE))

    async def main() -> Claim:
        claim = await world.done(scale_out(), approval=True)
        await world.ledger.set_control(Control(mode=control, reason="careful", by="ops", at=START))
        return await world.followed(claim)

    claim = run(main())
    assert (claim.helped, len(world.ops_items)) == (helped, int(helped is Helped.NOT_VERIFIED))
    assert bool(world.rollbacks) == (helped is Helped.ROLLED_BACK)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(mode=Mode.DRY_RUN),
        Policy(mode=Mode.APPROVE),
        Policy(mode=Mode.ACTIVE, accounts={TARGET.account: Mode.DRY_RUN}),
        Policy(mode=Mode.ACTIVE, regions=("us-east-1",)),
        Policy(mode=Mode.ACTIVE, actions={}),
        Policy(mode=Mode.ACTIVE, alarms=(AlarmRule(name="orders-*", mode=Mode.OFF),)),
    ],
)
def test_a_lowered_policy_stops_rollbacks(policy: Policy) -> None:
    """A worker that was started under a lower policy than the action's changes nothing, and a person is told why."""
    world = World(turns=[FIRED], policy=policy)
    claim = followed(world)
    assert (claim.helped, world.rollbacks, len(world.ops_items)) == (Helped.NOT_VERIFIED, {}, 1)
    assert "was not seen to begin: the mode is" in why(claim)


def test_a_guard_alarm_ends_it_at_once() -> None:
    """Whatever the alarm itself says: a guard that fires takes the effect back at the next look."""
    world = World(turns=[FIRED, (timedelta(), OK)], guard_at=10 * SECOND)
    claim = followed(world)
    assert claim.found is not None
    assert claim.helped is Helped.ROLLED_BACK
    assert "guard alarm in ALARM: checkout-errors" in claim.found.why
    assert claim.found.at < START + 2 * MINUTE


def test_a_flapping_alarm_is_not_verified() -> None:
    """OK again and again, never for two periods: after the deadline it gets as long once more, then it did not help."""
    turns = [(timedelta(seconds=30 * number), OK if number % 2 else ALARM) for number in range(200)]
    world = World(turns=[FIRED, *turns])
    claim = followed(world)
    assert claim.helped is Helped.ROLLED_BACK
    assert len(world.rollbacks) == 1


def test_an_alarm_that_is_late_gets_its_two_periods() -> None:
    """OK a moment before the deadline is not too late: it is waited for, and helped."""
    world = World(turns=[FIRED, (15 * MINUTE - SECOND, OK)])
    claim = followed(world)
    assert claim.found is not None
    assert (claim.helped, claim.found.at) == (Helped.VERIFIED, START + 15 * MINUTE - SECOND + 2 * PERIOD)


def test_an_alarm_that_nobody_can_read_is_for_a_person() -> None:
    """It is tried until the deadline and once more; then the reason is kept, and nothing is taken back blindly."""
    world = World(turns=[FIRED], unread=DENIED)
    claim = followed(world)
    assert claim.found is not None
    assert (claim.helped, world.rollbacks, claim.found.at) == (Helped.NOT_VERIFIED, {}, START + 20 * MINUTE)
    assert "could not be read: cloudwatch:DescribeAlarms on orders-cpu failed: no" in claim.found.why


def test_an_alarm_that_was_deleted_is_for_a_person() -> None:
    """No alarm, no proof: not verified, nothing rolled back."""
    world = World(turns=[FIRED], deleted=True)
    claim = followed(world)
    assert (claim.helped, world.rollbacks, len(world.ops_items)) == (Helped.NOT_VERIFIED, {}, 1)
    assert "no alarm of this name any more" in why(claim)


def test_an_alarm_without_data_is_for_a_person() -> None:
    """Missing data proves neither help nor harm."""
    world = World(turns=[FIRED, (MINUTE, NO_DATA)])
    claim = followed(world)
    assert (claim.helped, world.rollbacks, len(world.ops_items)) == (Helped.NOT_VERIFIED, {}, 1)
    assert "no data" in why(claim)


def test_guards_that_nobody_can_read_verify_nothing() -> None:
    """An alarm that is OK is not enough: at the deadline it is for a person."""
    world = World(turns=[FIRED, (MINUTE, OK)], guards_unread="denied")
    claim = followed(world)
    assert (claim.helped, world.rollbacks) == (Helped.NOT_VERIFIED, {})
    assert "guard alarms could not be read: denied" in why(claim)


def test_an_alarm_that_comes_back_soon_relabels_the_action() -> None:
    """ALARM within half an hour of being verified: recurred, in the log beside what was said first."""
    world = World(turns=[FIRED, (MINUTE, OK), (20 * MINUTE, ALARM)])
    claim = followed(world)
    assert (claim.helped, steps(world)) == (Helped.RECURRED, [Step.VERIFICATION, Step.RECURRENCE])
    assert [heard.helped for heard, _ in world.heard] == [Helped.VERIFIED, Helped.RECURRED]
    assert world.entries[claim.claim_id, Step.RECURRENCE].at == START + 20 * MINUTE


def test_an_alarm_that_fired_for_a_moment_only_recurred_as_well() -> None:
    """Its history is asked, so what fired and cleared between two looks is seen."""
    world = World(turns=[FIRED, (MINUTE, OK), (5 * MINUTE, ALARM), (6 * MINUTE, OK)])
    assert followed(world).helped is Helped.RECURRED


def test_an_alarm_that_comes_back_later_is_another_incident() -> None:
    """After the half hour what was verified stays so."""
    world = World(turns=[FIRED, (MINUTE, OK), (40 * MINUTE, ALARM)])
    assert followed(world).helped is Helped.VERIFIED


def test_a_history_that_nobody_can_read_ends() -> None:
    """It is tried for a while after the half hour; then the action stays verified."""
    world = World(turns=[FIRED, (MINUTE, OK)], unread_history=DENIED)
    assert followed(world).helped is Helped.VERIFIED
    assert world.due == []


def test_a_missing_permission_to_open_opsitems_does_not_hide_the_result() -> None:
    """What AWS refuses for good must not keep the breaker from counting: people are told without an OpsItem."""
    world = World(turns=[FIRED], ops_items_refused=DENIED, nobody_hears=TargetMissing("sns:Publish", "t", "gone"))
    claim = followed(world, rolls_back=False)
    assert (claim.helped, steps(world)) == (Helped.NOT_VERIFIED, [Step.VERIFICATION])


def test_failed_verifications_open_the_breaker_of_their_runbook() -> None:
    """After two that did not help nobody may claim that runbook, other runbooks may."""
    world = World(turns=[FIRED])

    async def main() -> tuple[str | None, str | None]:
        for _ in range(2):
            await world.followed(await world.done(restart()))
        return await world.ledger.broken(restart().runbook), await world.ledger.broken(scale_out().runbook)

    broken, other = run(main())
    assert broken is not None
    assert other is None


@pytest.mark.parametrize("helped", list(Helped))
def test_everything_but_verified_counts_against_the_runbook(helped: Helped) -> None:
    """What was rolled back or came back is a failure of the runbook as much as what never helped."""
    assert helped.failed is (helped is not Helped.VERIFIED)


def test_only_what_is_done_is_verified() -> None:
    """A claim that nothing was called for is left alone, however long ago it was."""
    world = World(turns=[FIRED])

    async def main() -> Claim:
        claim = await world.claimed(scale_out())
        dropped = await world.ledger.move(claim, claim.model_copy(update={"state": ClaimState.DROPPED}))
        assert dropped is not None
        return await world.followed(dropped)

    assert run(main()).helped is None
    assert (world.entries, world.heard) == ({}, [])


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


def test_an_action_that_runs_is_looked_at_until_it_ends() -> None:
    """Verification begins when the action has ended, and its deadline counts from there."""
    world = World(turns=[FIRED], runs=4 * MINUTE)

    async def main() -> Claim:
        return await world.followed(await world.started(restart()))

    claim = run(main())
    assert claim.ended_at is not None
    assert claim.found is not None
    assert (claim.helped, claim.found.at - claim.ended_at) == (Helped.NOT_VERIFIED, 15 * MINUTE)
    assert claim.ended_at >= START + 4 * MINUTE


def test_patience_may_be_short() -> None:
    """A demo that cannot wait sets its own times, and still sees every step."""
    quick = Patience(within=10 * SECOND, first=SECOND, longest=2 * SECOND, rollback_within=30 * SECOND)
    world = World(turns=[FIRED], rollback_takes=3 * SECOND)
    claim = followed(world, patience=quick)
    assert claim.found is not None
    assert (claim.helped, claim.found.at < START + 20 * SECOND) == (Helped.ROLLED_BACK, True)


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


def test_what_the_log_says_already_is_not_overwritten() -> None:
    """Where another entry stands in its place nothing is told to the ledger."""
    world = World(turns=[FIRED, (timedelta(), OK)])

    async def main() -> Claim | None:
        claim = await world.done(restart())
        await world.followed(claim)
        found = await world.ledger.find(claim.claim_id)
        assert found is not None
        entry = world.entries[claim.claim_id, Step.VERIFICATION]
        alien = entry.model_copy(update={"claim": entry.claim.model_copy(update={"said": "forged"})})
        world.entries[claim.claim_id, Step.VERIFICATION] = alien
        with pytest.raises(AuditConflict):
            await world.verifier().check(found.model_copy(update={"helped": None}), START + MINUTE)
        return await world.ledger.find(claim.claim_id)

    standing = run(main())
    assert standing is not None
    assert standing.helped is Helped.VERIFIED


def test_limits_open_the_breaker_by_the_policy() -> None:
    """The verifier passes on how many failures open a breaker."""
    world = World(turns=[FIRED])

    async def main() -> str | None:
        claim = await world.done(restart())
        limits = ClaimLimits(breaker_failures=1, breaker_of=3)
        await world.verifier(limits=limits).check(claim, START + 15 * MINUTE)
        return await world.ledger.broken(restart().runbook)

    assert run(main()) is not None
