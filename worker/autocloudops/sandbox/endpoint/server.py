"""The HTTP server of the simulated endpoint."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import Self

from aiohttp import web

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint.misbehaviour import MISBEHAVIOURS, Schedule, never
from autocloudops.sandbox.endpoint.wire import (
    ChatRequest,
    Completion,
    Engine,
    Fault,
    completion_body,
    limited,
    parse,
    refused,
)
from autocloudops.values import Value

LOOPBACK = "127.0.0.1"
ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
VARIANT_HEADER = "x-Amzn-Invoked-Production-Variant"
ASKED_TO_MISBEHAVE = re.compile(r"\bmisbehave=(\w+)")
# SageMaker's limit for the body of a real-time request.
MAX_BODY_BYTES = 6_291_456
SHUTDOWN_SECONDS = 1.0


class EndpointStats(Value):
    """What the endpoint has seen: requests so far, under way now, and most at once; misbehaviours by name."""

    requests: int
    in_flight: int
    peak_in_flight: int
    misbehaviours: Mapping[str, int]


class SimulatedEndpoint:
    """A SageMaker real-time endpoint on a free loopback port, as an async context manager that yields itself.

    Args:
        name: the endpoint's name; any other name is not found.
        engine: what answers.
        latency_seconds: how long each answer takes at least; may be changed while it runs.
        schedule: which requests, counted from 1, are answered badly and how; the header goes first.
    """

    def __init__(self, name: str, engine: Engine, *, latency_seconds: float = 0.02, schedule: Schedule = never) -> None:
        self.name = name
        self.model = engine.model
        self.latency_seconds = latency_seconds
        self._engine = engine
        self._schedule = schedule
        self._requests = self._in_flight = self._peak = 0
        self._misbehaviours: Counter[str] = Counter()
        self._running = AsyncExitStack()
        self._port = 0

    @property
    def url(self) -> str:
        """The value for `AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME`."""
        if not self._port:
            raise SandboxFailed("the simulated endpoint is not running", "enter it with `async with` first")
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def stats(self) -> EndpointStats:
        """The counts at this moment."""
        return EndpointStats(
            requests=self._requests,
            in_flight=self._in_flight,
            peak_in_flight=self._peak,
            misbehaviours=dict(self._misbehaviours),
        )

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/endpoints/{name}/invocations", self._invoke)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS, access_log=None)
        async with AsyncExitStack() as starting:
            await runner.setup()
            starting.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, LOOPBACK, 0).start()
            self._port = runner.addresses[0][1]
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._port = 0
        await self._running.aclose()

    async def _invoke(self, http: web.Request) -> web.Response:
        with self._counted() as number:
            said = await self._said(http, number)
            if isinstance(said, Fault):
                await asyncio.sleep(self.latency_seconds)
                return _fault_response(said)
            request, completion = said
            await asyncio.sleep(self.latency_seconds + completion.delay_seconds)
            return _completion_response(http, request, completion)

    @contextmanager
    def _counted(self) -> Iterator[int]:
        self._requests += 1
        self._in_flight += 1
        self._peak = max(self._peak, self._in_flight)
        try:
            yield self._requests
        finally:
            self._in_flight -= 1

    async def _said(self, http: web.Request, number: int) -> tuple[ChatRequest, Completion] | Fault:
        if http.match_info["name"] != self.name:
            return _validation_error(f"Endpoint {http.match_info['name']} of this account not found.")
        if http.content_type != "application/json":
            return refused(415, "BadRequestError", "Unsupported Media Type: Only 'application/json' is allowed")
        request = parse(await http.read(), self.model)
        if isinstance(request, Fault):
            return request
        said = self._misbehaved(http, number, request, await self._engine.answer(request))
        return said if isinstance(said, Fault) else (request, limited(request, said))

    def _misbehaved(self, http: web.Request, number: int, request: ChatRequest, good: Completion) -> Completion | Fault:
        asked = ASKED_TO_MISBEHAVE.search(http.headers.get(ATTRIBUTES_HEADER, ""))
        name = asked.group(1) if asked else self._schedule(number, request)
        if name is None:
            return good
        if name not in MISBEHAVIOURS:
            return _validation_error(f"No misbehaviour is called {name}; there are {', '.join(MISBEHAVIOURS)}.")
        self._misbehaviours[name] += 1
        return MISBEHAVIOURS[name](request, good)


def _validation_error(message: str) -> Fault:
    return Fault(status=400, error_type="ValidationError", body={"Message": message})


def _fault_response(fault: Fault) -> web.Response:
    return web.json_response(dict(fault.body), status=fault.status, headers={"x-amzn-ErrorType": fault.error_type})


def _completion_response(http: web.Request, request: ChatRequest, completion: Completion) -> web.Response:
    headers = {VARIANT_HEADER: "AllTraffic"}
    if ATTRIBUTES_HEADER in http.headers:
        headers[ATTRIBUTES_HEADER] = http.headers[ATTRIBUTES_HEADER]
    return web.json_response(completion_body(request, completion, int(time.time())), headers=headers)
