"""Finding out, beside the questions, whether an endpoint is well again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from autocloudops.diagnosis.endpoint import CompletionRequest, EmbeddingRequest, Message, ModelEndpoint
from autocloudops.errors import ModelError, ModelTimedOut
from autocloudops.inference.breaker import Breaker

# An endpoint that needs longer than this for one token is not well.
PROBE_SECONDS = 15.0
CORRELATION_ID = "health-probe"

Tiny = Callable[[ModelEndpoint], Awaitable[object]]


async def one_token(endpoint: ModelEndpoint) -> object:
    """Ask for one token, whatever it is."""
    return await endpoint.complete(
        CompletionRequest(
            messages=(Message(role="user", content="Say yes."),),
            json_schema={},
            max_tokens=1,
            correlation_id=CORRELATION_ID,
            prompt_tokens=1,
        )
    )


async def one_word(endpoint: ModelEndpoint) -> object:
    """Ask for the vector of one word."""
    return await endpoint.embed(EmbeddingRequest(texts=("yes",), input_type="query"))


class Probing:
    """Probes endpoints whose rest is over, one probe at a time for each; none holds a place or costs a question.

    Nothing runs by itself: a probe is started by a question that wants the endpoint, so that an idle worker costs
    nothing, and ends after `PROBE_SECONDS` at the latest.

    Args:
        endpoints: what is probed, by name.
        breakers: their health, by the same names.
    """

    def __init__(self, endpoints: Mapping[str, ModelEndpoint], breakers: Mapping[str, Breaker]) -> None:
        self.tiny: Tiny = one_token
        self._endpoints = endpoints
        self._breakers = breakers
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str) -> None:
        """Begin to probe an endpoint if that is due."""
        if name not in self._running and self._breakers[name].due:
            probe = asyncio.create_task(self._probe(name), name=f"probe of {name}")
            self._running[name] = probe
            probe.add_done_callback(lambda _: self._running.pop(name))

    async def aclose(self) -> None:
        """End all probes, and return when they have ended."""
        running = list(self._running.values())
        for probe in running:
            probe.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _probe(self, name: str) -> None:
        with suppress(ModelError), self._breakers[name].probed():
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await self.tiny(self._endpoints[name])
            except TimeoutError as error:
                raise ModelTimedOut(name, f"no token within {PROBE_SECONDS:g} s") from error
