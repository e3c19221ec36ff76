from contextlib import suppress

import pytest
from turned_clock import TurnedClock

from autocloudops.errors import (
    ContextTooLong,
    EndpointMisconfigured,
    ModelAsleep,
    ModelBrokeOff,
    ModelError,
    ModelRefused,
    ModelThrottled,
    ModelTimedOut,
    ModelUnavailable,
)
from autocloudops.inference.breaker import Breaker, Health, Trip

TRIP = Trip(consecutive=3, share=0.5, least=6, window_seconds=30, throttled_seconds=10)


def ask(breaker: Breaker, error: BaseException | None = None) -> None:
    """Ask once; it ends as told."""
    with suppress(Exception), breaker.asked():
        if error:
            raise error


def probe(breaker: Breaker, error: BaseException | None = None) -> None:
    """Probe once; it ends as told."""
    with suppress(Exception), breaker.probed():
        if error:
            raise error


def tripped(clock: TurnedClock, error: ModelError | None = None) -> Breaker:
    """Return a breaker that has just gone to rest."""
    breaker = Breaker(clock, TRIP)
    for _ in range(3):
        ask(breaker, error or ModelUnavailable("e", "down"))
    return breaker


@pytest.mark.parametrize("kind", [ModelUnavailable, ModelBrokeOff, ModelTimedOut])
def test_faults_in_a_row_send_an_endpoint_to_rest(kind: type[ModelError]) -> None:
    """After three faults with no answer between them nothing is sent, and the last fault is the reason."""
    breaker = tripped(TurnedClock(), kind("e", "no"))
    assert (breaker.health, breaker.ready) == (Health.RESTING, False)
    assert isinstance(breaker.reason, kind)


def test_time_outs_in_a_row_count_double() -> None:
    """Each of them took a minute to tell: two are enough where three other faults would be."""
    breaker = Breaker(TurnedClock(), TRIP)
    ask(breaker, ModelTimedOut("e", "late"))
    assert breaker.ready
    ask(breaker, ModelTimedOut("e", "late"))
    assert breaker.health is Health.RESTING


def test_an_answer_in_between_starts_the_count_again() -> None:
    """Two faults, an answer and two faults are no row of three."""
    breaker = Breaker(TurnedClock(), TRIP)
    for error in (True, True, False, True, True):
        ask(breaker, ModelUnavailable("e", "no") if error else None)
    assert breaker.health is Health.WELL


def test_half_of_the_answers_being_faults_is_too_often() -> None:
    """Six answers in the window of which every second is a fault send the endpoint to rest."""
    breaker = Breaker(TurnedClock(), TRIP)
    for fault in (False, True, False, True, False):
        ask(breaker, ModelBrokeOff("e", "500") if fault else None)
    assert breaker.ready
    ask(breaker, ModelBrokeOff("e", "500"))
    assert breaker.health is Health.RESTING


def test_old_faults_are_forgotten() -> None:
    """What lies before the window does not count towards the share."""
    clock = TurnedClock()
    breaker = Breaker(clock, TRIP)
    for _ in range(2):
        ask(breaker, ModelUnavailable("e", "no"))
    ask(breaker)
    for _ in range(2):
        ask(breaker, ModelUnavailable("e", "no"))
    clock.seconds = 31
    ask(breaker)
    ask(breaker, ModelUnavailable("e", "no"))
    assert breaker.health is Health.WELL


@pytest.mark.parametrize("kind", [ModelRefused, ContextTooLong])
def test_refusals_of_a_body_say_nothing(kind: type[ModelError]) -> None:
    """A hundred bad questions are no illness of the endpoint."""
    breaker = Breaker(TurnedClock(), TRIP)
    for _ in range(100):
        ask(breaker, kind("e", "bad body"))
    assert breaker.health is Health.WELL


def test_a_burst_of_throttles_is_no_illness_but_a_long_silence_is() -> None:
    """Throttles send the endpoint to rest only when nothing else came from it for ten seconds."""
    clock = TurnedClock()
    breaker = Breaker(clock, TRIP)
    for _ in range(50):
        ask(breaker, ModelThrottled("e", "slow down"))
    assert breaker.ready
    clock.seconds = 10
    ask(breaker, ModelThrottled("e", "slow down"))
    assert breaker.health is Health.RESTING


