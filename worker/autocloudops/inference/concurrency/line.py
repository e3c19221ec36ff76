"""The line of latency over tokens: what a request waits, whatever its length, and what each token then takes."""

from collections import deque
from collections.abc import Iterator
from math import sqrt
from typing import NamedTuple

from autocloudops.inference.concurrency.sample import Sample

SPREAD_NEEDED = 1e-3


class Line(NamedTuple):
    """Seconds = `wait_seconds` + `pace_seconds` * tokens, and the standard error of `wait_seconds`."""

    wait_seconds: float
    pace_seconds: float
    wait_error_seconds: float

    def seconds(self, tokens: float) -> float:
        """Return what an answer of `tokens` takes."""
        return self.wait_seconds + self.pace_seconds * tokens


class Window:
    """The latest answers, with running sums: a fit costs the same however many they are."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()
        self._covers_since = float("inf")
        self._tokens = self._seconds = self._in_flight = 0.0
        self._squares = self._products = self._seconds_squares = 0.0

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)

    @property
    def covers_since(self) -> float:
        """Since when every answer is here."""
        return self._covers_since

    def add(self, sample: Sample) -> None:
        """Take in an answer."""
        self._covers_since = min(self._covers_since, sample.answered_at)
        self._samples.append(sample)
        self._sum(sample, 1)

    def keep_latest(self, most: int) -> None:
        """Forget the oldest, until `most` are left."""
        while len(self._samples) > most:
            self._forget()

    def keep_since(self, answered_at: float) -> None:
        """Forget what was answered before that time."""
        while self._samples and self._samples[0].answered_at < answered_at:
            self._forget()

    @property
    def tokens(self) -> float:
        """Tokens of all answers."""
        return self._tokens

    @property
    def seconds(self) -> float:
        """Seconds that all answers took together."""
        return self._seconds

    @property
    def mean_tokens(self) -> float:
        """Tokens of an answer."""
        return self._tokens / len(self)

    @property
    def mean_seconds(self) -> float:
        """Seconds of an answer."""
        return self._seconds / len(self)

    @property
    def in_flight(self) -> float:
        """Requests in flight while these ran, on average."""
        return self._in_flight / len(self)

    @property
    def pace_seconds(self) -> float:
        """Seconds for each token, waiting included."""
        return self._seconds / max(1.0, self._tokens)

    def fit(self) -> Line:
        """Return the line of least squares, neither part of it below zero.

        The error of the intercept: M. Kutner et al., Applied Linear Statistical Models, 5th edition, section 2.2.
        """
        tokens, seconds = self.mean_tokens, self.mean_seconds
        variance = self._squares / len(self) - tokens * tokens
        if variance <= SPREAD_NEEDED * tokens * tokens:
            return Line(0.0, self.pace_seconds, 0.0)
        slope = (self._products / len(self) - tokens * seconds) / variance
        slope = min(max(slope, 0.0), seconds / max(1.0, tokens))
        error = sqrt(self._residual_variance(slope, variance) / len(self) * (1 + tokens * tokens / variance))
        return Line(max(0.0, seconds - slope * tokens), slope, error)

    def _residual_variance(self, slope: float, tokens_variance: float) -> float:
        """Return how far answers are off the line of `slope` through their middle, squared."""
        seconds = self.mean_seconds
        seconds_variance = self._seconds_squares / len(self) - seconds * seconds
        covariance = self._products / len(self) - self.mean_tokens * seconds
        left = seconds_variance - 2 * slope * covariance + slope * slope * tokens_variance
        return max(0.0, left) * len(self) / max(1, len(self) - 2)

    def _forget(self) -> None:
        sample = self._samples.popleft()
        self._covers_since = sample.answered_at
        self._sum(sample, -1)

    def _sum(self, sample: Sample, sign: int) -> None:
        self._tokens += sign * sample.tokens
        self._seconds += sign * sample.seconds
        self._squares += sign * sample.tokens * sample.tokens
        self._products += sign * sample.tokens * sample.seconds
        self._seconds_squares += sign * sample.seconds * sample.seconds
        self._in_flight += sign * sample.in_flight
