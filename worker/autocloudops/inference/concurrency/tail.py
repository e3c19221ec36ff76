"""The 95th percentile of latency, from the lengths of many answers and the line of the latest."""

from collections import deque
from itertools import cycle

from autocloudops.inference.concurrency.line import Line, Window

LENGTHS_KEPT = 256
P95 = 0.95


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
        return latencies[int(P95 * len(latencies))]
