"""Whether an endpoint is well enough to be asked."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from math import inf

from autocloudops.clock import Clock
from autocloudops.errors import (
    EndpointMisconfigured,
    ModelAsleep,
    ModelBrokeOff,
    ModelError,
    ModelRefused,
    ModelThrottled,
    ModelTimedOut,
)
from autocloudops.values import Value

MOST_DOUBLINGS = 16


class Health(StrEnum):
    """What a breaker says of its endpoint."""

    WELL = "well"
    RESTING = "resting"
    ON_TRIAL = "on trial"


class Trip(Value):
    """When an endpoint is left alone, and for how long.

    After `consecutive` faults in a row, of which a time-out counts as two; when `share` of at least `least` answers in
    `window_seconds` were faults; when it has turned everything away for `throttled_seconds`; and at once when it has no
    instance, or when a name or a permission is wrong.

    A rest doubles with every one that follows before a question was answered: up to `longest_rest_seconds` where a
    request costs no GPU time, to `longest_paid_rest_seconds` where it may. Without an instance, or with a wrong name,
    it is `sleep_seconds` each time: waking from zero instances takes about nine minutes, a request that fails is what
    wakes it and costs nothing (AWS, Scale an endpoint to zero instances).
    """

    consecutive: int = 5
    share: float = 0.5
    least: int = 10
    window_seconds: float = 30.0
    throttled_seconds: float = 15.0
    first_rest_seconds: float = 5.0
    longest_rest_seconds: float = 10.0
    longest_paid_rest_seconds: float = 30.0
    sleep_seconds: float = 30.0


class Breaker:
    """The breaker of one endpoint: well, resting, then on trial by one probe at a time until one is answered.

    A refusal of a body and a cancelled request say nothing about health; a probe that is refused was answered. Requests
    that began before a rest say nothing about what follows it.

    Args:
        clock: time for windows and rests.
        trip: when it rests.
    """

    def __init__(self, clock: Clock, trip: Trip | None = None) -> None:
        self._clock = clock
        self._trip = trip or Trip()
        self._recent: deque[tuple[float, bool]] = deque()
        self._faults = 0
        self._throttles: list[float] = []
        self._rests = 0
        self._until = 0.0
        self._era = 0
        self._on_trial = False
        self._watchers: list[Callable[[], None]] = []
        self.reason: ModelError | None = None

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever the endpoint's health changes, or a trial ends."""
        self._watchers.append(changed)

    @property
    def health(self) -> Health:
        """What the endpoint is now."""
        if self.reason is None:
            return Health.WELL
        return Health.ON_TRIAL if self._on_trial else Health.RESTING

    @property
    def ready(self) -> bool:
        """Whether a question may be sent now."""
        return self.reason is None

    @property
    def due(self) -> bool:
        """Whether a probe may find out now if the endpoint is well again."""
        return self.health is Health.RESTING and self._clock.monotonic() >= self._until

    @property
    def ready_in_seconds(self) -> float:
        """How long until the endpoint may be asked or probed; infinite where waiting would hardly help."""
        if self.ready or self._on_trial or self.due:
            return 0.0
        return inf if _sleeps(self.reason) else self._until - self._clock.monotonic()

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Judge the endpoint by how the question inside ends; only while it is `ready`."""
        era = self._era
        try:
            yield
        except ModelError as error:
            if era == self._era and _is_verdict(error):
                self._failed(error)
            raise
        if era == self._era:
            self._rests = 0
            self._answered()

    @contextmanager
    def probed(self) -> Iterator[None]:
        """Judge the endpoint by how the probe inside ends; only while one is `due`."""
        self._on_trial = True
        try:
            yield
        except ModelError as error:
            if _is_verdict(error):
                self._rest(error)
            else:
                self._recovered()
            raise
        except BaseException:
            self._until = self._clock.monotonic() + self._trip.first_rest_seconds
            self._on_trial = False
            self._tell()
            raise
        self._recovered()

    def _answered(self) -> None:
        self._faults = 0
        self._throttles.clear()
        self._remember(fault=False)

    def _recovered(self) -> None:
        self._on_trial, self.reason = False, None
        self._new_era()

    def _failed(self, error: ModelError) -> None:
        if isinstance(error, ModelThrottled):
            self._throttles.append(self._clock.monotonic())
        else:
            self._faults += 2 if isinstance(error, ModelTimedOut) else 1
            self._remember(fault=True)
        if _sleeps(error) or self._too_many_faults() or self._only_throttles():
            self._rest(error)

    def _rest(self, error: ModelError) -> None:
        first, longest = self._rest_seconds(error)
        self._until = self._clock.monotonic() + min(longest, first * 2.0 ** min(self._rests, MOST_DOUBLINGS))
        self._rests += 1
        self._on_trial, self.reason = False, error
        self._new_era()

    def _rest_seconds(self, error: ModelError) -> tuple[float, float]:
        """Return the first and the longest rest after such an error."""
        trip = self._trip
        if _sleeps(error):
            return trip.sleep_seconds, trip.sleep_seconds
        paid = isinstance(error, ModelBrokeOff | ModelTimedOut)
        return trip.first_rest_seconds, trip.longest_paid_rest_seconds if paid else trip.longest_rest_seconds

    def _new_era(self) -> None:
        self._era += 1
        self._faults = 0
        self._throttles.clear()
        self._recent.clear()
        self._tell()

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()

    def _remember(self, *, fault: bool) -> None:
        now = self._clock.monotonic()
        self._recent.append((now, fault))
        while self._recent[0][0] < now - self._trip.window_seconds:
            self._recent.popleft()

    def _too_many_faults(self) -> bool:
        faults = sum(fault for _, fault in self._recent)
        among = len(self._recent)
        often = among >= self._trip.least and faults >= self._trip.share * among
        return often or self._faults >= self._trip.consecutive

    def _only_throttles(self) -> bool:
        """Return whether it has turned everything away for long: a burst over its capacity is no illness."""
        enough = len(self._throttles) >= self._trip.consecutive
        return enough and self._throttles[-1] - self._throttles[0] >= self._trip.throttled_seconds


def _is_verdict(error: ModelError) -> bool:
    return isinstance(error, EndpointMisconfigured) or not isinstance(error, ModelRefused)


def _sleeps(error: ModelError | None) -> bool:
    """Return whether only minutes, or a person, can mend what went wrong."""
    return isinstance(error, ModelAsleep | EndpointMisconfigured)
