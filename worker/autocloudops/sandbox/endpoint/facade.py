"""The OpenAI routes of a NIM that is asked directly: no time limit, and errors as the NIM says them."""

import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from http import HTTPStatus
from secrets import compare_digest

from aiohttp import web

from autocloudops.sandbox.endpoint.batching import InstanceGone
from autocloudops.sandbox.endpoint.served import Answer, ServedModel
from autocloudops.sandbox.endpoint.tasks import JSON
from autocloudops.sandbox.endpoint.wire import TIMED_OUT_STATUS, Broken, Fault, error_body

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(served: ServedModel) -> list[web.RouteDef]:
    """Return the list of models, and the route of the one task that is served."""
    doors = OpenAiRoutes(served)
    return [web.get("/v1/models", doors.models), web.post(served.task.path, doors.perform)]


def cut(http: web.Request) -> web.Response:
    """Close the connection without an answer; what is returned is never sent."""
    if http.transport is not None:
        http.transport.abort()
    return web.Response()


class OpenAiRoutes:
    """The handlers; each wants the bearer token first, where there is one."""

    def __init__(self, served: ServedModel) -> None:
        self._served = served

    async def models(self, http: web.Request) -> web.StreamResponse:
        """Answer with the one model that is served."""
        if not self._authorized(http):
            return _unauthorized()
        model = {"id": self._served.task.model, "object": "model", "owned_by": "simulated"}
        return web.json_response({"object": "list", "data": [model]})

    async def perform(self, http: web.Request) -> web.StreamResponse:
        """Answer a chat or embed texts, at once or as a stream."""
        if not self._authorized(http):
            return _unauthorized()
        async with self._served.accepted(await http.read(), None, None) as said:
            if isinstance(said, Broken):
                return cut(http)
            return _error(said) if isinstance(said, Fault) else await self._answer(http, said)

    def _authorized(self, http: web.Request) -> bool:
        wanted = self._served.serving.api_key
        given = http.headers.get("Authorization", "")
        return wanted is None or compare_digest(given.encode(), f"Bearer {wanted}".encode())

    async def _answer(self, http: web.Request, answer: Answer) -> web.StreamResponse:
        """Send an answer as it comes; a plain body begins only when it is whole."""
        response = web.StreamResponse(headers={"Content-Type": answer.work.content_type})
        try:
            async with aclosing(self._served.parts(answer)) as parts:
                async for part in parts:
                    if not response.prepared:
                        await response.prepare(http)
                    await response.write(part)
        except InstanceGone:
            return cut(http)
        return cut(http) if answer.work.breaks_off else response


def _unauthorized() -> web.Response:
    said = error_body(HTTPStatus.UNAUTHORIZED, "AuthenticationError", "Unauthorized")
    return web.json_response(said, status=HTTPStatus.UNAUTHORIZED)


def _error(fault: Fault) -> web.Response:
    """Return what the NIM itself would have said where SageMaker says `fault`."""
    if "OriginalStatusCode" not in fault.body:
        said = error_body(fault.status, fault.error_type, str(fault.body.get("Message", "")))
        return web.Response(body=json.dumps(said), status=fault.status, content_type=JSON)
    status = fault.body["OriginalStatusCode"]
    status = HTTPStatus.GATEWAY_TIMEOUT if status == TIMED_OUT_STATUS else status
    return web.Response(body=fault.body["OriginalMessage"], status=status, content_type=JSON)
