"""Reads what the gates need to know about an action's target: everything at once, and never longer than a bound."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from logging import getLogger
from typing import TypeVar

from autocloudops.actions.facts.preflight import DOCUMENT, Preflight
from autocloudops.actions.facts.reading import CANCEL_SECONDS, Clients, Place, Reads
from autocloudops.actions.facts.surroundings import ALARMS, CALENDAR, firing_guards, open_calendars
from autocloudops.actions.facts.targets import KINDS
from autocloudops.actions.facts.targets.model import Described, Limits
from autocloudops.actions.runbook import RunbookSetup
from autocloudops.alarms.model import ResourceRef
from autocloudops.cancelling import cancel
from autocloudops.catalogue import ACTIONS
from autocloudops.catalogue.model import ActionRequest, Capacity
from autocloudops.clock import Clock
from autocloudops.decisions.claims import Ledger
from autocloudops.decisions.facts import ActionFacts, Unknown
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.errors import AutoCloudOpsError, ServiceUnavailable
from autocloudops.redaction import clean

log = getLogger(__name__)

T = TypeVar("T")
REASON_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long reading may take.

    Args:
        call_seconds: one call.
        wall_seconds: all of them together; what is not there by then is unknown.
    """

    call_seconds: float = 2.0
    wall_seconds: float = 4.0


BOUNDS = Bounds()
SERVICES = tuple(
    dict.fromkeys(
        action.partition(":")[0]
        for action in (DOCUMENT, ALARMS, CALENDAR, *(each for kind in KINDS.values() for each in kind.actions))
    )
)
"""Every service that is asked."""


class ActionFactReader:
    """Reads facts from AWS and the ledger.

    Args:
        clients: opens clients for the target's account and region.
        ledger: keeps the control item and the breakers.
        setup: what every runbook is started with.
        clock: time.
        bounds: how long it may take.
    """

    def __init__(
        self, clients: Clients, ledger: Ledger, setup: RunbookSetup, clock: Clock, bounds: Bounds = BOUNDS
    ) -> None:
        self._reads = Reads(clients, bounds.call_seconds)
        self._ledger = ledger
        self._preflight = Preflight(self._reads, setup, clock)
        self._clock = clock
        self._bounds = bounds

    async def read(self, request: ActionRequest, policy: Policy) -> ActionFacts:
        """Return what is known about a request now. Never raises: what cannot be read is `Unknown` with a reason."""
        beside = Place.of(request.target)
        described = _begun(self._described(request.target))
        limits = _begun(self._limits(request))
        calendars = _begun(open_calendars(self._reads, policy.calendars, beside))
        guards = _begun(firing_guards(self._reads, policy.guards, beside))
        control = _begun(self._control())
        breaker = _begun(self._breaker(request.runbook))
        missing = _begun(self._preflight.missing(request))
        await self._bounded(described, limits, calendars, guards, control, breaker, missing)
        target = self._found(described)
        return ActionFacts(
            tags=target if isinstance(target, Unknown) else target.tags,
            calendars=self._found(calendars),
            guards=self._found(guards),
            capacity=_capacity(target, self._found(limits)),
            state=target if isinstance(target, Unknown) else target.state,
            control=self._found(control),
            breaker=self._found(breaker),
            missing=self._found(missing),
        )

    async def warm(self, place: Place) -> None:
        """Open the clients for an account and region before anybody needs them, one after the other.

        A client costs up to 0.3 s of CPU, during which every call under way waits: a small worker's first action would
        miss its facts. What cannot be opened is left to whoever needs it.

        Args:
            place: where targets are.
        """
        for service in SERVICES:
            try:
                await self._reads.open(service, place)
            except AutoCloudOpsError as error:
                log.info("the client of %s is not open yet: %s", service, error)
            await self._clock.sleep(0)

    async def state(self, request: ActionRequest) -> Mapping[str, str] | Unknown:
        """Return what a rollback of a request would restore, as `read` does. Never raises."""
        described = _begun(self._described(request.target))
        await self._bounded(described)
        target = self._found(described)
        return target if isinstance(target, Unknown) else target.state

    async def _bounded(self, *reading: "asyncio.Task[object]") -> None:
        try:
            await asyncio.wait(reading, timeout=self._bounds.wall_seconds)
        finally:
            await cancel(reading, CANCEL_SECONDS)

    def _found(self, reading: "asyncio.Task[T | Unknown]") -> T | Unknown:
        if not reading.done() or reading.cancelled():
            return Unknown(unknown=f"not read within {self._bounds.wall_seconds:g} s")
        return reading.result()

    async def _described(self, target: ResourceRef) -> Described | Unknown:
        kind = KINDS.get(target.type)
        if kind is None:
            return Unknown(unknown=f"targets of type {target.type} are not read")
        return await kind.describe(self._reads, target)

    async def _limits(self, request: ActionRequest) -> Limits | Unknown | None:
        """Return what scales the target; None where the action changes no capacity."""
        action, kind = ACTIONS.get(request.action), KINDS.get(request.target.type)
        if action is None or action.bound is None:
            return None
        if kind is None or kind.limits is None:
            return Unknown(unknown=f"targets of type {request.target.type} have no capacity")
        return await kind.limits(self._reads, request.target)

    async def _control(self) -> Mode | None:
        control = await self._within("reading the control item", self._ledger.control())
        return control.mode if control else None

    async def _breaker(self, runbook: str) -> str:
        return await self._within("reading the breaker", self._ledger.broken(runbook)) or ""

    async def _within(self, operation: str, reading: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._bounds.call_seconds):
                return await reading
        except TimeoutError as error:
            message = f"no answer within {self._bounds.call_seconds:g} s"
            raise ServiceUnavailable(operation, "the ledger", message) from error


def _begun(reading: Awaitable[T | Unknown]) -> "asyncio.Task[T | Unknown]":
    return asyncio.create_task(_known(reading))


async def _known(reading: Awaitable[T | Unknown]) -> T | Unknown:
    try:
        return await reading
    except AutoCloudOpsError as error:
        return Unknown(unknown=clean(str(error), REASON_CHARACTERS))
    except Exception as error:  # an answer of another form than AWS's: the gates must hear of it, whatever it is
        log.exception("a fact about an action's target could not be read")
        return Unknown(unknown=f"an answer could not be read: {type(error).__name__}")


def _capacity(target: Described | Unknown, limits: Limits | Unknown | None) -> Capacity | Unknown | None:
    if limits is None:
        return None
    if isinstance(target, Unknown):
        return target
    return limits if isinstance(limits, Unknown) else target.capacity(limits)
