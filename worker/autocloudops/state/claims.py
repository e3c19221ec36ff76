"""Who may act, in the state table (pk, sk, ttl).

    CLAIM#<claim id>    CLAIM               a claim as JSON, its state, its version, the ticket of its last write
    CLAIMS#OPEN         <claim id>          a claim that is not final, or waits for verification
    CLAIMOF#<incident>  <claim id>          a claim about an incident
    LOCK#<target>       LOCK                until when a target is locked, by which incident, and how often it was
    BUDGET#<hour>       ALL                 how many claims were made in one hour of the clock
                        RUNBOOK#<runbook>   the same for one runbook
    BREAKER#<runbook>   BREAKER             the last results of a runbook, and why its breaker is open
    CONTROL             CONTROL             the control item
                        AT#<ms>#<switch>    what it said from that time on

Claims and breakers are written under a ticket that no other call has. A write whose answer was lost is known by it:
the condition of its repetition fails, and the item that it fails at carries the ticket.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from autocloudops.clock import Clock
from autocloudops.decisions.claims import Claim, Control, Helped, NotClaimed
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.errors import Throttled
from autocloudops.state import claim_items as items
from autocloudops.state import claim_rules as rules
from autocloudops.state.claim_rules import Breaker
from autocloudops.state.claim_writes import OPERATION, Transactions
from autocloudops.state.control import ControlItem
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

RIVALS = 20


class DynamoLedger:
    """A `Ledger` in one DynamoDB table.

    Args:
        client: a DynamoDB client.
        table: the state table.
        clock: deadlines, and what has expired.
    """

    def __init__(self, client: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._name = table
        self._clock = clock
        self._table = Table(client, table, clock)
        self._transactions = Transactions(client, table, clock)
        self._control = ControlItem(self._table, self._transactions, clock)

    async def claim(self, wanted: Claim, limits: ClaimLimits, now: datetime) -> Claim | NotClaimed:
        """Become the only one who may do what `wanted` asks for: all conditions hold in one transaction, or none does.

        Raises:
            ServiceFailed: nobody knows whether it was claimed; if so, it is taken over once its lease has lapsed.
        """
        ticket = uuid4()
        failed = await self._transactions.write(items.claiming(self._name, wanted, limits, ticket, now), ticket)
        if not failed or items.is_by(failed.get(items.AT.claim, {}), ticket):
            return wanted
        return items.refusal(failed, wanted, limits, now)

    async def move(self, held: Claim, to: Claim) -> Claim | None:
        """Write `to` with the next version over `held`. None: somebody else has moved it.

        Raises:
            ValueError: nothing leads from the state of `held` to that of `to`.
            ServiceFailed: nobody knows whether it was moved.
        """
        rules.check_move(held, to)
        return await self._write(held, to)

    async def _write(self, held: Claim, to: Claim) -> Claim | None:
        moved, ticket = to.model_copy(update={"version": held.version + 1}), uuid4()
        failed = await self._transactions.write(items.moving(self._name, moved, ticket, self._clock.now()), ticket)
        return moved if not failed or items.is_by(failed[0], ticket) else None

    async def take_over(self, claim_id: UUID, worker: str, lease: timedelta, now: datetime) -> Claim | None:
        """Hold a claim whose lease has lapsed. None: it is final, not there, or still held."""
        standing = await self.find(claim_id)
        if standing is None or not rules.may_hold(standing, now):
            return None
        return await self._write(standing, standing.model_copy(update={"worker": worker, "lease_until": now + lease}))

    async def find(self, claim_id: UUID) -> Claim | None:
        """Return one claim as it stands now."""
        item = await self._table.get(items.claim_key(claim_id))
        return items.read_claim(item) if item else None

    async def of_incident(self, incident_id: UUID) -> Sequence[Claim]:
        """Return the claims about one incident, by time."""
        return await self._listed(items.incident_pk(incident_id))

    async def unfinished(self) -> Sequence[Claim]:
        """Return the claims that are not final, and those that wait for verification, by time."""
        return [claim for claim in await self._listed(items.OPEN) if rules.is_open(claim)]

    async def _listed(self, pk: str) -> Sequence[Claim]:
        keys = [items.claim_key(UUID(item["sk"]["S"])) async for item in self._table.query(pk)]
        return rules.by_time([items.read_claim(item) for item in await self._table.get_many(keys)])

    async def claimed(self, now: datetime) -> int:
        """Return how many claims were made in this hour of the clock, of all runbooks."""
        item = await self._table.get(items.budget_key(now))
        return int(item["used"]["N"]) if item else 0

    async def verified(self, claim: Claim, helped: Helped, limits: ClaimLimits, now: datetime) -> Claim | None:
        """Keep whether a finished claim helped, and count it for its runbook's breaker. None: it was kept already.

        Raises:
            ValueError: the claim is not over, or was dropped.
            ServiceFailed: nobody knows whether it was kept.
        """
        for _ in range(RIVALS):
            standing = await self.find(claim.claim_id)
            if standing is None or not rules.may_say(standing, helped):
                return None
            said = standing.model_copy(update={"helped": helped, "version": standing.version + 1})
            if await self._count(said, helped, limits, now):
                return said
        raise self._crowded()

    async def _count(self, said: Claim, helped: Helped, limits: ClaimLimits, now: datetime) -> bool:
        """Return whether a result and its runbook's breaker were written, over what stood there before."""
        ticket, runbook = uuid4(), said.request.runbook
        breaker = (await self._breaker(runbook)).after(said, helped, limits)
        moving = items.moving(self._name, said, ticket, now)
        failed = await self._transactions.write([*moving, items.breaking(self._name, runbook, breaker, ticket)], ticket)
        return not failed or items.is_by(failed.get(0, {}), ticket)

    async def _breaker(self, runbook: str) -> Breaker:
        return items.read_breaker(await self._table.get(items.breaker_key(runbook)))

    async def broken(self, runbook: str) -> str | None:
        """Return why a runbook's breaker is open, if it is."""
        return (await self._breaker(runbook)).why

    async def reset(self, runbook: str) -> bool:
        """Close a runbook's breaker and forget its results. False: it was not open."""
        for _ in range(RIVALS):
            breaker, ticket = await self._breaker(runbook), uuid4()
            if breaker.why is None:
                return False
            closing = items.breaking(self._name, runbook, breaker.closed(), ticket)
            failed = await self._transactions.write([closing], ticket)
            if not failed or items.is_by(failed[0], ticket):
                return True
        raise self._crowded()

    def _crowded(self) -> Throttled:
        return Throttled(OPERATION, self._name, f"others changed the same breaker {RIVALS} times")

    async def control(self) -> Control | None:
        """Return the control item, or None where there is none: then nothing is claimed."""
        return await self._control.get()

    async def set_control(self, control: Control) -> None:
        """Replace the control item; the last writer wins, and it is ordered against every claim."""
        await self._control.set(control)

    async def switches(self, most: int) -> Sequence[Control]:
        """Return what the control item said, the newest `most`, the newest first."""
        return await self._control.switches(most)
