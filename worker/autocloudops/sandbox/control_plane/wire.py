"""The wire of the `aws-json` protocol: what is refused, how a request is checked, and how a list is cut into pages."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from autocloudops.errors import AutoCloudOpsError
from autocloudops.sandbox.control_plane.values import Document

Row = dict[str, object]
Refuse = Callable[[str], "Refusal"]
JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
}


class Refusal(AutoCloudOpsError):
    """What the simulated service answers instead of doing what it was asked.

    Args:
        code: the error code on the wire, as `ValidationException`.
        message: the text that goes with it.
        status: the HTTP status.
    """

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def invalid(message: str) -> Refusal:
    """Return SageMaker's refusal of a request that makes no sense now."""
    return Refusal("ValidationException", message)


def checked(service: str, operation: str, request: object) -> Document:
    """Return the request when it fits the operation's input shape in botocore's copy of the service's API.

    Raises:
        Refusal: a member is missing, has another type, or is outside the limits, pattern or enumeration of its shape;
            unknown members are ignored, as AWS does.
    """
    shape = _model(service).operation_model(operation).input_shape
    if not isinstance(request, dict) or not isinstance(shape, StructureShape):
        raise Refusal("SerializationException", "the body is no JSON object")
    if problems := list(_problems(shape, request, "")):
        plural = "s" if len(problems) > 1 else ""
        raise invalid(f"{len(problems)} validation error{plural} detected: {'; '.join(problems)}")
    return request


def page(
    rows: Sequence[object],
    request: Document,
    *,
    member: str,
    size: int,
    invalid_token: Refuse = invalid,
) -> Row:
    """Return one page of `rows` under the key `member`, with a `NextToken` where more follow.

    Args:
        rows: all of them, in order.
        request: may hold `MaxResults` and the `NextToken` of the page before.
        member: the key of the list in the answer.
        size: how many rows a page has when the request does not say.
        invalid_token: makes the refusal of a token that no page handed out.
    """
    start = _offset(request.get("NextToken"), invalid_token)
    end = start + int(request.get("MaxResults") or size)
    more = {"NextToken": _token(end)} if end < len(rows) else {}
    return {member: list(rows[start:end]), **more}


def encoded(answer: Mapping[str, object]) -> bytes:
    """Return the answer as the bytes of its JSON: no member is null, and times are seconds since 1970."""
    return json.dumps(_without_nothing(answer), default=_seconds).encode()


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"offset={offset}".encode()).decode()


def _offset(token: str | None, invalid_token: Refuse) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("offset="))
    except ValueError as error:
        raise invalid_token("The pagination token is invalid.") from error


def _seconds(value: object) -> float:
    if isinstance(value, datetime):
        return value.astimezone(UTC).timestamp()
    raise TypeError(f"{type(value).__name__} has no JSON")


def _without_nothing(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_nothing(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_nothing(inner) for inner in value]
    return value


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _problems(shape: Shape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, JSON_TYPES[shape.type_name]):
        raise Refusal("SerializationException", f"{path or 'the body'} is no {shape.type_name}")
    yield from _limits(shape, value, path)
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        yield from _members(shape, value, path)
    if isinstance(shape, ListShape) and isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _problems(shape.member, item, f"{path}.{number}.member")
    if isinstance(shape, MapShape) and isinstance(value, dict):
        for key, item in value.items():
            yield from _problems(shape.value, item, f"{path}.{key}")


def _members(shape: StructureShape, value: Mapping[str, object], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        where = f"{path}.{_camel(name)}".lstrip(".")
        if value.get(name) is not None:
            yield from _problems(member, value[name], where)
        elif name in shape.required_members:
            yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def _limits(shape: Shape, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any JSON value has limits
    limits: Mapping[str, Any] = shape.metadata
    kind, size = ("length", len(value)) if isinstance(value, str | list | dict) else ("value", value)
    broken = [
        ("min" in limits and size < limits["min"], f"have {kind} greater than or equal to {limits.get('min')}"),
        ("max" in limits and size > limits["max"], f"have {kind} less than or equal to {limits.get('max')}"),
        ("enum" in limits and value not in limits["enum"], f"satisfy enum value set: {limits.get('enum')}"),
        (
            "pattern" in limits and not _pattern(limits["pattern"]).fullmatch(str(value)),
            f"satisfy regular expression pattern: {limits.get('pattern')}",
        ),
    ]
    for is_broken, rule in broken:
        if is_broken:
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {rule}"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Return the expression; one with Java's own classes, which forbid control characters only, matches anything."""
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return re.compile(".*", re.DOTALL)


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
