"""A ledger under random calls, checked against a model of what it promises that is small enough to be read."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeVar
from uuid import UUID

import pytest
from claiming import NOON, control, request_for, wanted
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from autocloudops.decisions.claims import Claim, ClaimState, Control, Helped, Ledger, NotClaimed, Refused
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.modes import Mode

T = TypeVar("T")
LIMITS = ClaimLimits(global_per_hour=4, runbook_per_hour=3, breaker_failures=2, breaker_of=3)
LEASE = timedelta(seconds=120)
RUNBOOKS, TARGETS = ("scale-out", "restart"), ("web", "db", "queue")
INCIDENTS = 8
RANKS = {state: min(rank, 4) for rank, state in enumerate(ClaimState)}
NEVER = {(ClaimState.CLAIMED, state) for state in ClaimState} - {
    (ClaimState.CLAIMED, state) for state in (ClaimState.CLAIMED, ClaimState.INTENT, ClaimState.DROPPED)
} | {(ClaimState.STARTED, ClaimState.DROPPED)}
PICK = st.integers(0, 10**6)


class Opened(Protocol):
    """Opens an empty ledger, and what has to be closed after it."""

    async def __call__(self, stack: AsyncExitStack) -> Ledger: ...


@dataclass
class Model:
    """What a ledger has to remember, in the plainest way."""

    now: datetime = NOON
    control: Control | None = None
    claims: dict[UUID, Claim] = field(default_factory=dict)
    locks: dict[str, datetime] = field(default_factory=dict)
    used: Counter[str] = field(default_factory=Counter)
    results: defaultdict[str, dict[UUID, bool]] = field(default_factory=lambda: defaultdict(dict))
    broken: set[str] = field(default_factory=set)

    def hour(self, of: str) -> str:
        """Return the name of a budget."""
        return f"{self.now:%d %H} {of}"

    def refuses(self, want: Claim) -> Refused | None:
        """Return the first reason why something may not be claimed."""
        runbook, target = want.request.runbook, want.request.target.id
        lowest = Mode.APPROVE if want.approval else Mode.ACTIVE
        reasons = {
            Refused.CONTROL_MISSING: self.control is None,
            Refused.KILLED: self.control is not None and self.control.mode < lowest,
            Refused.DUPLICATE: want.claim_id in self.claims,
            Refused.RESOURCE_LOCKED: self.locks.get(target, NOON) > self.now,
            Refused.GLOBAL_BUDGET: self.used[self.hour("all")] >= LIMITS.global_per_hour,
            Refused.RUNBOOK_BUDGET: self.used[self.hour(runbook)] >= LIMITS.runbook_per_hour,
            Refused.BREAKER: runbook in self.broken,
        }
        return next((which for which, holds in reasons.items() if holds), None)

    def claim(self, want: Claim) -> None:
        """Remember a claim."""
        self.claims[want.claim_id] = want
        self.locks[want.request.target.id] = self.now + LIMITS.cooldown
        self.used.update([self.hour("all"), self.hour(want.request.runbook)])

    def change(self, claim: Claim, **fields: object) -> Claim:
        """Remember a claim's next version."""
        changed = claim.model_copy(update={**fields, "version": claim.version + 1})
        self.claims[claim.claim_id] = changed
        return changed

    def verify(self, claim: Claim, helped: Helped) -> None:
        """Remember a result as its claim's only one, and break what failed too often."""
        runbook = claim.request.runbook
        results = self.results[runbook]
        results.pop(claim.claim_id, None)
        results[claim.claim_id] = helped is Helped.VERIFIED
        while len(results) > LIMITS.breaker_of:
            del results[next(iter(results))]
        if helped is not Helped.VERIFIED and list(results.values()).count(False) >= LIMITS.breaker_failures:
            self.broken.add(runbook)


