from datetime import timedelta
from uuid import uuid5

import pytest
from verified_world import FIRED, MINUTE, PERIOD, SECOND, TARGET, World, followed, restart, scale_out, steps
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
DENIED = AccessDenied("cloudwatch:DescribeAlarms", "orders-cpu", "no")


def why(claim: Claim) -> str:
    """Return why a claim ended as it did."""
    assert claim.found is not None
    return claim.found.why


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