@pytest.mark.parametrize("kind", [ModelAsleep, EndpointMisconfigured])
def test_what_only_minutes_or_people_mend_is_left_alone_at_once(kind: type[ModelError]) -> None:
    """One such error is enough, and waiting for the next probe would hardly help a question; none comes later."""
    clock = TurnedClock()
    breaker = Breaker(clock, TRIP)
    ask(breaker, kind("e", "no"))
    assert not breaker.ready
    assert breaker.ready_in_seconds == float("inf")
    for _ in range(5):
        clock.seconds += TRIP.sleep_seconds
        assert breaker.due
        probe(breaker, kind("e", "no"))
        assert not breaker.due


def test_one_probe_at_a_time_and_no_question_finds_out_whether_it_is_well() -> None:
    """When the rest is over one probe may go, and no question before it was answered."""
    clock = TurnedClock()
    breaker = tripped(clock)
    assert not breaker.due
    clock.seconds = TRIP.first_rest_seconds
    assert (breaker.due, breaker.ready, breaker.ready_in_seconds) == (True, False, 0)
    with breaker.probed():
        assert (breaker.health, breaker.ready, breaker.due) == (Health.ON_TRIAL, False, False)
        clock.seconds += 1000
        assert not breaker.due
    assert (breaker.health, breaker.ready, breaker.due) == (Health.WELL, True, False)


RESTS = [(ModelUnavailable, [5, 10, 10, 10]), (ModelThrottled, [5, 10, 10, 10]), (ModelTimedOut, [5, 10, 20, 30, 30])]


@pytest.mark.parametrize(("kind", "expected"), RESTS)
def test_rests_double_with_every_probe_that_fails(kind: type[ModelError], expected: list[float]) -> None:
    """They grow up to the longest, which is longer where a request may cost GPU time."""
    clock = TurnedClock()
    breaker = tripped(clock)
    rests = []
    for _ in expected:
        rests.append(breaker.ready_in_seconds)
        clock.seconds += breaker.ready_in_seconds
        probe(breaker, kind("e", "still down"))
    assert rests == expected


def test_only_an_answered_question_starts_the_rests_again() -> None:
    """An endpoint that answers probes and fails over questions rests longer each time."""
    clock = TurnedClock()
    breaker = tripped(clock)
    clock.seconds += breaker.ready_in_seconds
    probe(breaker)
    for _ in range(3):
        ask(breaker, ModelUnavailable("e", "down again"))
    assert breaker.ready_in_seconds == 10
    clock.seconds += breaker.ready_in_seconds
    probe(breaker)
    ask(breaker)
    for _ in range(3):
        ask(breaker, ModelUnavailable("e", "down again"))
    assert breaker.ready_in_seconds == 5


def test_a_probe_that_is_refused_was_answered() -> None:
    """A server that reads a body and refuses it is there: what it thinks of the probe is no illness."""
    clock = TurnedClock()
    breaker = tripped(clock)
    clock.seconds = TRIP.first_rest_seconds
    probe(breaker, ModelRefused("e", "bad body"))
    assert breaker.health is Health.WELL


def test_a_probe_without_a_verdict_is_repeated_after_a_rest() -> None:
    """One that was cancelled neither heals nor condemns; who waits hears of it, and the next one takes its time."""
    clock, heard = TurnedClock(), []
    breaker = tripped(clock)
    breaker.watch(lambda: heard.append(breaker.ready))
    clock.seconds = TRIP.first_rest_seconds
    probe(breaker, RuntimeError("cancelled"))
    assert (breaker.health, breaker.due, heard) == (Health.RESTING, False, [False])
    clock.seconds += TRIP.first_rest_seconds
    assert breaker.due


def test_requests_from_before_a_rest_change_nothing() -> None:
    """A late failure does not lengthen the rest, and a late answer does not end it."""
    clock = TurnedClock()
    breaker = Breaker(clock, TRIP)
    with suppress(ModelTimedOut), breaker.asked():
        with breaker.asked():
            for _ in range(3):
                ask(breaker, ModelUnavailable("e", "down"))
        assert breaker.health is Health.RESTING
        raise ModelTimedOut("e", "late")
    assert breaker.ready_in_seconds == TRIP.first_rest_seconds


def test_a_late_answer_from_before_a_rest_does_not_shorten_the_next() -> None:
    """What was sent while the endpoint was well proves nothing of it now."""
    clock = TurnedClock()
    breaker = Breaker(clock, TRIP)
    with breaker.asked():
        for _ in range(3):
            ask(breaker, ModelUnavailable("e", "down"))
        clock.seconds += breaker.ready_in_seconds
        probe(breaker)
    for _ in range(3):
        ask(breaker, ModelUnavailable("e", "down again"))
    assert breaker.ready_in_seconds == 10