class LedgerMachine(RuleBasedStateMachine):
    """Two runbooks, two targets, a few incidents, and an hour or two."""

    opened: ClassVar[Opened]

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._ledger = self._run(type(self).opened(self._stack))
        self._model = Model()

    @initialize(allowed=st.sampled_from((True, True, True, False)))
    def begins(self, *, allowed: bool) -> None:
        """Stories begin with everything allowed, or nothing."""
        if allowed:
            self.is_switched(Mode.ACTIVE)

    def teardown(self) -> None:
        """Look once more, and close what was opened."""
        self.looks()
        self._run(self._stack.aclose())
        self._runner.close()

    def _run(self, main: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(main)

    @rule(
        incident=st.integers(1, INCIDENTS),
        thing=st.sampled_from(TARGETS),
        runbook=st.sampled_from(RUNBOOKS),
        worker=st.sampled_from(("one", "two")),
        approval=st.booleans(),
    )
    def claims(self, incident: int, thing: str, runbook: str, worker: str, *, approval: bool) -> None:
        """A worker wants to act."""
        request = request_for(thing, runbook)
        want = wanted(incident, request, now=self._model.now, worker=worker, approval=approval)
        refused = self._model.refuses(want)
        answer = self._run(self._ledger.claim(want, LIMITS, self._model.now))
        if refused:
            assert isinstance(answer, NotClaimed)
            assert answer.which is refused
        else:
            assert answer == want
            self._model.claim(want)

    def _picked(self, which: int) -> Claim:
        return list(self._model.claims.values())[which % len(self._model.claims)]

    def _picked_done(self, which: int) -> Claim:
        """Return a claim that is done, as far as there is one."""
        done = [each for each in self._model.claims.values() if each.state is ClaimState.DONE]
        return done[which % len(done)] if done else self._picked(which)

    @precondition(lambda self: self._model.claims)
    @rule(which=PICK, to=st.sampled_from(ClaimState), late=st.integers(0, 1))
    def moves(self, which: int, to: ClaimState, late: int) -> None:
        """Whoever holds a claim moves it, or somebody who held an older version."""
        standing = self._picked(which)
        held = standing.model_copy(update={"version": standing.version - late})
        moving = self._ledger.move(held, held.model_copy(update={"state": to}))
        if not _leads(held.state, to):
            with pytest.raises(ValueError, match="nothing leads"):
                self._run(moving)
        elif late:
            assert self._run(moving) is None
        else:
            assert self._run(moving) == self._model.change(standing, state=to)

    @precondition(lambda self: self._model.claims)
    @rule(which=PICK, worker=st.sampled_from(("one", "three")))
    def takes_over(self, which: int, worker: str) -> None:
        """Somebody finds a claim unfinished."""
        standing, now = self._picked(which), self._model.now
        taken = self._run(self._ledger.take_over(standing.claim_id, worker, LEASE, now))
        if standing.state.final or standing.lease_until > now:
            assert taken is None
        else:
            assert taken == self._model.change(standing, worker=worker, lease_until=now + LEASE)

    @precondition(lambda self: self._model.claims)
    @rule(which=PICK, helped=st.sampled_from(Helped))
    def verifies(self, which: int, helped: Helped) -> None:
        """A claim's alarm was looked at, mostly of one that is done."""
        self._verify(self._picked_done(which) if which % 5 else self._picked(which), helped)

    def _verify(self, standing: Claim, helped: Helped) -> None:
        verifying = self._ledger.verified(standing, helped, LIMITS, self._model.now)
        if not standing.state.final or standing.state is ClaimState.DROPPED:
            with pytest.raises(ValueError, match="nothing to verify"):
                self._run(verifying)
        elif standing.helped is None or (standing.helped, helped) == (Helped.VERIFIED, Helped.RECURRED):
            assert self._run(verifying) == self._model.change(standing, helped=helped)
            self._model.verify(standing, helped)
        else:
            assert self._run(verifying) is None

    @rule(
        incident=st.integers(1, INCIDENTS),
        thing=st.sampled_from(TARGETS),
        runbook=st.sampled_from(RUNBOOKS),
        helped=st.sampled_from((None, Helped.VERIFIED, Helped.NOT_VERIFIED, Helped.ROLLED_BACK)),
    )
    def acts(self, incident: int, thing: str, runbook: str, helped: Helped | None) -> None:
        """What is wanted is claimed, done, and verified or not yet, unless something is against it."""
        self.time_passes(15)
        self.claims(incident, thing, runbook, "one", approval=True)
        claim = self._model.claims.get(wanted(incident, request_for(thing, runbook)).claim_id)
        if claim is None or claim.state is not ClaimState.CLAIMED:
            return
        for state in (ClaimState.INTENT, ClaimState.STARTED, ClaimState.DONE):
            changed = self._model.change(claim, state=state)
            assert self._run(self._ledger.move(claim, claim.model_copy(update={"state": state}))) == changed
            claim = changed
        if helped:
            self._verify(claim, helped)

    @rule(mode=st.sampled_from((*Mode, *(Mode.ACTIVE,) * 4)))
    def is_switched(self, mode: Mode) -> None:
        """Somebody switches."""
        self._model.control = control(mode, self._model.now)
        self._run(self._ledger.set_control(self._model.control))

    @rule(minutes=st.sampled_from((2, 15, 15, 30)))
    def time_passes(self, minutes: int) -> None:
        """Leases, cooldowns and hours end."""
        self._model.now += timedelta(minutes=minutes)

    @rule(runbook=st.sampled_from(RUNBOOKS))
    def is_reset(self, runbook: str) -> None:
        """Somebody closes a breaker."""
        assert self._run(self._ledger.reset(runbook)) is (runbook in self._model.broken)
        if runbook in self._model.broken:
            self._model.broken.remove(runbook)
            self._model.results[runbook].clear()

    @rule()
    def looks(self) -> None:
        """Whatever can be read is as the model has it."""
        run, ledger, claims = self._run, self._ledger, self._model.claims
        assert run(ledger.control()) == self._model.control
        assert {claim_id: run(ledger.find(claim_id)) for claim_id in claims} == claims
        waiting = [each for each in claims.values() if _waits(each)]
        assert {each.claim_id: each for each in run(ledger.unfinished())} == {each.claim_id: each for each in waiting}
        assert {runbook for runbook in RUNBOOKS if run(ledger.broken(runbook))} == self._model.broken
        for incident in (UUID(int=number) for number in range(1, INCIDENTS + 1)):
            listed = [each for each in claims.values() if each.incident_id == incident]
            assert sorted(run(ledger.of_incident(incident)), key=str) == sorted(listed, key=str)


def _leads(held: ClaimState, to: ClaimState) -> bool:
    """Whether one state may follow another: forward only, and nothing after the last but itself."""
    if held.final:
        return held is to is ClaimState.DONE
    return RANKS[to] >= RANKS[held] and (held, to) not in NEVER


def _waits(claim: Claim) -> bool:
    return not claim.state.final or (claim.state is ClaimState.DONE and claim.helped is None)
