"""The round that brings on what nobody goes on with: after a worker died, a runbook ended, or nobody answered."""

import asyncio
from collections.abc import Sequence
from logging import getLogger

from autocloudops.actions.dispatcher import Dispatcher
from autocloudops.actions.withdrawing import Withdrawals
from autocloudops.clock import Clock
from autocloudops.decisions.claims import Claim, ClaimState, Ledger
from autocloudops.errors import AutoCloudOpsError

log = getLogger(__name__)

AT_ONCE = 5


class Sweeper:
    """Brings every unfinished claim on.

    Any number of workers may sweep at once: each step of a claim is taken by one of them.

    Args:
        ledger: claims.
        dispatcher: resumes and reads.
        withdrawals: ends questions.
        clock: time.
    """

    def __init__(self, ledger: Ledger, dispatcher: Dispatcher, withdrawals: Withdrawals, clock: Clock) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._withdrawals = withdrawals
        self._clock = clock

    async def sweep(self) -> Sequence[Claim]:
        """Return the claims whose state this round changed; `unknown` ones are for a person.

        A claim that cannot be brought on now is left to the next round.

        Raises:
            ServiceFailed: the ledger cannot be read.
        """
        turns = asyncio.Semaphore(AT_ONCE)

        async def bring_on(claim: Claim) -> Claim | None:
            async with turns:
                return await self._brought_on(claim)

        open_claims = [each for each in await self._ledger.unfinished() if not each.state.final]
        now = await asyncio.gather(*(bring_on(each) for each in open_claims))
        return [to for was, to in zip(open_claims, now, strict=True) if to is not None and to.state is not was.state]

    async def _brought_on(self, claim: Claim) -> Claim | None:
        try:
            return await self._next(claim)
        except AutoCloudOpsError as error:
            log.warning("claim %s of %s cannot be brought on now: %s", claim.claim_id, claim.request.runbook, error)
            return None

    async def _next(self, claim: Claim) -> Claim | None:
        if claim.ending or claim.state is ClaimState.STARTED:
            return await self._dispatcher.look(claim)
        if claim.state is ClaimState.WAITING:
            return await self._withdrawals.expire(await self._dispatcher.look(claim))
        if claim.lease_until <= self._clock.now():
            return await self._dispatcher.resume(claim.claim_id)
        return claim
