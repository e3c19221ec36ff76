"""What a run came to: token throughput, latency, and how evenly workers shared."""

from collections.abc import Iterable, Sequence
from math import ceil

from bench.utilisation.world import Answer

MEDIAN, P95 = 0.5, 0.95


def throughput(answers: Iterable[Answer], begin: float, end: float) -> float:
    """Return tokens a second between `begin` and `end`: each answer's tokens count evenly over the time it ran.

    Only what was answered counts: the attempt that was answered, from the moment that it left the endpoint's line.
    """
    return sum(_within(each, begin, end) for each in answers) / (end - begin)


def _within(answer: Answer, begin: float, end: float) -> float:
    if answer.answered_at is None or answer.answered_at <= begin or answer.started_at >= end:
        return 0.0
    overlap = min(end, answer.answered_at) - max(begin, answer.started_at)
    return answer.tokens * overlap / (answer.answered_at - answer.started_at)


def seconds_taken(answers: Iterable[Answer], begin: float, end: float) -> list[float]:
    """Return in ascending order how long the answers took whose request was sent between `begin` and `end`."""
    return sorted(
        each.answered_at - each.sent_at
        for each in answers
        if each.answered_at is not None and begin <= each.sent_at < end
    )


def quantile(ascending: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed; infinity if there is none."""
    return ascending[ceil(share * len(ascending)) - 1] if ascending else float("inf")


def jain(shares: Sequence[float]) -> float:
    """Return Jain's index of fairness: 1 where all shares are equal, 1/n where one has everything."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0
