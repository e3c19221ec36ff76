import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from claiming import LEASE, LIMITS, NOON, AnyLedger, claimed, control, moved, refused, request_for, wanted

from autocloudops.decisions.claims import Claim, ClaimState, Helped, NotClaimed, Refused
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.modes import Mode

AFTER_COOLDOWN = NOON + LIMITS.cooldown


async def test_a_claim_is_kept_as_it_was_wanted(ledger: AnyLedger) -> None:
    """What was claimed is found by its id, by its incident, and among what is unfinished."""
    want = wanted(approval=True)
    assert await claimed(ledger, want) == want
    assert await ledger.find(want.claim_id) == want
    assert list(await ledger.of_incident(want.incident_id)) == [want]
    assert list(await ledger.unfinished()) == [want]
    assert not await ledger.of_incident(UUID(int=9))


async def test_nothing_is_claimed_without_a_control_item(empty: AnyLedger) -> None:
    """An absent control item refuses, and nothing was spent or locked by trying."""
    assert (await refused(empty, wanted())).which is Refused.CONTROL_MISSING
    assert await empty.find(wanted().claim_id) is None
    await empty.set_control(control())
    assert await claimed(empty, wanted(), ClaimLimits(global_per_hour=1, runbook_per_hour=1)) == wanted()


async def test_the_control_item_lowers_what_is_claimed(ledger: AnyLedger) -> None:
    """A claim that a person approves needs `approve`, any other `active`; the refusal says who switched and why."""
    for number, mode in enumerate(Mode):
        for approval in (False, True):
            await ledger.set_control(control(mode, reason="freeze before the release"))
            want = wanted(number, request_for(f"{mode} {approval}"), approval=approval)
            answer = await ledger.claim(want, ClaimLimits(runbook_per_hour=9), NOON)
            assert isinstance(answer, Claim) is (mode >= (Mode.APPROVE if approval else Mode.ACTIVE))
            if isinstance(answer, NotClaimed):
                assert answer.which is Refused.KILLED
                assert all(word in answer.detail for word in (mode, "freeze before the release", "tester"))


async def test_a_second_delivery_claims_nothing(ledger: AnyLedger) -> None:
    """One incident, runbook and target are claimed once, even long after; the refusal says who holds it."""
    first = await claimed(ledger, wanted())
    for at in (NOON, NOON + timedelta(days=1)):
        answer = await refused(ledger, wanted(worker="two", now=at))
        assert answer.which is Refused.DUPLICATE
        assert "one" in answer.detail
    assert await ledger.find(first.claim_id) == first


async def test_two_calls_with_the_same_words_have_one_winner(ledger: AnyLedger) -> None:
    """Two tasks of one worker that want the same at the same moment are still two."""
    answers = await asyncio.gather(*(ledger.claim(wanted(), LIMITS, NOON) for _ in range(2)))
    assert sorted(type(answer).__name__ for answer in answers) == ["Claim", "NotClaimed"]


async def test_a_target_is_locked_until_its_cooldown_is_over(ledger: AnyLedger) -> None:
    """Another incident waits for the target whatever its runbook; the refusal says until when, and for whom."""
    await claimed(ledger, wanted())
    other = request_for(runbook="restart")
    for at in (NOON, AFTER_COOLDOWN - timedelta(milliseconds=1)):
        answer = await refused(ledger, wanted(2, other, now=at))
        assert answer.which is Refused.RESOURCE_LOCKED
        assert answer.detail == f"until 2026-03-01T12:15:00Z by incident {UUID(int=1)}, lock 1 of this target"
    await claimed(ledger, wanted(2, other, now=AFTER_COOLDOWN))
    answer = await refused(ledger, wanted(3, other, now=AFTER_COOLDOWN))
    assert "lock 2 of this target" in answer.detail


async def test_the_same_name_elsewhere_is_another_target(ledger: AnyLedger) -> None:
    """A lock holds one resource of one account and region."""
    await claimed(ledger, wanted())
    there = request_for()
    away = there.model_copy(update={"target": there.target.model_copy(update={"region": "us-east-1"})})
    await claimed(ledger, wanted(2, away))


