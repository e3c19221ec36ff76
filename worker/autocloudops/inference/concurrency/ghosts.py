"""Requests that nobody waits for any more, and that may still run."""

from collections import deque

from autocloudops.inference.concurrency.sample import Sample


class Ghosts:
    """Timed-out requests: the container is not told that the caller left, so they keep their places on the GPU.

    A ghost is gone when a request that was sent after its timeout is answered, because lines are served in order, or
    when `most_seconds` have passed.
    """

    def __init__(self, most_seconds: float) -> None:
        self._most_seconds = most_seconds
        self._timed_out_at: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._timed_out_at)

    def add(self, now: float) -> None:
        """Count a request that timed out now."""
        self._timed_out_at.append(now)

    def forget(self, answered: Sample) -> None:
        """Forget those that cannot run any more, now that `answered` came."""
        gone = max(answered.sent_at, answered.answered_at - self._most_seconds)
        while self._timed_out_at and self._timed_out_at[0] <= gone:
            self._timed_out_at.popleft()
