"""Every order in which two deliveries of one decision may act, crash and outlive their leases, over a real ledger.

A worker's steps are those of acting once: claim, intent, call, started, done; and after a takeover whatever the class
of the effect allows. Between any two steps the other worker may act, a worker may crash (its message comes again), or
so much time may pass that every lease has lapsed. Every order is counted, none is left out and none drawn; where two
have led to the same point, what may follow is lived through once. The model leaves out others who change the target.
"""

from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

from claiming import LEASE, NOON, control, wanted

from autocloudops.catalogue.model import EffectClass
from autocloudops.decisions.claims import Claim, ClaimState
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.state.memory_claims import MemoryLedger

T = TypeVar("T")
LIMITS = ClaimLimits()
BEFORE, AFTER = 2, 3


class Do(Enum):
    """What a worker does next."""

    ARRIVE = auto()
    RESUME = auto()
    INTEND = auto()
    CALL = auto()
    PROBE = auto()
    BEGUN = auto()
    FINISH = auto()
    GIVE_UP = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Rules:
    """How workers act, and how much may go wrong.

    Args:
        effect: the class of what is called.
        naive: whether a takeover just calls again, without token, comparison or doubt.
        crashes: how many there may be in all.
        lapses: how often all leases may lapse.
    """

    effect: EffectClass
    naive: bool = False
    crashes: int = 1
    lapses: int = 2


@dataclass(slots=True)
class World:
    """The ledger, the clock and the target."""

    ledger: MemoryLedger
    now: datetime = NOON
    count: int = BEFORE
    effects: int = 0
    seen: frozenset[UUID] = frozenset()

    def copy(self) -> "World":
        """Return a world that goes on by itself; the values in it never change."""
        ledger = MemoryLedger()
        for name, content in vars(self.ledger).items():
            setattr(ledger, name, content.copy())
        return World(ledger, self.now, self.count, self.effects, self.seen)

    def call(self, effect: EffectClass, token: UUID, *, relative: bool) -> None:
        """Have the effect of one call of a class, and count it where it changed something."""
        match effect:
            case EffectClass.TOKEN:
                self.effects += token not in self.seen
                self.seen |= {token}
            case EffectClass.ABSOLUTE:
                before, self.count = self.count, self.count + 1 if relative else AFTER
                self.effects += before != self.count
            case EffectClass.OPAQUE:
                self.effects += 1


class Delivery(NamedTuple):
    """One message on its way, and the worker that has it."""

    name: str
    do: Do = Do.ARRIVE
    held: Claim | None = None
    taken: bool = False


class State(NamedTuple):
    """One point of a schedule."""

    world: World
    deliveries: tuple[Delivery, ...]
    crashes: int
    lapses: int


class End(NamedTuple):
    """How a schedule ends: the state of its claim, and how often the target was changed."""

    state: ClaimState | None
    effects: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many schedules come to each end."""

    ends: Counter[End]

    @property
    def schedules(self) -> int:
        """How many there are."""
        return self.ends.total()

    @property
    def doubles(self) -> int:
        """How many changed the target more than once."""
        return sum(count for end, count in self.ends.items() if end.effects > 1)

    @property
    def effects(self) -> dict[ClaimState | None, set[int]]:
        """How often the target was changed, by the state of the claim."""
        states = {end.state for end in self.ends}
        return {state: {end.effects for end in self.ends if end.state is state} for state in states}


def enumerate_all(rules: Rules) -> Counts:
    """Count every schedule in which the first delivery arrives first; the others only change the names."""
    start = State(_begin(rules), (Delivery("a"), Delivery("b")), rules.crashes, rules.lapses)
    return Counts(_ends(next(_following(start, rules)), rules, {}))


def _ends(state: State, rules: Rules, known: dict[str, Counter[End]]) -> Counter[End]:
    """Return how many of the orders that go on from `state` come to each end."""
    point = _point(state)
    if point not in known:
        following = [_ends(each, rules, known) for each in _following(state, rules)]
        known[point] = sum(following, Counter()) if following else Counter([_end(state.world)])
    return known[point]


def _point(state: State) -> str:
    """Return all that what follows depends on: tokens are only compared with the claim's own."""
    world = state.world
    told = vars(world.ledger), world.now, world.count, world.effects, CLAIM_ID in world.seen
    return repr((told, state.deliveries, state.crashes, state.lapses))


def _begin(rules: Rules) -> World:
    world = World(MemoryLedger())
    _now(world.ledger.set_control(control()))
    assert wanted(effect=rules.effect).lease_until == NOON + LEASE
    return world


def _end(world: World) -> End:
    standing = _standing(world)
    return End(standing.state if standing else None, world.effects)


