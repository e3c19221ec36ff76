"""No schedule of questions and retries gets more out of a budget than its terms."""

from collections import Counter
from itertools import accumulate
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from turned_clock import TurnedClock

from autocloudops.inference.budget import RetryBudget, RetryTerms

SLACK = 1e-6
TERMS = st.builds(
    RetryTerms,
    paid_ratio=st.floats(0, 1),
    paid_reserve=st.floats(0, 20),
    free_ratio=st.floats(0, 2),
    free_per_second=st.floats(0.01, 10),
    free_reserve=st.floats(0, 20),
)


class Step(NamedTuple):
    """What is wanted of a budget after so many seconds."""

    seconds: float
    wanted: str
    within_seconds: float


SCHEDULES = st.lists(
    st.builds(Step, st.floats(0, 30), st.sampled_from(["asked", "paid", "paid", "free", "free"]), st.floats(0, 60)),
    max_size=120,
)


class Counted(NamedTuple):
    """One question, or one retry that was allowed, and when it begins."""

    kind: str
    at: float


def run(terms: RetryTerms, schedule: list[Step]) -> list[Counted]:
    """Return what a budget counted."""
    clock, found = TurnedClock(), []
    budget = RetryBudget(clock, terms)
    for step in schedule:
        clock.seconds += step.seconds
        if step.wanted == "asked":
            budget.asked()
            found.append(Counted("asked", clock.seconds))
        elif step.wanted == "paid" and budget.take_paid():
            found.append(Counted("paid", clock.seconds))
        elif step.wanted == "free" and (wait := budget.take_free(step.within_seconds)) is not None:
            assert wait <= step.within_seconds
            found.append(Counted("free", clock.seconds + wait))
    return found


def test_a_budget_gives_and_refuses() -> None:
    """The properties would hold of a budget that allows nothing: this one allows its reserve, and then a share."""
    wanted = [Step(0, kind, 0.5) for kind in ["paid"] * 9 + ["free"] * 9 + ["asked"] * 11 + ["paid", "free"] * 9]
    kinds = Counter(counted.kind for counted in run(RetryTerms(paid_reserve=5, free_reserve=4), wanted))
    assert kinds == {"paid": 5 + 1, "free": 4 + 4, "asked": 11}


@given(TERMS, SCHEDULES)
def test_paid_retries_never_exceed_their_share_in_any_stretch(terms: RetryTerms, schedule: list[Step]) -> None:
    """Between any two moments: paid retries <= ratio · questions + reserve."""
    counted = run(terms, schedule)
    balance = list(accumulate((_worth(each, terms) for each in counted), initial=0.0))
    for first in range(len(balance)):
        assert max(balance[first:]) - balance[first] <= terms.paid_reserve + SLACK


def _worth(counted: Counted, terms: RetryTerms) -> float:
    return {"asked": -terms.paid_ratio, "paid": 1.0, "free": 0.0}[counted.kind]


@given(TERMS, SCHEDULES)
def test_free_retries_begin_no_faster_than_their_pace(terms: RetryTerms, schedule: list[Step]) -> None:
    """Up to any moment: free retries begun <= reserve + ratio · questions + pace · seconds."""
    counted = run(terms, schedule)
    for moment in (each.at for each in counted):
        begun = sum(each.kind == "free" and each.at <= moment for each in counted)
        questions = sum(each.kind == "asked" and each.at <= moment for each in counted)
        most = terms.free_reserve + terms.free_ratio * questions + terms.free_per_second * moment
        assert begun <= most + SLACK * (1 + most)
