"""The HTTP server of the stand-in for Systems Manager, in front of the embedded AWS."""

import asyncio
import json
import re
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from aiohttp import ClientError, ClientSession, web
from multidict import CIMultiDict
from yarl import URL

from autocloudops.clock import Clock, SystemClock
from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.automation import calendars, documents, ops_items, runs, tagging
from autocloudops.sandbox.automation.calls import AwsCalls, Endpoints, identity
from autocloudops.sandbox.automation.executions import Execution
from autocloudops.sandbox.automation.faults import Fault, FaultName
from autocloudops.sandbox.automation.ical import always
from autocloudops.sandbox.automation.interpreter import Interpreter
from autocloudops.sandbox.automation.references import StepFailed
from autocloudops.sandbox.automation.world import Caller, Handler, World
from autocloudops.sandbox.aws import ACCOUNT
from autocloudops.sandbox.control_plane.values import Document, Place
from autocloudops.sandbox.control_plane.wire import Refusal, Row, checked, encoded
from autocloudops.sandbox.foundation import REGION
from autocloudops.sandbox.listening import LOOPBACK, listening

TARGET = "AmazonSSM"
CONTENT_TYPE = "application/x-amz-json-1.1"
MAX_BODY_BYTES = 64 * 2**20
ACCESS_KEY = re.compile(r"Credential=([^/,]+)/")
# What belongs to one connection and not to the message, and what the forwarded answer gets anew.
OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"})
NOT_PASSED_BACK = OF_THE_CONNECTION | {"content-length"}
OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {
        **documents.OPERATIONS,
        **runs.OPERATIONS,
        **calendars.OPERATIONS,
        **ops_items.OPERATIONS,
        **tagging.OPERATIONS,
    }
)