async def test_a_runbooks_budget_lasts_for_an_hour_of_the_clock(ledger: AnyLedger) -> None:
    """After so many claims in an hour a runbook waits for the next; another runbook does not."""
    limits = ClaimLimits(runbook_per_hour=2)
    for number in (1, 2):
        await claimed(ledger, wanted(number, request_for(str(number))), limits)
    late = NOON + timedelta(minutes=59)
    answer = await refused(ledger, wanted(3, request_for("3"), now=late), limits)
    assert answer == NotClaimed(which=Refused.RUNBOOK_BUDGET, detail="2 of 2 used, more from 2026-03-01T13:00:00Z on")
    await claimed(ledger, wanted(4, request_for("4", "restart"), now=late), limits)
    await claimed(ledger, wanted(3, request_for("3"), now=NOON + timedelta(hours=1)), limits)


async def test_the_whole_budget_is_shared_by_all_runbooks(ledger: AnyLedger) -> None:
    """A refused claim spends nothing, and the budget of all comes before that of one."""
    limits = ClaimLimits(global_per_hour=2, runbook_per_hour=1)
    await claimed(ledger, wanted(1, request_for("1")), limits)
    assert (await refused(ledger, wanted(2, request_for("2")), limits)).which is Refused.RUNBOOK_BUDGET
    await claimed(ledger, wanted(2, request_for("2", "restart")), limits)
    assert (await refused(ledger, wanted(3, request_for("3", "roll-back")), limits)).which is Refused.GLOBAL_BUDGET


async def test_a_budget_of_nothing_allows_nothing(ledger: AnyLedger) -> None:
    """Zero means zero, also for the first claim of an hour."""
    assert (await refused(ledger, wanted(), ClaimLimits(global_per_hour=0))).which is Refused.GLOBAL_BUDGET
    assert (await refused(ledger, wanted(), ClaimLimits(runbook_per_hour=0))).which is Refused.RUNBOOK_BUDGET


async def test_of_many_who_claim_at_once_one_wins(ledger: AnyLedger) -> None:
    """Eight workers with the same delivery: one claim, seven duplicates."""
    wants = [wanted(worker=str(number)) for number in range(8)]
    answers = await asyncio.gather(*(ledger.claim(each, LIMITS, NOON) for each in wants))
    winners = [answer for answer in answers if isinstance(answer, Claim)]
    assert len(winners) == 1
    assert {answer.which for answer in answers if isinstance(answer, NotClaimed)} == {Refused.DUPLICATE}
    assert await ledger.find(winners[0].claim_id) == winners[0]


async def test_a_budget_is_not_overdrawn_by_a_rush(ledger: AnyLedger) -> None:
    """Eight claims of different targets at once: as many pass as the budget has."""
    limits = ClaimLimits(runbook_per_hour=3)
    wants = [wanted(number, request_for(str(number))) for number in range(8)]
    answers = await asyncio.gather(*(ledger.claim(each, limits, NOON) for each in wants))
    assert sum(isinstance(answer, Claim) for answer in answers) == 3
    assert {answer.which for answer in answers if isinstance(answer, NotClaimed)} == {Refused.RUNBOOK_BUDGET}


async def test_a_move_is_made_once(ledger: AnyLedger) -> None:
    """Each move raises the version and is found as it was written; whoever holds an older version is told so."""
    held = await claimed(ledger, wanted())
    intent = held.model_copy(update={"state": ClaimState.INTENT, "before": {"desired": "2"}})
    first = await ledger.move(held, intent)
    assert first == intent.model_copy(update={"version": 1})
    assert await ledger.find(held.claim_id) == first
    assert await ledger.move(held, intent) is None
    assert await ledger.find(held.claim_id) == first


async def test_of_many_who_move_at_once_one_does(ledger: AnyLedger) -> None:
    """Compare-and-set holds against rivals, also with the same words."""
    held = await claimed(ledger, wanted())
    intent = held.model_copy(update={"state": ClaimState.INTENT})
    answers = await asyncio.gather(*(ledger.move(held, intent) for _ in range(6)))
    assert sum(answer is not None for answer in answers) == 1


async def test_nothing_leads_back(ledger: AnyLedger) -> None:
    """A move of what is over is a mistake of the caller, and changes nothing."""
    held = await moved(ledger, await claimed(ledger, wanted()), ClaimState.INTENT, ClaimState.UNKNOWN)
    for state in ClaimState:
        with pytest.raises(ValueError, match="nothing leads from unknown"):
            await ledger.move(held, held.model_copy(update={"state": state}))
    assert await ledger.find(held.claim_id) == held


