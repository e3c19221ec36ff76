"""One instance of the simulated endpoint: what runs, what waits, and when the next thing happens."""

import asyncio
import heapq
from collections import deque
from dataclasses import dataclass

from autocloudops.sandbox.endpoint.gpus import Profile

MILLISECOND = 0.001
STEP_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Served:
    """How long a request waited, until its first token and until its last, each counted in seconds from its arrival."""

    queue_seconds: float
    first_token_seconds: float
    total_seconds: float


class Running:
    """A request that was handed in: `first_token` (seconds after arrival) and `served` are done when they happen.

    Args:
        prompt_tokens: tokens of the whole prompt.
        completion_tokens: tokens of the answer, at least 1.
        arrived_at: the clock's monotonic time.
    """

    __slots__ = ("arrived_at", "completion_tokens", "first_token", "last_step", "prompt_tokens", "queued", "served")

    def __init__(self, prompt_tokens: int, completion_tokens: int, arrived_at: float) -> None:
        loop = asyncio.get_running_loop()
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = max(1, completion_tokens)
        self.arrived_at = arrived_at
        self.queued = 0.0
        self.last_step = 0.0
        self.first_token: asyncio.Future[float] = loop.create_future()
        self.served: asyncio.Future[Served] = loop.create_future()

    def __lt__(self, other: "Running") -> bool:
        """Sort by the step that brings the last token."""
        return self.last_step < other.last_step

    def reached_first_token(self, at: float) -> None:
        """Say that the prompt was read, which brings the first token."""
        if not self.first_token.done():
            self.first_token.set_result(at - self.arrived_at)

    def finish(self, at: float) -> None:
        """Say that the last token came."""
        if not self.served.done():
            self.served.set_result(Served(self.queued, self.first_token.result(), at - self.arrived_at))

    def fail(self, reason: Exception) -> None:
        """Say that no token will come; whoever waits for neither future is not bothered."""
        for future in (self.first_token, self.served):
            if not future.done():
                future.set_exception(reason)
                future.exception()


class Instance:
    """A GPU that reads one prompt at a time and decodes all running sequences together.

    Its state is that of the moment of the last `advance`. While a prompt is read nothing decodes.

    Args:
        profile: how it decodes.
        shared_prefix_tokens: how many tokens all prompts begin with: read once, kept once.
    """

    def __init__(self, profile: Profile, shared_prefix_tokens: int = 0) -> None:
        self._profile = profile
        self._prefix_tokens = shared_prefix_tokens
        self._prefix_read = False
        self._line: deque[Running] = deque()
        self._reading: Running | None = None
        self._read_at = 0.0
        self._decoding: list[Running] = []
        self._held_tokens = 0
        self._steps = 0.0
        self._as_of = 0.0

    @property
    def waiting(self) -> int:
        """How many requests wait in line."""
        return len(self._line)

    @property
    def outstanding(self) -> int:
        """How many requests run or wait."""
        return len(self._line) + self._sequences

    @property
    def next_at(self) -> float | None:
        """When the next prompt will be read or the next answer complete; None if nothing runs."""
        if self._reading:
            return self._read_at
        if not self._decoding:
            return None
        return self._as_of + max(0.0, self._decoding[0].last_step - self._steps) * self._step_seconds

    def take(self, running: Running) -> None:
        """Put a request in line, at the moment of its arrival."""
        self._as_of = max(self._as_of, running.arrived_at)
        self._line.append(running)
        self._admit()

    def advance(self, now: float) -> None:
        """Let everything happen that is due by `now`, in its order."""
        while (due := self.next_at) is not None and due <= now:
            self._move(due)
            self._happen()
            self._admit()
        self._move(now)

    def discard(self, running: Running) -> None:
        """Drop a request wherever it is; one whose prompt is being read is dropped after that."""
        running.last_step = self._steps
        if running in self._line:
            self._line.remove(running)
        elif running in self._decoding:
            self._decoding.remove(running)
            heapq.heapify(self._decoding)
            self._release(running)
            self._admit()
        elif running is self._reading:
            running.completion_tokens = 1

    def fail(self, reason: Exception) -> None:
        """Fail everything that runs or waits."""
        for running in (*self._line, *self._decoding, *([self._reading] if self._reading else [])):
            running.fail(reason)

    @property
    def _sequences(self) -> int:
        return len(self._decoding) + (self._reading is not None)

    @property
    def _step_seconds(self) -> float:
        return (self._profile.alpha_ms + self._profile.beta_ms * len(self._decoding)) * MILLISECOND

    def _move(self, until: float) -> None:
        """Bring the clock to `until`, with the tokens that the running sequences gain."""
        if self._decoding and not self._reading:
            self._steps += (until - self._as_of) / self._step_seconds
        self._as_of = max(self._as_of, until)

    def _happen(self) -> None:
        """Do what is due at this moment."""
        if self._reading:
            running, self._reading = self._reading, None
            running.reached_first_token(self._as_of)
            running.last_step = self._steps + running.completion_tokens - 1
            heapq.heappush(self._decoding, running)
        while self._decoding and self._decoding[0].last_step <= self._steps + STEP_TOLERANCE:
            running = heapq.heappop(self._decoding)
            self._release(running)
            running.finish(self._as_of)

    def _admit(self) -> None:
        """Begin to read the next prompt, if none is being read and there is room for it and its answer."""
        if self._reading or not self._line or self._sequences >= self._profile.max_sequences:
            return
        if self._held_tokens + self._size(self._line[0]) > self._profile.kv_tokens - self._prefix_tokens:
            return
        running = self._reading = self._line.popleft()
        running.queued = self._as_of - running.arrived_at
        self._held_tokens += self._size(running)
        unread = running.prompt_tokens - (self._shared(running) if self._prefix_read else 0)
        self._prefix_read = True
        self._read_at = self._as_of + unread * self._profile.prefill_ms_per_token * MILLISECOND

    def _release(self, running: Running) -> None:
        self._held_tokens -= self._size(running)

    def _size(self, running: Running) -> int:
        """Return the tokens that it needs room for, beyond the shared prefix."""
        return running.prompt_tokens - self._shared(running) + running.completion_tokens

    def _shared(self, running: Running) -> int:
        return min(self._prefix_tokens, running.prompt_tokens)
