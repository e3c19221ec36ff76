import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3]))

from bench.utilisation.measures import quantile, seconds_taken, throughput
from bench.utilisation.world import Setting, Worker, answers_of

from autocloudops.inference.concurrency import ConcurrencyController, Sample
from autocloudops.inference.concurrency.ghosts import Ghosts
from autocloudops.inference.concurrency.limit import Limit
from autocloudops.inference.concurrency.line import Window
from autocloudops.inference.concurrency.overloads import Overloads
from autocloudops.inference.concurrency.tail import Tail
from autocloudops.sandbox.endpoint.batching import Scale
from autocloudops.sandbox.endpoint.gpus import Profile

SMALL = Profile(
    name="small", alpha_ms=10.0, beta_ms=0.2, prefill_ms_per_token=0.02, kv_tokens=1_000_000, max_sequences=32
)


def settled(controller: ConcurrencyController, clients: int, seconds: float = 120.0) -> tuple[float, float]:
    """Run a controller on one small instance; return tokens a second and p95 of the second half."""
    setting = Setting(SMALL, clients, seconds, (Scale(0.0, 1),), seed=3)
    answers = answers_of(setting, [Worker(controller)])
    taken = seconds_taken(answers, seconds / 2, seconds)
    return throughput(answers, seconds / 2, seconds), quantile(taken, 0.95)


def samples(count: int, wait: float, pace: float) -> Iterator[Sample]:
    """Yield answers on a line, of 100 to 200 tokens."""
    for number in range(count):
        tokens = 100 + number * 37 % 101
        yield Sample(0.0, wait + pace * tokens, tokens, 4.0)


def test_the_line_tells_waiting_from_length() -> None:
    """What every answer waits and what a token takes come out of latencies alone."""
    window = Window()
    for sample in samples(50, wait=3.0, pace=0.04):
        window.add(sample)
    window.keep_latest(20)
    line = window.fit()
    assert (line.wait_seconds, line.pace_seconds) == pytest.approx((3.0, 0.04))


def test_the_error_of_waiting_tells_noise_from_a_queue() -> None:
    """Answers of much the same length, off the line by chance, do not determine the intercept; a clean line does."""
    clean, noisy = Window(), Window()
    for sample in samples(50, wait=3.0, pace=0.04):
        clean.add(sample)
    for number in range(16):
        noisy.add(Sample(0.0, 10.0 + number % 3, 150 + number * 7 % 41, 4.0))
    assert clean.fit().wait_error_seconds == pytest.approx(0.0, abs=1e-3)
    assert 2 * noisy.fit().wait_error_seconds > noisy.fit().wait_seconds > 0


def test_a_timeout_beside_quick_answers_is_no_overload() -> None:
    """Timeouts count where answers are slow too, or where there are none; throttles always count."""
    quick, slow, silent, throttled = (Overloads(45.0) for _ in range(4))
    for _ in range(5):
        quick.answered(5.0)
        throttled.answered(5.0)
        slow.answered(40.0)
    assert [quick.too_many(60.0) for _ in range(3)] == [False, False, False]
    assert [slow.too_many(60.0) for _ in range(2)] == [False, True]
    assert [silent.too_many(60.0) for _ in range(2)] == [False, True]
    assert [throttled.too_many(0.2) for _ in range(2)] == [False, True]


def test_overloads_of_one_in_ten_are_too_many() -> None:
    """Two overloads beside twenty answers are too many, beside twenty-one they are not."""
    for answers, expected in ((20, True), (21, False)):
        overloads = Overloads(45.0)
        overloads.outweigh(answers)
        assert [overloads.too_many(0.2) for _ in range(2)] == [False, expected]


def test_where_answers_are_slow_overload_goes_below_the_first_four() -> None:
    """Workers that are too many for an endpoint come down to what it runs, one place each if need be."""
    controller = ConcurrencyController(45.0)
    for number in range(40):
        now = 200.0 * number
        controller.answered(Sample(now - 50.0, now, 150, float(controller.limit)))
        controller.overloaded(now + 1.0, now + 61.0)
        controller.overloaded(now + 1.0, now + 61.0)
    assert controller.limit == 1


def test_the_tail_comes_from_lengths() -> None:
    """The 95th percentile is the line at the 95th length, although the window is short."""
    window, tail = Window(), Tail()
    for sample in samples(101, wait=1.0, pace=0.1):
        tail.add(sample.tokens)
        window.add(sample)
    window.keep_latest(10)
    assert tail.p95_seconds(window.fit(), window) == pytest.approx(1.0 + 0.1 * 195, rel=0.01)


def test_a_glide_lets_every_second_answer_be_followed() -> None:
    """The limit falls by a half for each answer, and stops at its target."""
    limit = Limit(first=10, most=100)
    limit.glide(to=9)
    limit.one_answer()
    assert (limit.value, limit.gliding) == (9.5, True)
    limit.one_answer()
    limit.one_answer()
    assert (limit.value, limit.gliding) == (9.0, False)


def test_ghosts_are_gone_when_later_requests_were_answered() -> None:
    """An answer to what was sent before the timeouts says nothing about them; one that was sent after takes two."""
    ghosts = Ghosts()
    for _ in range(3):
        ghosts.add(60.0, most=10)
    ghosts.forget(Sample(50.0, 70.0, 10, 1.0))
    assert len(ghosts) == 3
    ghosts.forget(Sample(61.0, 75.0, 10, 1.0))
    assert len(ghosts) == 1


