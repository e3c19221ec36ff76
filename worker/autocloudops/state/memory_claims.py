"""The ledger in memory: one process, the same conditions as in DynamoDB."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from autocloudops.decisions.claims import Claim, Control, Helped, NotClaimed, Refused
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.state import claim_rules as rules
from autocloudops.state.claim_rules import Breaker, Lock

CLOSED = Breaker()


class MemoryLedger:
    """A `Ledger` in memory. No method suspends, so each is one transaction."""

    def __init__(self) -> None:
        self._claims: dict[UUID, Claim] = {}
        self._locks: dict[str, Lock] = {}
        self._used: Counter[tuple[str, str | None]] = Counter()
        self._breakers: dict[str, Breaker] = {}
        self._switches: list[Control] = []

    async def claim(self, wanted: Claim, limits: ClaimLimits, now: datetime) -> Claim | NotClaimed:
        """Become the only one who may do what `wanted` asks for: all conditions hold, or nothing changes."""
        refused = self._refusal(wanted, limits, now)
        if refused:
            return refused
        target, hour = rules.lock_of(wanted.request), rules.hour_of(now)
        fence = self._locks[target].fence + 1 if target in self._locks else 1
        self._claims[wanted.claim_id] = wanted
        self._locks[target] = Lock(now + limits.cooldown, wanted.incident_id, fence)
        self._used[hour, None] += 1
        self._used[hour, wanted.request.runbook] += 1
        return wanted

    def _refusal(self, wanted: Claim, limits: ClaimLimits, now: datetime) -> NotClaimed | None:
        lock = self._locks.get(rules.lock_of(wanted.request))
        if not self._switches:
            return rules.NO_CONTROL
        if self._switches[-1].mode not in rules.allowing(wanted):
            return rules.killed(self._switches[-1], wanted)
        if wanted.claim_id in self._claims:
            return rules.duplicate(self._claims[wanted.claim_id])
        if lock and lock.until > now:
            return rules.locked(lock)
        return self._spent(wanted, limits, now) or self._broken(wanted.request.runbook)

    def _spent(self, wanted: Claim, limits: ClaimLimits, now: datetime) -> NotClaimed | None:
        hour = rules.hour_of(now)
        budgets = (
            (Refused.GLOBAL_BUDGET, self._used[hour, None], limits.global_per_hour),
            (Refused.RUNBOOK_BUDGET, self._used[hour, wanted.request.runbook], limits.runbook_per_hour),
        )
        return next((rules.spent(which, used, most, now) for which, used, most in budgets if used >= most), None)

    def _broken(self, runbook: str) -> NotClaimed | None:
        why = self._breakers.get(runbook, CLOSED).why
        return rules.broken(why) if why else None

    async def move(self, held: Claim, to: Claim) -> Claim | None:
        """Write `to` with the next version over `held`. None: somebody else has moved it.

        Raises:
            ValueError: nothing leads from the state of `held` to that of `to`.
        """
        rules.check_move(held, to)
        return self._write(held, to)

    def _write(self, held: Claim, to: Claim) -> Claim | None:
        standing = self._claims.get(held.claim_id)
        if standing is None or standing.version != held.version:
            return None
        self._claims[held.claim_id] = to.model_copy(update={"version": held.version + 1})
        return self._claims[held.claim_id]

    async def take_over(self, claim_id: UUID, worker: str, lease: timedelta, now: datetime) -> Claim | None:
        """Hold a claim whose lease has lapsed. None: it is final, not there, or still held."""
        standing = self._claims.get(claim_id)
        if standing is None or not rules.may_hold(standing, now):
            return None
        return self._write(standing, standing.model_copy(update={"worker": worker, "lease_until": now + lease}))

    async def find(self, claim_id: UUID) -> Claim | None:
        """Return one claim as it stands now."""
        return self._claims.get(claim_id)

    async def of_incident(self, incident_id: UUID) -> Sequence[Claim]:
        """Return the claims about one incident, by time."""
        return rules.by_time([each for each in self._claims.values() if each.incident_id == incident_id])

    async def unfinished(self) -> Sequence[Claim]:
        """Return the claims that are not final, and those that wait for verification, by time."""
        return rules.by_time([each for each in self._claims.values() if rules.is_open(each)])

    async def claimed(self, now: datetime) -> int:
        """Return how many claims were made in this hour of the clock, of all runbooks."""
        return self._used[rules.hour_of(now), None]

    async def verified(self, claim: Claim, helped: Helped, limits: ClaimLimits, now: datetime) -> Claim | None:
        """Keep whether a finished claim helped, and count it for its runbook's breaker. None: it was kept already.

        Raises:
            ValueError: the claim is not over, or was dropped.
        """
        del now  # nothing expires here
        standing = self._claims.get(claim.claim_id)
        if standing is None or not rules.may_say(standing, helped):
            return None
        runbook = standing.request.runbook
        self._breakers[runbook] = self._breakers.get(runbook, CLOSED).after(standing, helped, limits)
        return self._write(standing, standing.model_copy(update={"helped": helped}))

    async def broken(self, runbook: str) -> str | None:
        """Return why a runbook's breaker is open, if it is."""
        return self._breakers.get(runbook, CLOSED).why

    async def reset(self, runbook: str) -> bool:
        """Close a runbook's breaker and forget its results. False: it was not open."""
        breaker = self._breakers.get(runbook, CLOSED)
        if breaker.why is None:
            return False
        self._breakers[runbook] = breaker.closed()
        return True

    async def control(self) -> Control | None:
        """Return the control item, or None where there is none: then nothing is claimed."""
        return self._switches[-1] if self._switches else None

    async def set_control(self, control: Control) -> None:
        """Replace the control item; the last writer wins."""
        self._switches.append(control)

    async def switches(self, most: int) -> Sequence[Control]:
        """Return what the control item said, the newest `most`, the newest first."""
        return tuple(sorted(self._switches, key=lambda control: control.at, reverse=True))[:most]
