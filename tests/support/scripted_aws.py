"""An AWS endpoint on loopback that answers each operation as a test says, in the protocol of the call."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from aiohttp import web

HANGS = object()
"""The answer that never comes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error of a service: its code, what it says, and the HTTP status."""

    code: str
    message: str = "no"
    status: int = 400


@dataclass(frozen=True, slots=True)
class Heard:
    """One request: its operation, the fields of its form where it has one, and whose access key signed it."""

    operation: str
    form: Mapping[str, str]
    access_key: str


@dataclass
class ScriptedAws:
    """The endpoint. `answers` are by operation: a mapping for a JSON service, XML for a query service, a fault.

    An operation without an answer gets `otherwise`.
    """

    otherwise: object = Fault("InvalidAction", "nobody said what to answer")
    answers: dict[str, object] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    url: str = ""
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Note a request, and answer it."""
        heard = _heard(request, await request.text())
        self.heard.append(heard)
        answer = self.answers.get(heard.operation, self.otherwise)
        if answer is HANGS:
            await self.closing.wait()
            return web.Response(status=503)
        if isinstance(answer, Fault):
            return _failed(request, heard, answer)
        return web.Response(text=answer) if isinstance(answer, str) else web.json_response(answer)

    def count(self, operation: str) -> int:
        """Return how often an operation was called."""
        return sum(each.operation == operation for each in self.heard)


@asynccontextmanager
async def scripted_aws() -> AsyncIterator[ScriptedAws]:
    """Run an endpoint as long as the block lasts."""
    endpoint = ScriptedAws()
    runner = web.ServerRunner(web.Server(endpoint.answer), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield endpoint
    finally:
        endpoint.closing.set()
        await runner.cleanup()


def assumed_role(access_key: str, expires: str) -> str:
    """Return the answer of AssumeRole."""
    return (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>planted</SecretAccessKey>"
        f"<SessionToken>planted</SessionToken><Expiration>{expires}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )


def _heard(request: web.BaseRequest, body: str) -> Heard:
    form = {} if _is_rpc(request) else {name: values[0] for name, values in parse_qs(body).items()}
    named = request.headers.get("X-Amz-Target", "").rpartition(".")[2] or form.get("Action", "")
    credential = request.headers.get("Authorization", "").partition("Credential=")[2]
    return Heard(named or request.path.rpartition("/")[2], form, credential.partition("/")[0])


def _is_rpc(request: web.BaseRequest) -> bool:
    return "X-Amz-Target" in request.headers or "/operation/" in request.path


def _failed(request: web.BaseRequest, heard: Heard, fault: Fault) -> web.Response:
    if "/operation/" in request.path:
        said = {"__type": fault.code, "message": fault.message}
        return web.Response(
            body=_cbor(said),
            status=fault.status,
            content_type="application/cbor",
            headers={"smithy-protocol": "rpc-v2-cbor"},
        )
    if _is_rpc(request):
        return web.json_response({"__type": fault.code, "message": fault.message}, status=fault.status)
    error = f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>"
    of_ec2 = heard.form.get("Version") == "2016-11-15"
    text = f"<Response><Errors>{error}</Errors></Response>" if of_ec2 else f"<ErrorResponse>{error}</ErrorResponse>"
    return web.Response(text=text, status=fault.status)


def _cbor(texts: Mapping[str, str]) -> bytes:
    """Return a small map of short ASCII texts as RFC 8949 encodes it."""
    flat = [text.encode() for pair in texts.items() for text in pair]
    assert len(texts) < 24
    assert all(len(text) < 256 for text in flat)
    return bytes([0xA0 | len(texts)]) + b"".join(bytes([0x78, len(text)]) + text for text in flat)
