"""Requests that nobody waits for any more, and that may still run."""

from collections import deque

from autocloudops.inference.concurrency.sample import Sample

EACH, CAP = 2, 1.0


class Ghosts:
    """Timed-out requests: the container is not told that the caller left, so they keep their places on the GPU.

    Lines are served in order: a ghost is gone when a request that was sent after its timeout is answered. Until then
    they go one by one, as often as answers came before. If they were all let go at once, all their places would be
    filled at once, and the prompts of one burst would be read one after the other.
    """

    def __init__(self) -> None:
        self._timed_out_at: deque[float] = deque()
        self._served = 0.0
        self._as_of = 0.0

    def __len__(self) -> int:
        return len(self._timed_out_at)

    def add(self, now: float) -> None:
        """Count a request that timed out now."""
        if not self._timed_out_at:
            self._served, self._as_of = 0.0, now
        self._timed_out_at.append(now)

    def serve(self, now: float, answers_per_second: float) -> None:
        """Let go of as many as were served by now, at that rate."""
        self._served += (now - self._as_of) * answers_per_second
        self._as_of = now
        self._served = min(self._served, CAP)
        while self._timed_out_at and self._served >= 1:
            self._timed_out_at.popleft()
            self._served -= 1

    def forget(self, answered: Sample) -> None:
        """Let go of those that were in line before `answered`."""
        for _ in range(EACH):
            if self._timed_out_at and self._timed_out_at[0] <= answered.sent_at:
                self._timed_out_at.popleft()
