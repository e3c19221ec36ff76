"""The SDK's adaptive retry mode: a token bucket whose rate follows CUBIC, told only of throttles.

Source: botocore, retries/adaptive.py, throttling.py and bucket.py, whose constants these are. Only a throttle switches
it on: a timeout does not count.
"""

import asyncio
from math import floor

from autocloudops.clock import Clock

SCALE, BETA = 0.4, 0.7
MOST_RATE_SCALE, LEAST_RATE = 2.0, 0.5
SMOOTHING, BUCKET_SECONDS = 0.8, 0.5
LEAST_SLEEP_SECONDS = 0.001


class _Measured:
    """The rate of responses, smoothed over half seconds."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._count = 0
        self.rate = 0.0

    def record(self, now: float) -> float:
        bucket = floor(now / BUCKET_SECONDS) * BUCKET_SECONDS
        self._last = floor(now) if self._last is None else self._last
        self._count += 1
        if bucket > self._last:
            self.rate += SMOOTHING * (self._count / (bucket - self._last) - self.rate)
            self._count, self._last = 0, bucket
        return self.rate


class _Cubic:
    """The allowed rate: back to the rate of the last throttle, and beyond it, by the cube of the time since."""

    def __init__(self) -> None:
        self._most = self._zero_seconds = self._failed_at = 0.0

    def succeeded(self, now: float) -> float:
        return SCALE * (now - self._failed_at - self._zero_seconds) ** 3 + self._most

    def throttled(self, rate: float, now: float) -> float:
        self._most, self._failed_at = rate, now
        self._zero_seconds = (rate * (1 - BETA) / SCALE) ** (1 / 3)
        return rate * BETA


class AdaptiveMode:
    """The limiter of one client."""

    def __init__(self) -> None:
        self._measured, self._cubic = _Measured(), _Cubic()
        self._enabled = False
        self._rate = 1.0
        self._held, self._as_of = 0.0, 0.0
        self._turn = asyncio.Lock()

    async def admit(self, clock: Clock) -> None:
        """Wait for a token of the bucket, once the first throttle came."""
        if not self._enabled:
            return
        async with self._turn:
            self._refill(clock.monotonic())
            while self._held < 1:
                await clock.sleep(max(LEAST_SLEEP_SECONDS, (1 - self._held) / self._rate))
                self._refill(clock.monotonic())
            self._held -= 1

    def responded(self, now: float, *, throttled: bool) -> None:
        """Set the rate by what came back."""
        measured = self._measured.record(now)
        if throttled:
            wanted = self._cubic.throttled(min(measured, self._rate) if self._enabled else measured, now)
            self._enabled = True
        else:
            wanted = self._cubic.succeeded(now)
        self._refill(now)
        self._rate = max(LEAST_RATE, min(wanted, MOST_RATE_SCALE * measured))
        self._held = min(self._held, max(1.0, self._rate))

    def _refill(self, now: float) -> None:
        self._held = min(max(1.0, self._rate), self._held + (now - self._as_of) * self._rate)
        self._as_of = now
