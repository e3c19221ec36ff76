"""Which of several endpoints is asked, and which may be asked at all."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from logging import getLogger
from urllib.parse import parse_qs, urlsplit

from autocloudops.clock import Clock
from autocloudops.errors import EndpointMisconfigured, ModelError, ModelUnavailable, SettingsInvalid
from autocloudops.inference.breaker import Breaker
from autocloudops.values import Value

log = getLogger(__name__)


class DataPolicy(Value):
    """Where data may go beside the worker's own region."""

    regions: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()


def allowed(urls: Sequence[str], region: str, policy: DataPolicy) -> tuple[str, ...]:
    """Return `urls` where data may go to every one of them.

    Args:
        urls: model endpoints in the order in which they are asked.
        region: the worker's.
        policy: which other regions and which hosts may see data.

    Raises:
        SettingsInvalid: one is in another region, or on a host, that the policy does not name.
    """
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme != "sagemaker":
            _require(parts.hostname or url, policy.hosts, f"{url} sends data to a host")
        elif (there := parse_qs(parts.query).get("region", [region])[0]) != region:
            _require(there, policy.regions, f"{url} sends data out of {region}")
    return tuple(urls)


def _require(place: str, permitted: frozenset[str], what: str) -> None:
    if place not in permitted:
        raise SettingsInvalid(f"{what} that the policy does not name", f"remove it, or let the policy allow {place}")


@dataclass(frozen=True, slots=True)
class Change:
    """An endpoint went to rest or is well again; `first` is the one asked from now on, None while all of them rest."""

    endpoint: str
    because: ModelError | None
    first: str | None


def log_change(change: Change) -> None:
    """Log a change on one line; what only a person can mend as an error."""
    now = f"asked now: {change.first or 'none'}"
    if change.because is None:
        log.warning("%s is well again; %s", change.endpoint, now)
    elif isinstance(change.because, EndpointMisconfigured):
        log.error("%s; %s", change.because, now)
    else:
        log.warning("%s is left alone for a while: %s; %s", change.endpoint, change.because.message, now)


class FailOver:
    """Chooses the first of several endpoints that is well, and lets questions wait while none is.

    Args:
        breakers: one for each endpoint, by its name, in the order in which they are asked.
        clock: time for deadlines.
        probe: begins to find out whether an endpoint is well again, by its name, if that is due.
        tell: hears of each change of an endpoint's health, trials left out.
    """

    def __init__(
        self,
        breakers: Mapping[str, Breaker],
        clock: Clock,
        probe: Callable[[str], None],
        tell: Callable[[Change], None] = log_change,
    ) -> None:
        self._breakers = breakers
        self._clock = clock
        self._probe = probe
        self._tell = tell
        self._known: dict[str, type[ModelError] | None] = dict.fromkeys(breakers)
        self._changed = asyncio.Event()
        self._queueing: defaultdict[str, set[asyncio.Timeout]] = defaultdict(set)
        for name, breaker in breakers.items():
            breaker.watch(partial(self._note, name, breaker))

    def soonest_seconds(self) -> float:
        """Return how long until an endpoint may be asked or probed; infinite where waiting would hardly help."""
        return min(breaker.ready_in_seconds for breaker in self._breakers.values())

    async def ready(self, deadline: float, rather_not: Collection[str] = ()) -> str:
        """Return the name of the first endpoint that is well, as soon as there is one.

        Those before it whose rest is over are probed meanwhile, for the questions that follow.

        Args:
            deadline: in seconds of the monotonic clock.
            rather_not: names that are returned only if no other may be asked.

        Raises:
            EndpointMisconfigured: none of them works until somebody changes a setting.
            ModelUnavailable: none of them can be asked before the deadline.
        """
        while (name := self._first(rather_not) or self._first(())) is None:
            if self._clock.monotonic() + self.soonest_seconds() >= deadline:
                raise self._reason()
            await self._wait(deadline)
        return name

    def another(self, name: str, rather_not: Collection[str]) -> bool:
        """Return whether an endpoint other than `name` is well, and none of `rather_not`."""
        others = self._breakers.keys() - {name, *rather_not}
        return any(self._breakers[other].ready for other in others)

    def sought(self, name: str, rather_not: Collection[str]) -> bool:
        """Return what `another` does, and find out about those that may be well again, for whoever asks next."""
        return self._first({name, *rather_not}) is not None

    @asynccontextmanager
    async def queueing(self, name: str) -> AsyncIterator[None]:
        """Raise `TimeoutError` inside the block as soon as the endpoint may no longer be asked."""
        async with asyncio.timeout(None) as patience:
            self._queueing[name].add(patience)
            try:
                yield
            finally:
                self._queueing[name].discard(patience)

    def _first(self, without: Collection[str]) -> str | None:
        """Return the first endpoint that is well; those before it are probed if that is due."""
        for name, breaker in self._breakers.items():
            if name in without:
                continue
            if breaker.ready:
                return name
            self._probe(name)
        return None

    async def _wait(self, deadline: float) -> None:
        """Wait for a change of health, for the end of a rest, or until the deadline."""
        ends = [breaker.ready_in_seconds for breaker in self._breakers.values()]
        left = deadline - self._clock.monotonic()
        changed = self._changed
        try:
            async with asyncio.timeout(min([left, *(end for end in ends if end)])):
                await changed.wait()
        except TimeoutError:
            return

    def _reason(self) -> ModelError:
        reasons = [breaker.reason for breaker in self._breakers.values() if breaker.reason]
        if len(reasons) == len(self._breakers) and all(isinstance(each, EndpointMisconfigured) for each in reasons):
            # Raised once for every question: without this its traceback would grow by the frames of each.
            return reasons[0].with_traceback(None)
        said = "; ".join(str(reason) for reason in reasons)
        return ModelUnavailable(next(iter(self._breakers)), f"nothing can be asked in time: {said}")

    def _note(self, name: str, breaker: Breaker) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if not breaker.ready:
            for patience in self._queueing.pop(name, ()):
                patience.reschedule(asyncio.get_running_loop().time())
        kind = type(breaker.reason) if breaker.reason else None
        if kind is not self._known[name]:
            self._known[name] = kind
            well = (name for name, kind in self._known.items() if kind is None)
            self._tell(Change(endpoint=name, because=breaker.reason, first=next(well, None)))
