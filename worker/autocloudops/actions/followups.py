"""Follow-ups: a claim is looked at until nothing follows any more."""

from collections.abc import Sequence
from datetime import timedelta
from logging import getLogger
from typing import Protocol
from uuid import UUID

from autocloudops.actions.judging import Patience, ended_at
from autocloudops.actions.verification import Verifier
from autocloudops.clock import Clock
from autocloudops.decisions.claims import Claim, ClaimState, Ledger
from autocloudops.errors import AutoCloudOpsError

log = getLogger(__name__)

SWEPT_AT_ONCE = 20


class FollowUps(Protocol):
    """Brings a claim back after a while."""

    async def send(self, claim_id: UUID, after: timedelta) -> None:
        """Let a worker look at a claim after a while, or a little earlier.

        Raises:
            ServiceFailed: nobody will.
        """
        ...


class Looks(Protocol):
    """Looks how an action goes."""

    async def look(self, claim: Claim) -> Claim:
        """Return a claim as it stands once what is known of its execution is kept."""
        ...


class FollowUpWork:
    """Does what follow-ups ask for.

    Args:
        ledger: keeps the claims.
        looks: looks how actions go.
        verifier: finds out whether they helped.
        follow_ups: brings claims back.
        clock: time.
        patience: how long to wait between looks.
    """

    def __init__(
        self,
        ledger: Ledger,
        looks: Looks,
        verifier: Verifier,
        follow_ups: FollowUps,
        clock: Clock,
        patience: Patience | None = None,
    ) -> None:
        self._ledger = ledger
        self._looks = looks
        self._verifier = verifier
        self._follow_ups = follow_ups
        self._clock = clock
        self._patience = patience or Patience()

    async def follow(self, claim_id: UUID) -> Claim | None:
        """Look at a claim once, and see to it that it is looked at again where something follows.

        The message that asked for it may be deleted when this returns: the next one is on its way by then.

        Returns:
            The claim as it stands; None where there is none.

        Raises:
            ServiceFailed: something cannot be reached: the message has to come again.
            AuditConflict: the action log says something else of this claim.
        """
        claim = await self._ledger.find(claim_id)
        if claim is None:
            log.warning("a follow-up names claim %s, which is not there", claim_id)
            return None
        if not claim.state.final:
            claim = await self._looks.look(claim)
        if not claim.state.final:
            await self._follow_ups.send(claim_id, self._patience.next_look(claim.claimed_at, self._clock.now()))
            return claim
        checked = await self._verifier.check(claim, self._clock.now())
        if checked.again is not None:
            await self._follow_ups.send(claim_id, checked.again)
        return checked.claim

    async def sweep(self) -> Sequence[Claim]:
        """Look at what should have been looked at for a while: its follow-up may be lost with whoever was to send it.

        A look beside a follow-up that does arrive changes nothing. What cannot be looked at now is left to the next
        sweep.

        Returns:
            The claims of which it is known now whether they helped.

        Raises:
            ServiceFailed: the ledger cannot be reached.
        """
        overdue = [claim for claim in await self._ledger.unfinished() if self._is_overdue(claim)]
        swept = [await self._swept(claim) for claim in overdue[:SWEPT_AT_ONCE]]
        return [claim for claim in swept if claim and claim.helped]

    def _is_overdue(self, claim: Claim) -> bool:
        return claim.state is ClaimState.DONE and self._clock.now() >= ended_at(claim) + self._patience.longest

    async def _swept(self, claim: Claim) -> Claim | None:
        """Look at a claim; only one that turns out to have helped needs a follow-up of its own, for its recurrence."""
        try:
            checked = await self._verifier.check(claim, self._clock.now())
            if checked.claim.helped and checked.again is not None:
                await self._follow_ups.send(claim.claim_id, checked.again)
        except AutoCloudOpsError as error:
            log.warning("claim %s cannot be looked at now: %s", claim.claim_id, error)
            return None
        return checked.claim
