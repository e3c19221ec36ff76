import sys
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[3]))

from bench.utilisation.world import Setting, Worker, answers_of

from autocloudops.inference.concurrency import ConcurrencyController, Sample
from autocloudops.sandbox.endpoint.batching import Scale
from autocloudops.sandbox.endpoint.gpus import Profile

CEILING_SECONDS = 45.0
THROTTLE_SECONDS = 0.2
SERVICES_TO_FOLLOW = 12


class Told(NamedTuple):
    """One thing that a controller is told: `passes` seconds after the one before, about a request of `seconds`."""

    answered: bool
    passes: float
    seconds: float
    tokens: int
    full_share: float


tolds = st.builds(
    Told,
    answered=st.booleans(),
    passes=st.floats(0.0, 5.0),
    seconds=st.floats(0.0, 90.0),
    tokens=st.integers(0, 2000),
    full_share=st.floats(0.0, 1.5),
)
histories = st.lists(tolds, max_size=250)


class Teller:
    """Tells a controller one thing after the other."""

    def __init__(self, controller: ConcurrencyController) -> None:
        self.controller = controller
        self.now = 100.0

    def tell(self, told: Told) -> None:
        """Let time pass, then tell it."""
        self.now += told.passes
        if told.answered:
            in_flight = told.full_share * self.controller.limit
            self.controller.answered(Sample(self.now - told.seconds, self.now, told.tokens, in_flight))
        else:
            self.controller.overloaded(self.now - told.seconds, self.now)


def limits(history: list[Told], first: int = 4, most: int = 2048) -> list[int]:
    """Return the limit after each thing that was told."""
    teller = Teller(ConcurrencyController(CEILING_SECONDS, first=first, most=most))
    found = []
    for told in history:
        teller.tell(told)
        found.append(teller.controller.limit)
    return found


@given(histories, st.integers(1, 300), st.integers(1, 300))
@settings(deadline=None, max_examples=100)
def test_the_limit_is_always_a_number_within_its_bounds(history: list[Told], first: int, most: int) -> None:
    """Whatever is told in whatever order, the limit is finite, at least one, and at most the most."""
    for limit in limits(history, first, most):
        assert isfinite(limit)
        assert 1 <= limit <= most


@given(histories)
@settings(deadline=None, max_examples=50)
def test_the_same_history_gives_the_same_limits(history: list[Told]) -> None:
    """The controller knows no chance and no clock: what it was told is all that counts."""
    assert limits(history) == limits(history)


@given(histories)
@settings(deadline=None, max_examples=50)
def test_the_limit_does_not_move_unless_something_is_told(history: list[Told]) -> None:
    """Reading the limit, however often, changes neither it nor what comes after."""
    teller = Teller(ConcurrencyController(CEILING_SECONDS))
    for told, undisturbed in zip(history, limits(history), strict=True):
        teller.tell(told)
        assert {teller.controller.limit for _ in range(3)} == {undisturbed}


@given(histories, st.lists(st.booleans(), min_size=1, max_size=30), st.floats(0.0, 5.0))
@settings(deadline=None, max_examples=100)
def test_failures_never_raise_the_limit(history: list[Told], throttled: list[bool], passes: float) -> None:
    """After any history, each throttle and each timeout leaves the limit where it is or lower."""
    teller = Teller(ConcurrencyController(CEILING_SECONDS))
    for told in history:
        teller.tell(told)
    for throttle in throttled:
        before = teller.controller.limit
        teller.tell(
            Told(answered=False, passes=passes, seconds=THROTTLE_SECONDS if throttle else 60.0, tokens=0, full_share=1)
        )
        assert teller.controller.limit <= before


@given(st.integers(4, 200), st.lists(tolds, max_size=200))
@settings(deadline=None, max_examples=50)
def test_a_limit_that_is_half_used_does_not_grow(first: int, history: list[Told]) -> None:
    """Answers of requests that had the endpoint to themselves say nothing about a larger limit."""
    teller = Teller(ConcurrencyController(CEILING_SECONDS, first=first))
    for told in history:
        teller.tell(told._replace(answered=True, full_share=told.full_share / 3))
        assert teller.controller.limit <= first


@given(st.integers(4, 64), st.integers(20, 200))
@settings(deadline=None, max_examples=50)
def test_requests_that_hang_beside_quick_answers_leave_the_limit_alone(first: int, count: int) -> None:
    """Timeouts of every tenth request, while all others are answered in seconds, take no more than their own places."""
    controller = ConcurrencyController(CEILING_SECONDS, first=first)
    for number in range(count):
        now = 100.0 + number
        tokens = 150 + number * 37 % 11
        controller.answered(Sample(now - 0.02 * tokens, now, tokens, 1.0))
        if number % 10 == 9:
            controller.overloaded(now - 60.0, now)
        assert controller.limit >= max(4, first // 2)


profiles = st.builds(
    Profile,
    name=st.just("drawn"),
    alpha_ms=st.floats(5.0, 20.0),
    beta_ms=st.floats(0.05, 0.2),
    prefill_ms_per_token=st.floats(0.01, 0.05),
    kv_tokens=st.just(1_000_000),
    max_sequences=st.integers(16, 32),
)


@given(profiles, st.integers(1, 100))
@settings(deadline=None, max_examples=8)
def test_a_step_of_capacity_is_followed(profile: Profile, seed: int) -> None:
    """Within twelve latencies of a step to three instances, at least nine tenths of what they run may be in flight."""
    controller = ConcurrencyController(CEILING_SECONDS)
    latency = (profile.alpha_ms + profile.beta_ms * profile.max_sequences) * 0.25
    step = 10 * latency
    schedule = (Scale(0.0, 1), Scale(step, 3))
    clients = 5 * profile.max_sequences
    setting = Setting(profile, clients, step + SERVICES_TO_FOLLOW * latency, schedule, seed)
    answers_of(setting, [Worker(controller)])
    assert controller.limit >= 0.9 * 3 * profile.max_sequences
