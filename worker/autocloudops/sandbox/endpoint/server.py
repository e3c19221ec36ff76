"""The HTTP server of the simulated endpoint: SageMaker's runtime, and beside it the OpenAI routes of a NIM."""

import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Self

from aiohttp import web

from autocloudops.clock import SystemClock
from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint import facade
from autocloudops.sandbox.endpoint.batching import BatchingEndpoint
from autocloudops.sandbox.endpoint.embeddings import EmbeddingEngine
from autocloudops.sandbox.endpoint.frames import Cutter, exception, payload_part
from autocloudops.sandbox.endpoint.misbehaviour import Schedule, never
from autocloudops.sandbox.endpoint.served import STREAM_LIMIT_SECONDS, Answer, EndpointStats, ServedModel
from autocloudops.sandbox.endpoint.tasks import JSON, Serving
from autocloudops.sandbox.endpoint.wire import Broken, Engine, Fault, StreamFault, refused, validation_error
from autocloudops.sandbox.listening import LOOPBACK, listening

ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
COMPONENT_HEADER = "X-Amzn-SageMaker-Inference-Component"
VARIANT_HEADER = "x-Amzn-Invoked-Production-Variant"
STREAM_TYPE_HEADER = "X-Amzn-SageMaker-Content-Type"
EVENT_STREAM = "application/vnd.amazon.eventstream"
ASKED_TO_MISBEHAVE = re.compile(r"\bmisbehave=(\w+)")
# SageMaker's limit for the body of a real-time request.
MAX_BODY_BYTES = 6_291_456


class SimulatedEndpoint:
    """A SageMaker real-time endpoint on a free loopback port, as an async context manager that yields itself.

    Args:
        name: the endpoint's name; any other name is not found.
        engine: what answers, or what embeds.
        latency_seconds: how long each answer takes at least; may be changed while it runs.
        schedule: which requests, counted from 1, are answered badly and how; the header goes first.
        serving: how the endpoint is set up.
        batching: the instances behind it, in the time of `SystemClock`; None answers after the latency.
    """

    def __init__(
        self,
        name: str,
        engine: Engine | EmbeddingEngine,
        *,
        latency_seconds: float = 0.02,
        schedule: Schedule = never,
        serving: Serving | None = None,
        batching: BatchingEndpoint | None = None,
    ) -> None:
        self.name = name
        self.model = engine.model
        self.served = ServedModel(
            engine,
            SystemClock(),
            latency_seconds=latency_seconds,
            schedule=schedule,
            serving=serving,
            batching=batching,
        )
        self._running = AsyncExitStack()
        self._port = 0

    @property
    def latency_seconds(self) -> float:
        """How long each answer takes at least."""
        return self.served.latency_seconds

    @latency_seconds.setter
    def latency_seconds(self, seconds: float) -> None:
        self.served.latency_seconds = seconds

    @property
    def url(self) -> str:
        """The value for `AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME`."""
        if not self._port:
            raise SandboxFailed("the simulated endpoint is not running", "enter it with `async with` first")
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def openai_url(self) -> str:
        """The base of the OpenAI routes."""
        return f"{self.url}/v1"

    @property
    def stats(self) -> EndpointStats:
        """The counts at this moment."""
        return self.served.stats

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/endpoints/{name}/invocations", self._invoke)
        app.router.add_post("/endpoints/{name}/invocations-response-stream", self._stream)
        app.add_routes(facade.routes(self.served))
        self._port = await self._running.enter_async_context(listening(app, handler_cancellation=True))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._port = 0
        await self._running.aclose()

    async def _invoke(self, http: web.Request) -> web.StreamResponse:
        if fault := self._unfit(http):
            return _fault_response(fault)
        said = await self.served.invoke(await http.read(), _misbehaviour_asked(http))
        if isinstance(said, Fault | Broken):
            return _refusal(http, said)
        headers = {"Content-Type": said.content_type, **_attributes(http)}
        return web.Response(body=b"".join(said.parts()), headers=headers)

    async def _stream(self, http: web.Request) -> web.StreamResponse:
        if fault := self._unfit(http):
            return _fault_response(fault)
        body, misbehave = await http.read(), _misbehaviour_asked(http)
        async with self.served.accepted(body, misbehave, STREAM_LIMIT_SECONDS) as said:
            if isinstance(said, Fault | Broken):
                return _refusal(http, said)
            content_type = {"Content-Type": EVENT_STREAM, STREAM_TYPE_HEADER: said.work.content_type}
            response = web.StreamResponse(headers={**content_type, **_attributes(http)})
            await response.prepare(http)
            async with aclosing(self._frames(said)) as frames:
                async for frame in frames:
                    if isinstance(frame, Broken):
                        return facade.cut(http)
                    await response.write(frame)
            return response

    def _unfit(self, http: web.Request) -> Fault | None:
        if http.match_info["name"] != self.name:
            return validation_error(f"Endpoint {http.match_info['name']} of this account not found.")
        if fault := _component_fault(http.headers.get(COMPONENT_HEADER), self.served.serving.component):
            return fault
        if http.content_type != JSON:
            return refused(415, "BadRequestError", f"Unsupported Media Type: Only '{JSON}' is allowed")
        return None

    async def _frames(self, answer: Answer) -> AsyncGenerator[bytes | Broken, None]:
        cutter = Cutter(self.served.serving.frame_bytes)
        end: StreamFault | Broken | None = None
        async with aclosing(self.served.streamed(answer)) as stream:
            async for part in stream:
                if not isinstance(part, bytes):
                    end = part
                    break
                for piece in cutter.cut(part):
                    yield payload_part(piece)
        if rest := cutter.rest():
            yield payload_part(rest)
        if end:
            yield end if isinstance(end, Broken) else exception(end.kind, end.body)


def _component_fault(named: str | None, hosted: str | None) -> Fault | None:
    if named == hosted:
        return None
    if named is None:
        return validation_error("Inference Component Name header is required for this endpoint.")
    return validation_error(f"Inference Component {named} of this account not found.")


def _misbehaviour_asked(http: web.Request) -> str | None:
    asked = ASKED_TO_MISBEHAVE.search(http.headers.get(ATTRIBUTES_HEADER, ""))
    return asked.group(1) if asked else None


def _attributes(http: web.Request) -> dict[str, str]:
    said = {VARIANT_HEADER: "AllTraffic"}
    if ATTRIBUTES_HEADER in http.headers:
        said[ATTRIBUTES_HEADER] = http.headers[ATTRIBUTES_HEADER]
    return said


def _refusal(http: web.Request, said: Fault | Broken) -> web.Response:
    return _fault_response(said) if isinstance(said, Fault) else facade.cut(http)


def _fault_response(fault: Fault) -> web.Response:
    return web.json_response(dict(fault.body), status=fault.status, headers={"x-amzn-ErrorType": fault.error_type})
