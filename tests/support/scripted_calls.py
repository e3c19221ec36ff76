"""AWS calls that answer what a test says, under the real bounds of time and quota."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from virtual_time import VirtualClock

from autocloudops.knowledge.calls import CLIENTS, Calls

Answerer = Callable[[str, str], object]
"""From the SDK's client and method to the answer: an exception is raised, and a number is waited for in seconds."""


class ScriptedCalls(Calls):
    """Calls whose clients are scripted; `made` lists the methods that were called.

    Args:
        answerer: the script.
    """

    def __init__(self, answerer: Answerer) -> None:
        super().__init__(AsyncExitStack(), VirtualClock(), {})
        self._answerer = answerer
        self.made: list[str] = []

    async def _client(self, service: str, region: str) -> Any:  # noqa: ANN401 - as the method that it replaces
        assert region
        return _Client(CLIENTS.get(service, service), self)

    async def answered(self, client: str, method: str) -> object:
        """Return, raise or wait for what the script says."""
        self.made.append(method)
        answer = self._answerer(client, method)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        return answer


class _Client:
    def __init__(self, name: str, calls: ScriptedCalls) -> None:
        self._name = name
        self._calls = calls

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda **_: self._calls.answered(self._name, method)


def planted(client: str, method: str, text: str) -> object:
    """Return an answer of the shape that AWS's own model has, with `text` in every string of it."""
    model = _model(client)
    operation = next(name for name in model.operation_names if botocore.xform_name(name) == method)
    shape = model.operation_model(operation).output_shape
    assert shape is not None
    return _filled(shape, text, ())


@cache
def _model(client: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(client)


def _filled(shape: Shape, text: str, above: tuple[str, ...]) -> object:
    match shape:
        case _ if shape.name in above:
            return None
        case StructureShape():
            inside = {name: _filled(member, text, (*above, shape.name)) for name, member in shape.members.items()}
            return {name: value for name, value in inside.items() if value is not None}
        case ListShape():
            value = _filled(shape.member, text, above)
            return [] if value is None else [value]
        case MapShape():
            return {text: _filled(shape.value, text, above)}
    plain: dict[str, object] = {
        "string": text,
        "boolean": True,
        "timestamp": datetime(2026, 11, 22, 3, 11, tzinfo=UTC),
        "blob": text.encode(),
    }
    return plain.get(shape.type_name, 1)
