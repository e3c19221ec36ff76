"""A breaker under any order of requests, endings and time."""

from contextlib import AbstractContextManager

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
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
STEPS: set[tuple[Health, Health]] = set()


class Requests(RuleBasedStateMachine):
    """Questions and probes begin when the breaker lets them and end in any way, also long after."""

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

    @precondition(lambda self: self.breaker.ready or self.breaker.due)
    @rule()
    def begins(self) -> None:
        """A question is sent, or where none may be, a probe."""
        probe = not self.breaker.ready
        request = self.breaker.probed() if probe else self.breaker.asked()
        request.__enter__()
        self.open.append((request, probe))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 99), error=st.sampled_from([None, *(kind("e", "no") for kind in FAULTS), *SILENT]))
    def ends(self, which: int, error: Exception | None) -> None:
        """One of them ends; only an answered probe makes a resting endpoint well, and late questions change nothing."""
        request, probe = self.open.pop(which % len(self.open))
        before, rests_for = self.breaker.health, self.breaker.ready_in_seconds
        request.__exit__(type(error) if error else None, error, None)
        STEPS.add((before, self.breaker.health))
        if before is not Health.WELL and not probe:
            assert (self.breaker.health, self.breaker.ready_in_seconds) == (before, rests_for)
        elif probe:
            assert self.breaker.health is (Health.WELL if answered(error) else Health.RESTING)
            assert not self.breaker.due
        elif answered(error) or error in SILENT:
            assert self.breaker.health is Health.WELL

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 30.0, 200.0]))
    def waits(self, seconds: float) -> None:
        """Time passes; health is no matter of time alone."""
        before = self.breaker.health
        self.clock.seconds += seconds
        assert self.breaker.health is before

    @invariant()
    def one_probe(self) -> None:
        """At most one probe is under way, then no other request may begin; and never may both kinds."""
        probes = sum(probe for _, probe in self.open)
        assert probes <= 1
        assert (self.breaker.health is Health.ON_TRIAL) == (probes == 1)
        assert not (probes and (self.breaker.ready or self.breaker.due))
        assert not (self.breaker.ready and self.breaker.due)

    @invariant()
    def never_stuck(self) -> None:
        """However ill, an endpoint is probed again: within its longest rest, unless a probe is under way."""
        waited = self.clock.seconds
        self.clock.seconds += max(self.trip.longest_paid_rest_seconds, self.trip.sleep_seconds)
        assert self.breaker.ready or self.breaker.due or self.breaker.health is Health.ON_TRIAL
        self.clock.seconds = waited

    @invariant()
    def changes_are_told(self) -> None:
        """Who watches hears of every rest and of every recovery."""
        if self.heard:
            self.seen = self.heard[-1]
        resting = self.breaker.health is not Health.WELL
        assert (self.seen is not Health.WELL) == resting


def answered(error: Exception | None) -> bool:
    """Return whether a request that ended so was answered: a body that is refused was read."""
    return error is None or type(error) is ModelRefused


def test_no_order_of_requests_breaks_the_rules() -> None:
    """The rules above hold in every order, and the orders went through every change of health that there is."""
    STEPS.clear()
    run_state_machine_as_test(
        Requests,
        settings=settings(max_examples=100, stateful_step_count=40, deadline=None, derandomize=True),
    )
    assert {
        (Health.WELL, Health.WELL),
        (Health.WELL, Health.RESTING),
        (Health.RESTING, Health.RESTING),
        (Health.ON_TRIAL, Health.ON_TRIAL),
        (Health.ON_TRIAL, Health.RESTING),
        (Health.ON_TRIAL, Health.WELL),
    } == STEPS
