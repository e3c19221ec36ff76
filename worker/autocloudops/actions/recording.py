"""A claim's steps, written where they have to stand: in the action log and in the ledger."""

from datetime import datetime
from logging import getLogger

from autocloudops.clock import Clock
from autocloudops.decisions.claims import ActionEntry, ActionLog, Claim, ClaimState, Ledger, Step
from autocloudops.errors import AuditConflict, ServiceFailed
from autocloudops.redaction import clean

log = getLogger(__name__)

SAID_CHARACTERS = 300


class Recorder:
    """Writes what becomes of claims.

    How a claim ends is kept in it first, then in the action log, and then the claim is final. So whoever goes on after
    a crash in between writes the same entry, and a worker that lost its claim writes none.

    Args:
        ledger: claims.
        action_log: entries.
        clock: time.
    """

    def __init__(self, ledger: Ledger, action_log: ActionLog, clock: Clock) -> None:
        self._ledger = ledger
        self._log = action_log
        self._clock = clock

    async def move(self, held: Claim, state: ClaimState, **fields: object) -> Claim | None:
        """Move a claim on; None where somebody else has.

        Raises:
            ServiceFailed: the ledger cannot be reached.
        """
        return await self._ledger.move(held, held.model_copy(update={"state": state, **fields}))

    async def as_it_stands(self, claim: Claim) -> Claim:
        """Return a claim that somebody else has moved.

        Raises:
            ServiceFailed: the ledger cannot be reached.
        """
        return await self._ledger.find(claim.claim_id) or claim

    async def intend(self, claim: Claim) -> None:
        """Make durable that a claim's call is about to be made.

        Raises:
            ServiceFailed: it is not durable.
            AuditConflict: something else stands in its place.
        """
        await self._log.write(ActionEntry(step=Step.INTENT, at=claim.claimed_at, claim=_impersonal(claim)))

    async def finish(self, claim: Claim, state: ClaimState, said: str, at: datetime | None = None) -> Claim:
        """End a claim, and return it as it stands then: with an `ending` where its outcome is not durable yet.

        Args:
            claim: what ends.
            state: how.
            said: why, for people.
            at: when it became so; now where nobody else says.

        Raises:
            ServiceFailed: the ledger cannot be reached.
        """
        said = clean(" ".join(said.split()), SAID_CHARACTERS)
        ended_at = at or self._clock.now()
        ending = await self.move(claim, claim.state, ending=state, said=said, ended_at=ended_at)
        return await self.end(ending) if ending else await self.as_it_stands(claim)

    async def end(self, claim: Claim) -> Claim:
        """Give a claim the final state that it has to get, and return it as it stands then.

        Raises:
            ServiceFailed: the ledger cannot be reached.
        """
        if claim.ending is None or claim.ended_at is None:
            raise ValueError(f"nobody has said how claim {claim.claim_id} ends")
        ended = claim.model_copy(update={"state": claim.ending, "ending": None})
        try:
            await self._log.write(ActionEntry(step=Step.OUTCOME, at=claim.ended_at, claim=_impersonal(ended)))
        except ServiceFailed as error:
            log.warning("the outcome of claim %s is not durable yet: %s", claim.claim_id, error)
            return claim
        except AuditConflict:
            log.exception("the action log holds another outcome of claim %s", claim.claim_id)
            ended = ended.model_copy(update={"said": f"{claim.said} (the action log holds another outcome)"})
        return await self._ledger.move(claim, ended) or await self.as_it_stands(claim)


def _impersonal(claim: Claim) -> Claim:
    """Return a claim without what differs between two workers, so that both write the same entry."""
    return claim.model_copy(update={"worker": "", "lease_until": claim.claimed_at, "version": 0})