async def test_a_claim_stays_about_its_request(ledger: AnyLedger) -> None:
    """What was claimed to be done is what is done."""
    held = await claimed(ledger, wanted())
    with pytest.raises(ValueError, match="another request"):
        await ledger.move(held, held.model_copy(update={"request": request_for("other")}))
    assert await ledger.find(held.claim_id) == held


async def test_a_claim_that_is_not_there_cannot_be_moved(ledger: AnyLedger) -> None:
    """Moving creates nothing."""
    held = wanted()
    assert await ledger.move(held, held.model_copy(update={"state": ClaimState.INTENT})) is None
    assert await ledger.find(held.claim_id) is None
    assert not await ledger.unfinished()


async def test_a_lapsed_claim_is_taken_over(ledger: AnyLedger) -> None:
    """Once the lease has lapsed somebody else holds the claim as it stands, and the first holder no longer moves it."""
    held = await moved(ledger, await claimed(ledger, wanted()), ClaimState.INTENT)
    assert await ledger.take_over(held.claim_id, "two", LEASE, held.lease_until - timedelta(milliseconds=1)) is None
    taken = await ledger.take_over(held.claim_id, "two", LEASE, held.lease_until)
    changes = {"worker": "two", "lease_until": held.lease_until + LEASE, "version": 2}
    assert taken == held.model_copy(update=changes)
    assert await ledger.take_over(held.claim_id, "three", LEASE, held.lease_until) is None
    assert await ledger.move(held, held.model_copy(update={"state": ClaimState.DONE})) is None
    assert await ledger.find(held.claim_id) == taken


async def test_of_many_who_take_over_at_once_one_does(ledger: AnyLedger) -> None:
    """A lapsed claim has one new holder."""
    held = await claimed(ledger, wanted())
    takers = (ledger.take_over(held.claim_id, str(number), LEASE, held.lease_until) for number in range(6))
    assert sum(taken is not None for taken in await asyncio.gather(*takers)) == 1


async def test_what_is_over_or_not_there_is_not_taken_over(ledger: AnyLedger) -> None:
    """A final claim has no holder."""
    held = await moved(ledger, await claimed(ledger, wanted()), ClaimState.DROPPED)
    assert await ledger.take_over(held.claim_id, "two", LEASE, NOON + timedelta(days=1)) is None
    assert await ledger.take_over(wanted(2).claim_id, "two", LEASE, NOON + timedelta(days=1)) is None


async def test_unfinished_claims_are_listed_until_they_are_over(ledger: AnyLedger) -> None:
    """What is done waits for its verification; what failed, was dropped or is unknown waits for nothing."""
    ends = (ClaimState.DONE, ClaimState.FAILED, ClaimState.UNKNOWN, ClaimState.DROPPED)
    limits = ClaimLimits(runbook_per_hour=9)
    for number, end in enumerate(ends):
        await moved(
            ledger, await claimed(ledger, wanted(number, request_for(str(number))), limits), ClaimState.INTENT, end
        )
    (waiting,) = await ledger.unfinished()
    assert waiting.state is ClaimState.DONE
    assert await ledger.verified(waiting, Helped.VERIFIED, limits, NOON)
    assert not await ledger.unfinished()


async def test_an_incidents_claims_come_by_time(ledger: AnyLedger) -> None:
    """A second action of an incident is listed after the first."""
    second = await claimed(ledger, wanted(1, request_for("b", "restart"), now=NOON + timedelta(minutes=1)))
    first = await claimed(ledger, wanted(1, request_for("a")))
    await claimed(ledger, wanted(2, request_for("c")))
    assert list(await ledger.of_incident(UUID(int=1))) == [first, second]


async def test_claims_of_an_hour_are_counted(ledger: AnyLedger) -> None:
    """The count is that of the budget: of every runbook, in the hour of the clock that is asked about."""
    assert await ledger.claimed(NOON) == 0
    await claimed(ledger, wanted())
    await claimed(ledger, wanted(2, request_for("other", runbook="restart")))
    assert (await ledger.claimed(NOON), await ledger.claimed(NOON + timedelta(hours=1))) == (2, 0)
