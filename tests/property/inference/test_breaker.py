"""A breaker under any order of requests, endings and time."""

from contextlib import AbstractContextManager

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from turned_clock import TurnedClock

from autocloudops.errors import (
    EndpointMisconfigured,
    ModelAsleep,
    ModelBrokeOff,
    ModelRefused,
    ModelThrottled,
    ModelTimedOut,
    ModelUnavailable,
)
from autocloudops.inference.breaker import Breaker, Health, Trip

FAULTS = (ModelUnavailable, ModelBrokeOff, ModelTimedOut, ModelThrottled, ModelAsleep, EndpointMisconfigured)
SILENT = (ModelRefused("e", "bad body"), RuntimeError("cancelled"))


class Requests(RuleBasedStateMachine):
    """Requests begin when the breaker lets them and end in any way, also long after."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = TurnedClock()
        self.heard: list[Health] = []
        self.open: list[tuple[AbstractContextManager[None], bool]] = []

    @initialize(consecutive=st.integers(1, 4), least=st.integers(2, 8), share=st.floats(0.2, 1))
    def starts(self, consecutive: int, least: int, share: float) -> None:
        """An endpoint is well until it is asked."""
        self.trip = Trip(consecutive=consecutive, least=least, share=share)
        self.breaker = Breaker(self.clock, self.trip)
        self.breaker.watch(lambda: self.heard.append(self.breaker.health))
        self.seen = Health.WELL

    @precondition(lambda self: self.breaker.ready)
    @rule()
    def begins(self) -> None:
        """A request is sent."""
        before = self.breaker.health
        request = self.breaker.asked()
        request.__enter__()
        self.open.append((request, before is not Health.WELL))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 99), error=st.sampled_from([None, *(kind("e", "no") for kind in FAULTS), *SILENT]))
    def ends(self, which: int, error: Exception | None) -> None:
        """One of them ends; only a trial's answer makes a resting endpoint well, and only a verdict ends a trial."""
        request, trial = self.open.pop(which % len(self.open))
        before, rests_for = self.breaker.health, self.breaker.ready_in_seconds
        request.__exit__(type(error) if error else None, error, None)
        if before is not Health.WELL and not trial:
            assert (self.breaker.health, self.breaker.ready_in_seconds) == (before, rests_for)
        elif trial and error is None:
            assert self.breaker.health is Health.WELL
        elif trial:
            assert self.breaker.health is Health.RESTING
            assert self.breaker.ready is (error in SILENT)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 30.0, 200.0]))
    def waits(self, seconds: float) -> None:
        """Time passes; health is no matter of time alone."""
        before = self.breaker.health
        self.clock.seconds += seconds
        assert self.breaker.health is before

    @invariant()
    def one_trial(self) -> None:
        """At most one request is on trial, and then no other may begin."""
        trials = sum(trial for _, trial in self.open)
        assert trials <= 1
        assert (self.breaker.health is Health.ON_TRIAL) == (trials == 1)
        assert not (trials and self.breaker.ready)

    @invariant()
    def never_stuck(self) -> None:
        """However ill, an endpoint is tried again: within its longest rest, unless a trial is under way."""
        waited = self.clock.seconds
        self.clock.seconds += self.trip.longest_sleep_seconds
        assert self.breaker.ready or self.breaker.health is Health.ON_TRIAL
        self.clock.seconds = waited

    @invariant()
    def changes_are_told(self) -> None:
        """Who watches hears of every rest and of every recovery."""
        if self.heard:
            self.seen = self.heard[-1]
        resting = self.breaker.health is not Health.WELL
        assert (self.seen is not Health.WELL) == resting


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