class EmbeddedAutomation:
    """Systems Manager on a free loopback port: documents, Automation, change calendars and OpsItems.

    Runbooks are interpreted step by step, and their calls are made to the embedded AWS, which also answers every
    operation that is not served here. An async context manager that yields itself; it forgets everything when it ends.

    Args:
        aws_url: the embedded AWS.
        clock: the time of timeouts, pauses and records.
        special: the address of each service that runbooks call elsewhere, as `application-autoscaling`.
        place: the account and region of everything here.
        poll_seconds: the pause between two looks of a step that waits for a property.
    """

    def __init__(
        self,
        aws_url: str,
        clock: Clock | None = None,
        *,
        special: Mapping[str, str] | None = None,
        place: Place | None = None,
        poll_seconds: float = 1.0,
    ) -> None:
        self._aws_url = aws_url
        self._clock = clock or SystemClock()
        self._special = dict(special or {})
        self._poll_seconds = poll_seconds
        self.world = World(place or Place(account=ACCOUNT, region=REGION))
        self._calls: list[str] = []
        self._arns: dict[str, str] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._running = AsyncExitStack()
        self._port = 0

    @property
    def url(self) -> str:
        """The value for `AWS_ENDPOINT_URL_SSM`."""
        if not self._port:
            raise SandboxFailed("the embedded Automation is not running", "enter it with `async with` first")
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def calls(self) -> tuple[str, ...]:
        """The operations of Systems Manager that were called, in order."""
        return tuple(self._calls)

    def fault(self, operation: str, name: FaultName, *, times: int = 1, seconds: float = 0.0) -> None:
        """Let the next calls of an operation, as `StartAutomationExecution`, meet a fault; several are met in order.

        Args:
            operation: one that is served here.
            name: what happens; see `Fault`.
            times: how many calls.
            seconds: how late a `slow` answer is, or a lost one is lost.

        Raises:
            SandboxFailed: the operation is not served here.
        """
        if operation not in OPERATIONS:
            raise SandboxFailed(f"no operation is called {operation}", "write it as AWS does, as GetCalendarState")
        self.world.faults[operation].extend([Fault(name=name, seconds=seconds)] * times)

    def load(self, folder: Path) -> tuple[str, ...]:
        """Create a document of each `*.yaml` file in the folder, or a new version of it, and return their names.

        Raises:
            SandboxFailed: a file is no runbook that can be interpreted here.
        """
        return tuple(self._kept(path) for path in sorted(folder.glob("*.yaml")))

    def set_calendar(self, name: str, state: str) -> None:
        """Make a change calendar that is always `OPEN` or `CLOSED`, in place of one of that name."""
        self.world.documents.pop(name, None)
        self._do("CreateDocument", _document(name, always(state), "ChangeCalendar", "TEXT"), self._root())

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        async with AsyncExitStack() as starting:
            self._http = await starting.enter_async_context(ClientSession(auto_decompress=False))
            starting.push_async_callback(self._end_runs)
            self._port = await starting.enter_async_context(listening(app))
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._port = 0
        await self._running.aclose()

    async def _answer(self, http: web.Request) -> web.StreamResponse:
        prefix, _, operation = http.headers.get("X-Amz-Target", "").partition(".")
        body = await http.read()
        if prefix == TARGET:
            self._calls.append(operation)
        try:
            if prefix != TARGET or not _served_here(operation, body):
                return await self._forwarded(http, body)
            return await self._met(self.world.next_fault(operation), http, operation, body)
        except Refusal as refused:
            said = {"__type": refused.code, "message": refused.message, **getattr(refused, "members", {})}
            return _response(said, refused.status)

    async def _met(self, fault: Fault | None, http: web.Request, operation: str, body: bytes) -> web.Response:
        """Do what was asked, or what the fault makes of it."""
        if fault is None:
            return _response(self._do(operation, _parsed(body), await self._caller(http)))
        fault.require_answer()
        if fault.name == "lost_request":
            return _dropped(http)
        answer = self._do(operation, _parsed(body), await self._caller(http))
        await self._clock.sleep(fault.seconds)
        return _dropped(http) if fault.name == "lost_reply" else _response(answer)

    def _do(self, operation: str, request: object, caller: Caller) -> Row:
        answer = OPERATIONS[operation](self.world, checked("ssm", operation, request), caller)
        for each in self.world.executions.values():
            if each.id not in self._runs:
                self._runs[each.id] = asyncio.create_task(self._run(each))
        return answer

    async def _run(self, execution: Execution) -> None:
        endpoints = self._endpoints()
        async with AsyncExitStack() as opened:
            await Interpreter(
                execution=execution,
                connect=lambda credentials: AwsCalls(endpoints, credentials, opened),
                clock=self._clock,
                constants=self._constants(execution),
                poll_seconds=self._poll_seconds,
            ).run()

    async def _end_runs(self) -> None:
        """Let every execution go, and raise what none of them should have met."""
        for each in self._runs.values():
            each.cancel()
        for ended in await asyncio.gather(*self._runs.values(), return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    def _endpoints(self) -> Endpoints:
        special = {"ssm": self.url, **self._special}
        return Endpoints(url=self._aws_url, region=self.world.place.region, special=special)

    def _constants(self, execution: Execution) -> dict[str, str]:
        """Return the system variables of an execution, by the names that AWS gives them."""
        started = execution.started_at
        return {
            "global:ACCOUNT_ID": self.world.place.account,
            "global:REGION": self.world.place.region,
            "global:DATE": started.strftime("%Y-%m-%d"),
            "global:DATE_TIME": started.strftime("%Y-%m-%d_%H.%M.%S"),
            "automation:EXECUTION_ID": execution.id,
        }

    async def _caller(self, http: web.Request) -> Caller:
        """Return whom the embedded AWS knows the signer of a request as."""
        signed = ACCESS_KEY.search(http.headers.get("Authorization", ""))
        if signed is None:
            raise Refusal("MissingAuthenticationToken", "The request is not signed.")
        key = signed.group(1)
        if key not in self._arns:
            try:
                self._arns[key] = await identity(self._endpoints(), key)
            except StepFailed as unknown:
                raise Refusal("UnrecognizedClientException", unknown.message) from unknown
        return Caller(arn=self._arns[key], at=self._clock.now())

    def _root(self) -> Caller:
        """Return the account itself, as which documents are loaded."""
        return Caller(arn=f"arn:aws:iam::{self.world.place.account}:root", at=self._clock.now())

    def _kept(self, path: Path) -> str:
        try:
            return self._keep(path.stem, path.read_text(encoding="utf-8"))
        except Refusal as refused:
            raise SandboxFailed(f"{path.name} cannot be interpreted: {refused.message}", "correct it") from refused

    def _keep(self, name: str, content: str) -> str:
        """Make `content` the default version of the document, if it is not already."""
        stored = self.world.documents.get(name)
        if stored is None:
            self._do("CreateDocument", _document(name, content, "Automation", "YAML"), self._root())
        elif stored.versions[stored.default - 1].content != content:
            said = {"Name": name, "Content": content, "DocumentFormat": "YAML", "DocumentVersion": "$LATEST"}
            self._do("UpdateDocument", said, self._root())
            stored.default = len(stored.versions)
        return name

    async def _forwarded(self, http: web.Request, body: bytes) -> web.Response:
        """Return what the embedded AWS answers to the same request."""
        headers = [each for each in http.headers.items() if each[0].lower() not in OF_THE_CONNECTION]
        url = URL(f"{self._aws_url}{http.raw_path}", encoded=True)
        try:
            async with self._http.request(http.method, url, headers=headers, data=body) as answer:
                said = [each for each in answer.headers.items() if each[0].lower() not in NOT_PASSED_BACK]
                return web.Response(status=answer.status, headers=CIMultiDict(said), body=await answer.read())
        except ClientError as error:
            raise Refusal("ServiceUnavailable", f"The embedded AWS does not answer: {error}", status=503) from error


def _served_here(operation: str, body: bytes) -> bool:
    """Tell whether an operation is one of ours; those on tags are where the resource is."""
    if operation not in tagging.OPERATIONS:
        return operation in OPERATIONS
    said = _parsed(body)
    return isinstance(said, dict) and said.get("ResourceType") in tagging.KINDS


def _document(name: str, content: str, kind: str, written: str) -> Document:
    return {"Name": name, "Content": content, "DocumentType": kind, "DocumentFormat": written}


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise Refusal("SerializationException", "the body is no JSON") from error


def _dropped(http: web.Request) -> web.Response:
    """Close the connection; nobody reads the response that this returns."""
    if http.transport:
        http.transport.close()
    return web.Response()


def _response(answer: Mapping[str, object], status: int = 200) -> web.Response:
    headers = {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": str(uuid.uuid4())}
    return web.Response(body=encoded(answer), status=status, headers=headers)
