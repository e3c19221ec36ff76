import asyncio

import pytest
from claiming import LIMITS, NOON, AnyLedger, claimed, done, moved, refused, request_for, wanted

from autocloudops.decisions.claims import ClaimState, Finding, Helped, NotClaimed, Refused
from autocloudops.decisions.limits import ClaimLimits


async def test_what_verification_finds_is_kept_before_its_result(ledger: AnyLedger) -> None:
    """A done claim keeps a finding, still waits for its result, and its result keeps the finding."""
    claim = await done(ledger, wanted())
    found = Finding(helped=Helped.NOT_VERIFIED, at=NOON, why="still in ALARM", rolling_back=True)
    kept = await ledger.move(claim, claim.model_copy(update={"found": found}))
    assert kept
    assert kept.found == found
    assert list(await ledger.unfinished()) == [kept]
    said = await ledger.verified(claim, Helped.ROLLED_BACK, LIMITS, NOON)
    assert said
    assert said.found == found
    assert not await ledger.unfinished()


async def test_a_result_is_kept_once(ledger: AnyLedger) -> None:
    """The first result stands; only that the alarm came back replaces that it helped."""
    claim = await done(ledger, wanted())
    kept = await ledger.verified(claim, Helped.VERIFIED, LIMITS, NOON)
    assert kept == claim.model_copy(update={"helped": Helped.VERIFIED, "version": claim.version + 1})
    assert await ledger.verified(claim, Helped.NOT_VERIFIED, LIMITS, NOON) is None
    again = await ledger.verified(claim, Helped.RECURRED, LIMITS, NOON)
    assert again
    assert again.helped is Helped.RECURRED
    assert await ledger.verified(claim, Helped.VERIFIED, LIMITS, NOON) is None
    assert await ledger.find(claim.claim_id) == again


async def test_what_is_not_over_cannot_be_verified(ledger: AnyLedger) -> None:
    """A result of something that runs, or never happened, is a mistake of the caller; one that is gone is none."""
    held = await claimed(ledger, wanted())
    with pytest.raises(ValueError, match="nothing to verify"):
        await ledger.verified(held, Helped.VERIFIED, LIMITS, NOON)
    held = await moved(ledger, held, ClaimState.DROPPED)
    with pytest.raises(ValueError, match="nothing to verify"):
        await ledger.verified(held, Helped.VERIFIED, LIMITS, NOON)
    assert await ledger.verified(wanted(2), Helped.VERIFIED, LIMITS, NOON) is None


async def test_failed_verifications_open_the_breaker(ledger: AnyLedger) -> None:
    """After two of the last ten the runbook is refused, and no other; a reset forgets the past."""
    limits = ClaimLimits(runbook_per_hour=9)
    first = await done(ledger, wanted(1, request_for("1")), limits)
    second = await done(ledger, wanted(2, request_for("2")), limits)
    await ledger.verified(first, Helped.NOT_VERIFIED, limits, NOON)
    assert await ledger.broken("scale-out") is None
    await ledger.verified(second, Helped.ROLLED_BACK, limits, NOON)
    why = await ledger.broken("scale-out")
    assert why == f"2 of the last 2 verifications failed, the newest of claim {second.claim_id}"
    answer = await refused(ledger, wanted(3, request_for("3")), limits)
    assert answer == NotClaimed(which=Refused.BREAKER, detail=why)
    await claimed(ledger, wanted(3, request_for("3", "restart")), limits)
    assert await ledger.reset("scale-out")
    assert not await ledger.reset("scale-out")
    third = await done(ledger, wanted(4, request_for("4")), limits)
    await ledger.verified(third, Helped.NOT_VERIFIED, limits, NOON)
    assert await ledger.broken("scale-out") is None


async def test_the_breaker_counts_a_claim_once(ledger: AnyLedger) -> None:
    """What was verified and came back is one failure among its window, not a second result."""
    first, second = [await done(ledger, wanted(number, request_for(str(number)))) for number in range(2)]
    await ledger.verified(first, Helped.VERIFIED, LIMITS, NOON)
    await ledger.verified(first, Helped.RECURRED, LIMITS, NOON)
    assert await ledger.broken("scale-out") is None
    await ledger.verified(second, Helped.NOT_VERIFIED, LIMITS, NOON)
    assert "2 of the last 2 verifications" in str(await ledger.broken("scale-out"))


async def test_old_results_leave_the_breakers_window(ledger: AnyLedger) -> None:
    """A failure counts only among the last results."""
    limits = ClaimLimits(runbook_per_hour=9, breaker_of=2)
    for number, helped in enumerate((Helped.NOT_VERIFIED, Helped.VERIFIED, Helped.NOT_VERIFIED)):
        claim = await done(ledger, wanted(number, request_for(str(number))), limits)
        await ledger.verified(claim, helped, limits, NOON)
    assert await ledger.broken("scale-out") is None


async def test_results_that_come_at_once_are_all_counted(ledger: AnyLedger) -> None:
    """Four workers verify four claims of one runbook: no result overwrites another."""
    limits = ClaimLimits(runbook_per_hour=9, breaker_failures=4)
    claims = [await done(ledger, wanted(number, request_for(str(number))), limits) for number in range(4)]
    await asyncio.gather(*(ledger.verified(claim, Helped.NOT_VERIFIED, limits, NOON) for claim in claims))
    assert "4 of the last 4" in str(await ledger.broken("scale-out"))


async def test_of_many_who_verify_at_once_one_does(ledger: AnyLedger) -> None:
    """A result is counted once, however many saw it."""
    limits = ClaimLimits(breaker_failures=2)
    claim = await done(ledger, wanted())
    answers = await asyncio.gather(*(ledger.verified(claim, Helped.NOT_VERIFIED, limits, NOON) for _ in range(4)))
    assert sum(answer is not None for answer in answers) == 1
    assert await ledger.broken("scale-out") is None
