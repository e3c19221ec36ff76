"""When a question gives up on an endpoint that is late, because another one can still answer it in time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf

from autocloudops.errors import ModelTimedOut

# What the next endpoint has to find a place for the question.
NEXT_SECONDS = 5.0
# A shorter time than this tells nothing about an endpoint.
LEAST_SECONDS = 10.0
LOOK_SECONDS = 1.0


def gives_up_after(patience_seconds: float, left_seconds: float) -> float:
    """Return how many seconds a request may take before another endpoint is thought of; infinite if it is too late.

    Args:
        patience_seconds: how long an answer takes at most where all is well.
        left_seconds: how long the question's attempts may still start.
    """
    after = min(patience_seconds, left_seconds - NEXT_SECONDS)
    return after if after >= LEAST_SECONDS else inf


@asynccontextmanager
async def patient(name: str, after_seconds: float, elsewhere: Callable[[], bool]) -> AsyncIterator[None]:
    """End the request inside when it is late and the question can go elsewhere; otherwise let it run.

    Args:
        name: the endpoint.
        after_seconds: when the request is late; infinite is never.
        elsewhere: says whether the question may be sent elsewhere, and pays for that; asked every second from then on.

    Raises:
        ModelTimedOut: the request was ended; it may still run on the GPU.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    late = False
    watch: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal late, watch
        late = elsewhere()
        if late:
            bound.reschedule(loop.time())
        else:
            watch = loop.call_later(LOOK_SECONDS, look)

    try:
        async with asyncio.timeout(None) as bound:
            if after_seconds < inf:
                watch = loop.call_later(after_seconds, look)
            try:
                yield
            finally:
                if watch:
                    watch.cancel()
    except TimeoutError as error:
        if not late:
            raise
        raise ModelTimedOut(name, f"no answer for {loop.time() - began:.0f} s, and another can be asked") from error
