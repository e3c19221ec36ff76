"""Requests that nobody waits for any more, and that may still run."""

from collections import deque

from autocloudops.inference.concurrency.sample import Sample

GONE_WITH_AN_ANSWER = 2


class Ghosts:
    """Timed-out requests: the container is not told that the caller left, so they keep their places on the GPU.

    They go one by one, as often as answers came before; and by twos with each answer to a request that was sent after
    their timeout, for lines are served in order. If all went at once, all places would be filled at once, and the
    prompts of that burst would be read one after the other.
    """

    def __init__(self) -> None:
        self._timed_out_at: deque[float] = deque()
        self._served = 0.0
        self._as_of = 0.0

    def __len__(self) -> int:
        return len(self._timed_out_at)

    def add(self, now: float, most: int) -> None:
        """Count a request that timed out now, but never more than `most`."""
        if not self._timed_out_at:
            self._served, self._as_of = 0.0, now
        self._timed_out_at.append(now)
        while len(self._timed_out_at) > most:
            self._timed_out_at.popleft()

    def serve(self, now: float, answers_per_second: float) -> None:
        """Let go of one, if that much time passed since the last."""
        self._served = min(1.0, self._served + (now - self._as_of) * answers_per_second)
        self._as_of = now
        if self._timed_out_at and self._served >= 1:
            self._timed_out_at.popleft()
            self._served = 0.0

    def forget(self, answered: Sample) -> None:
        """Let go of two that were in line before `answered`."""
        for _ in range(GONE_WITH_AN_ANSWER):
            if self._timed_out_at and self._timed_out_at[0] <= answered.sent_at:
                self._timed_out_at.popleft()
