"""Questions that end without an answer: nobody gave one in time, or nobody needs one any more."""

from collections.abc import Sequence
from uuid import UUID

from autocloudops.actions.approvals import answer_by, waits
from autocloudops.actions.executions import Executions
from autocloudops.actions.looking import Onlooker
from autocloudops.alarms.model import AlarmKey
from autocloudops.clock import Clock
from autocloudops.decisions.claims import Claim, Ledger

STOP_LOOKS = 5
STOP_PAUSE_SECONDS = 1.0


class Withdrawals:
    """Ends what waits for a person.

    Args:
        ledger: claims.
        executions: what waits.
        onlooker: moves claims to where their executions are.
        clock: time.
    """

    def __init__(self, ledger: Ledger, executions: Executions, onlooker: Onlooker, clock: Clock) -> None:
        self._ledger = ledger
        self._executions = executions
        self._onlooker = onlooker
        self._clock = clock

    async def revoke(self, incident_id: UUID, alarm: AlarmKey) -> Sequence[Claim]:
        """End the questions about an incident that wait because of an alarm which is OK again.

        Returns:
            Their claims as they stand then; what was approved in the meantime goes on.

        Raises:
            ServiceFailed: the ledger or SSM cannot be reached.
        """
        waiting = [each for each in await self._ledger.of_incident(incident_id) if waits(each)]
        settled = [each for each in waiting if each.alarm == alarm]
        return [await self._withdraw(each, f"revoked: alarm {alarm.name} is OK again") for each in settled]

    async def expire(self, claim: Claim) -> Claim:
        """End a question that nobody answered in time; any other claim stays as it is.

        Raises:
            ServiceFailed: the ledger or SSM cannot be reached.
        """
        if not waits(claim) or self._clock.now() < answer_by(claim):
            return claim
        return await self._withdraw(claim, f"nobody approved it until {answer_by(claim):%Y-%m-%d %H:%M:%SZ}")

    async def _withdraw(self, claim: Claim, why: str) -> Claim:
        """End a question; what has run past it is not stopped."""
        claim = await self._onlooker.look(claim)
        if not waits(claim) or claim.execution_id is None:
            return claim
        kept = await self._ledger.move(claim, claim.model_copy(update={"said": why}))
        if kept is None:
            return await self._ledger.find(claim.claim_id) or claim
        await self._executions.stop(claim.execution_id, claim.request.target)
        return await self._stopped(kept)

    async def _stopped(self, claim: Claim) -> Claim:
        """Wait for the stop, which takes SSM some seconds; where it takes longer, the next sweep finds it done."""
        for _ in range(STOP_LOOKS):
            claim = await self._onlooker.look(claim)
            if not waits(claim):
                break
            await self._clock.sleep(STOP_PAUSE_SECONDS)
        return claim