def test_ghosts_go_one_by_one_as_time_passes() -> None:
    """A long silence lets go of one, not of all at once."""
    ghosts = Ghosts()
    for _ in range(3):
        ghosts.add(60.0, most=10)
    ghosts.serve(60.5, answers_per_second=1.0)
    assert len(ghosts) == 3
    ghosts.serve(160.0, answers_per_second=1.0)
    assert len(ghosts) == 2


def test_ghosts_hold_half_the_places_at_most() -> None:
    """However many requests time out, as many again may be sent as would fill half of the limit."""
    controller = ConcurrencyController(45.0, first=100)
    controller.overloaded(0.0, 60.0)
    for number in range(200):
        controller.overloaded(0.0, 60.0 + number / 1000)
    assert controller.limit == 40


def test_requests_that_hang_leave_places_for_others() -> None:
    """Time-outs alone never lower the limit below the four that it begins with."""
    controller = ConcurrencyController(45.0, first=16)
    for number in range(50):
        controller.overloaded(100.0 * number, 100.0 * number + 60.0)
    assert controller.limit == 4


def test_a_want_of_answers_leaves_places_for_others() -> None:
    """Where other requests fail and few answers come, quick as ever, the limit stays at four."""
    controller = ConcurrencyController(45.0)
    for _ in range(2):
        controller.overloaded(0.0, 0.2)
    every_half, every_ten = (10.0 + number / 2 for number in range(200)), (120.0 + 10 * number for number in range(20))
    for number, now in enumerate([*every_half, *every_ten]):
        tokens = 150 + number * 37 % 41
        controller.answered(Sample(now - 0.02 * tokens, now, tokens, 2.0))
    assert controller.limit == 4


def test_a_timeout_after_a_fall_gives_no_place_back() -> None:
    """Ghosts that are more than half of a limit that fell since stay, although another request times out."""
    controller = ConcurrencyController(45.0)
    for _ in range(3):
        controller.overloaded(100.0, 100.0)
    controller.answered(Sample(77.0, 100.0, 0, 0.0))
    limits = []
    for seconds in (60.0, 60.0, 0.0, 60.0):
        controller.overloaded(100.0 - seconds, 100.0)
        limits.append(controller.limit)
    assert limits == [3, 2, 1, 1]


def test_the_limit_settles_just_above_what_runs_at_once() -> None:
    """An instance that runs 32 sequences is kept full, with few requests waiting."""
    controller = ConcurrencyController(45.0)
    settled(controller, clients=500)
    assert 30 <= controller.limit <= 46


def test_the_limit_follows_instances_up_and_down() -> None:
    """Four instances get about four times as many requests, and one instance again as many as before."""
    controller = ConcurrencyController(45.0)
    answers_of(Setting(SMALL, 500, 150.0, (Scale(0.0, 1), Scale(60.0, 4)), seed=3), [Worker(controller)])
    assert 120 <= controller.limit <= 184
    again = ConcurrencyController(45.0)
    schedule = (Scale(0.0, 1), Scale(60.0, 4), Scale(120.0, 1))
    answers_of(Setting(SMALL, 500, 200.0, schedule, seed=3), [Worker(again)])
    assert 26 <= again.limit <= 46


def test_a_run_ends_although_nothing_is_answered() -> None:
    """Where every request takes longer than 60 s, the questions stay without an answer and the run is over."""
    slow = SMALL.model_copy(update={"alpha_ms": 2000.0})
    answers = answers_of(Setting(slow, 4, 60.0, (Scale(0.0, 1),), seed=3), [Worker(ConcurrencyController(45.0))])
    assert answers
    assert all(each.answered_at is None for each in answers)


def test_long_answers_alone_do_not_lower_the_limit() -> None:
    """Answers of ten times the tokens take ten times as long: no sign of overload."""
    controller = ConcurrencyController(1000.0)
    limits = []
    for scale in (1, 10):
        for number in range(400):
            tokens = scale * (100 + number * 37 % 101)
            at = float(scale * 10_000 + number)
            controller.answered(Sample(at - 0.03 * tokens, at, tokens, controller.limit / 2))
        limits.append(controller.limit)
    assert limits[1] >= limits[0]


def test_the_tail_stays_under_the_ceiling() -> None:
    """Where the ceiling is what binds, the 95th percentile stays near it and the limit below what runs at once."""
    controller = ConcurrencyController(3.6)
    _, p95 = settled(controller, clients=500)
    assert p95 < 3.6 * 1.05
    assert controller.limit < 32


def test_half_used_limits_do_not_grow() -> None:
    """Where callers are fewer than the limit, nothing is learnt about a larger one."""
    controller = ConcurrencyController(45.0, first=16)
    settled(controller, clients=4, seconds=20.0)
    assert controller.limit == 16


def test_throttles_lower_the_limit_once_for_what_was_in_flight() -> None:
    """Two throttles lower it, and the others that were sent before then do not count again."""
    controller = ConcurrencyController(45.0, first=100)
    for number in range(50):
        controller.overloaded(1.0, 2.0 + number / 100)
    assert controller.limit == 80


def test_one_slow_answer_in_many_is_no_overload() -> None:
    """A lone timeout leaves the limit alone, but for the place that it may still hold."""
    controller = ConcurrencyController(45.0, first=100)
    controller.overloaded(0.0, 60.0)
    assert controller.limit == 99


def test_an_endpoint_with_little_to_do_is_remembered_no_further_back() -> None:
    """One question at a time is never judged: what is kept of the answers does not grow with their number."""
    controller, sizes = ConcurrencyController(45.0), []
    for number in range(4_000):
        at = number * 30.0
        controller.answered(Sample(at, at + 2.0, 100, 1.0))
        if number % 1_000 == 999:
            sizes.append(len(pickle.dumps(controller)))
    assert max(sizes) < 1.05 * sizes[0]
