"""The 95th percentile of latency, from the lengths of many answers and the line of the latest."""

from collections import deque
from collections.abc import Sequence
from itertools import cycle
from math import exp, log
from statistics import NormalDist, fmean

from autocloudops.inference.concurrency.line import Line, Window

LENGTHS_KEPT = 2048
P95 = 0.95
LEAST_SECONDS = 1e-9
# The percentiles from the 70th up: together they tell more of the 95th than it alone, and nothing of what is short.
UPPER = tuple((percent + 0.5) / 100 for percent in range(70, 100))


def _weights() -> tuple[float, ...]:
    """Return by how much the log of each percentile counts: a straight line over normal scores, read at the 95th."""
    scores = [NormalDist().inv_cdf(share) for share in UPPER]
    middle = fmean(scores)
    spread = sum((score - middle) ** 2 for score in scores)
    beyond = (NormalDist().inv_cdf(P95) - middle) / spread
    return tuple(1 / len(scores) + beyond * (score - middle) for score in scores)


WEIGHTS = _weights()


class Tail:
    """Remembers how long answers are: that changes slowly, while the line changes with every move of the limit.

    So the tail is known from many lengths and few latencies, where the latencies alone would need hundreds.
    """

    def __init__(self) -> None:
        self._lengths: deque[int] = deque(maxlen=LENGTHS_KEPT)

    def add(self, tokens: int) -> None:
        """Take in the length of an answer."""
        self._lengths.append(tokens)

    def p95_seconds(self, line: Line, window: Window) -> float:
        """Return the 95th percentile: the line at every length, with what the latest answers were off it."""
        off = cycle([sample.seconds - line.seconds(sample.tokens) for sample in window])
        latencies = sorted(line.seconds(tokens) + error for tokens, error in zip(self._lengths, off, strict=False))
        return p95_of(latencies)


def p95_of(ascending: Sequence[float]) -> float:
    """Return the 95th percentile, read off a straight line through the upper percentiles on log-normal paper.

    A probability plot: NIST/SEMATECH e-Handbook of Statistical Methods, sections 1.3.3.21 and 8.2.2.1. Its variance is
    three quarters of that of the 95th of the values alone.

    Args:
        ascending: latencies in seconds, at least one.
    """
    upper = (log(max(LEAST_SECONDS, ascending[int(share * len(ascending))])) for share in UPPER)
    return exp(sum(weight * each for weight, each in zip(WEIGHTS, upper, strict=True)))
