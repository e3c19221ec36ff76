"""How an answer's tokens come out over time: all at once after a fixed latency, or as batching brings them."""

import asyncio
from collections.abc import AsyncGenerator

from autocloudops.sandbox.endpoint.batching import BatchingEndpoint
from autocloudops.sandbox.endpoint.instance import Running
from autocloudops.sandbox.endpoint.tasks import Work

# Tokens that come closer together than this are given together.
TICK_SECONDS = 0.01


class Pace:
    """Waits for the tokens of answers.

    Args:
        batching: the instances that generate them; None generates them in no time.
    """

    def __init__(self, batching: BatchingEndpoint | None) -> None:
        self._batching = batching
        self._token_seconds = 0.0

    def begin(self, work: Work) -> Running | None:
        """Hand `work` to the instances, and return what runs there; raises what `BatchingEndpoint.submit` raises."""
        if self._batching is None:
            return None
        return self._batching.submit(work.prompt_tokens, work.completion_tokens)

    def end(self, running: Running | None) -> None:
        """Tell the instances that nobody waits any more."""
        if self._batching is not None and running is not None and not running.served.done():
            self._batching.abandon(running)

    async def shares(self, running: Running | None, *, streamed: bool) -> AsyncGenerator[float, None]:
        """Yield the share of the answer that is out, whenever more is; the last is 1.

        Only the first and the last token of a stream come at their exact time: those between them follow the pace of
        the answer before.

        Raises:
            InstanceGone: the instance was taken away.
        """
        if running is not None and streamed:
            await asyncio.wait({running.first_token})
            async for share in self._tokens(running):
                yield share
        if running is not None:
            await asyncio.wait({running.served})
            self._learn(running)
        yield 1.0

    async def _tokens(self, running: Running) -> AsyncGenerator[float, None]:
        came = 1.0
        while not running.served.done() and came < running.completion_tokens:
            yield came / running.completion_tokens
            tick = max(self._token_seconds, TICK_SECONDS)
            await asyncio.wait({running.served}, timeout=tick if self._token_seconds else None)
            came += tick / self._token_seconds if self._token_seconds else 0.0

    def _learn(self, running: Running) -> None:
        served = running.served.result()
        if running.completion_tokens > 1:
            decoding = served.total_seconds - served.first_token_seconds
            self._token_seconds = decoding / (running.completion_tokens - 1)