def _following(state: State, rules: Rules) -> Iterator[State]:
    for place, delivery in enumerate(state.deliveries):
        if _is_ready(delivery, state.world):
            world = state.world.copy()
            yield state._replace(world=world, deliveries=_with(state, place, _step(delivery, world, rules)))
        if state.crashes and delivery.do not in {Do.ARRIVE, Do.RESUME, Do.NOTHING}:
            again = Delivery(f"{delivery.name}'")
            yield state._replace(deliveries=_with(state, place, again), crashes=state.crashes - 1)
    standing = _standing(state.world)
    if state.lapses and standing and not standing.state.final and standing.lease_until > state.world.now:
        world = state.world.copy()
        world.now = standing.lease_until + timedelta(seconds=1)
        yield state._replace(world=world, lapses=state.lapses - 1)


def _with(state: State, place: int, delivery: Delivery) -> tuple[Delivery, ...]:
    return (*state.deliveries[:place], delivery, *state.deliveries[place + 1 :])


def _is_ready(delivery: Delivery, world: World) -> bool:
    """Whether a delivery has a step to do; one whose claim is held by another waits for that lease."""
    if delivery.do is not Do.RESUME:
        return delivery.do is not Do.NOTHING
    standing = _standing(world)
    return standing is not None and (standing.state.final or standing.lease_until <= world.now)


def _step(delivery: Delivery, world: World, rules: Rules) -> Delivery:
    match delivery.do:
        case Do.ARRIVE:
            return _arrive(delivery, world, rules)
        case Do.RESUME:
            return _resume(delivery, world)
        case Do.CALL:
            return _call(delivery, world, rules)
        case Do.PROBE:
            return delivery._replace(do=_probe(_held(delivery), world, rules))
    return _move(delivery, world, *MOVES[delivery.do])


def _arrive(delivery: Delivery, world: World, rules: Rules) -> Delivery:
    want = wanted(now=world.now, worker=delivery.name, effect=rules.effect)
    answer = _now(world.ledger.claim(want, LIMITS, world.now))
    if isinstance(answer, Claim):
        return delivery._replace(do=Do.INTEND, held=answer)
    return delivery._replace(do=Do.RESUME)


def _resume(delivery: Delivery, world: World) -> Delivery:
    held = _now(world.ledger.take_over(CLAIM_ID, delivery.name, LEASE, world.now))
    if held is None:
        return delivery._replace(do=Do.NOTHING)
    following = {ClaimState.CLAIMED: Do.INTEND, ClaimState.INTENT: Do.PROBE, ClaimState.STARTED: Do.FINISH}
    return delivery._replace(do=following[held.state], held=held, taken=True)


def _move(delivery: Delivery, world: World, to: ClaimState, then: Do) -> Delivery:
    held = _held(delivery)
    before = {"count": str(world.count)} if to is ClaimState.INTENT else held.before
    moved = _now(world.ledger.move(held, held.model_copy(update={"state": to, "before": before})))
    return delivery._replace(do=then if moved else Do.NOTHING, held=moved)


def _call(delivery: Delivery, world: World, rules: Rules) -> Delivery:
    token = uuid4() if rules.naive and delivery.taken else CLAIM_ID
    world.call(rules.effect, token, relative=rules.naive)
    return delivery._replace(do=Do.BEGUN)


def _probe(held: Claim, world: World, rules: Rules) -> Do:
    """Return what a worker does that took over an intent without a result."""
    if rules.naive:
        return Do.CALL
    match rules.effect:
        case EffectClass.TOKEN:
            return Do.BEGUN if CLAIM_ID in world.seen else Do.CALL
        case EffectClass.ABSOLUTE:
            return Do.CALL if held.before == {"count": str(world.count)} else Do.GIVE_UP
        case EffectClass.OPAQUE:
            return Do.GIVE_UP


def _held(delivery: Delivery) -> Claim:
    assert delivery.held
    return delivery.held


def _standing(world: World) -> Claim | None:
    return world.ledger._claims.get(CLAIM_ID)


def _now(call: Coroutine[Any, Any, T]) -> T:
    """Return the answer of a call that never suspends."""
    try:
        call.send(None)
    except StopIteration as answered:
        return answered.value  # type: ignore[no-any-return]  # a coroutine's own answer
    raise AssertionError("the ledger in memory has suspended")


CLAIM_ID = wanted().claim_id
MOVES = {
    Do.INTEND: (ClaimState.INTENT, Do.CALL),
    Do.BEGUN: (ClaimState.STARTED, Do.FINISH),
    Do.FINISH: (ClaimState.DONE, Do.NOTHING),
    Do.GIVE_UP: (ClaimState.UNKNOWN, Do.NOTHING),
}
