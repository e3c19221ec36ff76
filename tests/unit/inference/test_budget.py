import pytest
from turned_clock import TurnedClock

from autocloudops.inference.budget import RetryBudget, RetryTerms


def test_paid_retries_are_the_reserve_and_then_a_share_of_the_questions() -> None:
    """Once the reserve is spent, ten questions pay for one retry."""
    budget = RetryBudget(TurnedClock(), RetryTerms(paid_ratio=0.125, paid_reserve=2))
    assert [budget.take_paid() for _ in range(3)] == [True, True, False]
    for _ in range(8):
        budget.asked()
    assert [budget.take_paid() for _ in range(2)] == [True, False]


def test_a_quiet_week_does_not_pay_for_a_storm() -> None:
    """Unused retries are kept up to the reserve and no further."""
    budget = RetryBudget(TurnedClock(), RetryTerms(paid_ratio=0.1, paid_reserve=3))
    for _ in range(100_000):
        budget.asked()
    assert sum(budget.take_paid() for _ in range(100)) == 3


def test_free_retries_queue_at_their_pace() -> None:
    """After the reserve, each turned-away request is sent one interval after the one before it."""
    budget = RetryBudget(TurnedClock(), RetryTerms(free_reserve=2, free_per_second=0.5))
    assert [budget.take_free(60) for _ in range(4)] == [0, 0, 2, 4]


def test_a_free_retry_that_would_come_too_late_is_refused_and_costs_nothing() -> None:
    """Who cannot wait for a place does not take it from those who can."""
    clock = TurnedClock()
    budget = RetryBudget(clock, RetryTerms(free_reserve=1, free_per_second=0.1))
    assert budget.take_free(60) == 0
    assert budget.take_free(9) is None
    assert budget.take_free(10) == 10
    clock.seconds = 20
    assert budget.take_free(0) == pytest.approx(0)


def test_questions_bring_free_retries_too() -> None:
    """Each question pays for the retry of another one that was turned away."""
    budget = RetryBudget(TurnedClock(), RetryTerms(free_ratio=1, free_reserve=1, free_per_second=1))
    assert budget.take_free(60) == 0
    budget.asked()
    assert budget.take_free(60) == 0
