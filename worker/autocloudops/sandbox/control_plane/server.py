"""The HTTP server of the simulated control plane."""

import json
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import MappingProxyType, TracebackType
from typing import Self

from aiohttp import web

from autocloudops.clock import Clock, SystemClock
from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.control_plane import (
    autoscaling,
    component_timeline,
    components,
    endpoint_timeline,
    endpoints,
    instances,
    prices,
    quotas,
    resources,
    scaling,
)
from autocloudops.sandbox.control_plane.faults import LOST_REPLY, REFUSALS, refusal
from autocloudops.sandbox.control_plane.values import Durations, EndpointStatus, Place
from autocloudops.sandbox.control_plane.wire import Refusal, Row, checked, encoded
from autocloudops.sandbox.control_plane.world import Handler, World
from autocloudops.sandbox.listening import LOOPBACK, listening
from autocloudops.values import Value

CONTENT_TYPE = "application/x-amz-json-1.1"
ACCOUNT, REGION = "000000000000", "us-east-1"


class Service(Value):
    """A service that is served here: botocore's name of it, its name in environment variables, and what it does."""

    name: str
    variable: str
    operations: Mapping[str, Handler]


# The prefix of `X-Amz-Target` -> the service.
SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        "SageMaker": Service(
            name="sagemaker",
            variable="SAGEMAKER",
            operations={**resources.OPERATIONS, **endpoints.OPERATIONS, **components.OPERATIONS},
        ),
        "AnyScaleFrontendService": Service(
            name="application-autoscaling", variable="APPLICATION_AUTO_SCALING", operations=autoscaling.OPERATIONS
        ),
        "ServiceQuotasV20190624": Service(
            name="service-quotas", variable="SERVICE_QUOTAS", operations=quotas.OPERATIONS
        ),
        "AWSPriceListService": Service(name="pricing", variable="PRICING", operations=prices.OPERATIONS),
    }
)


class SimulatedControlPlane:
    """The control plane of SageMaker hosting and what belongs to it, on a free loopback port.

    It serves the operations of `SERVICES` with the status transitions, limits and errors of AWS. An async context
    manager that yields itself; it forgets everything when it ends.

    Args:
        clock: what time it is; statuses follow it.
        durations: how long each change takes.
        place: the account and region of all ARNs.
        quotas: how many instances of each type may be held for endpoints; a type that is not named has none.
        packages: ARNs of the model packages that the account is subscribed to, and the instance types of each.
        prices: dollars for an hour of each instance type.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        durations: Durations | None = None,
        place: Place | None = None,
        quotas: Mapping[str, int] | None = None,
        packages: Mapping[str, tuple[str, ...]] | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._world = World(
            place=place or Place(account=ACCOUNT, region=REGION),
            durations=durations or Durations(),
            quotas=dict(quotas or {}),
            packages=packages or {},
            prices=prices or {},
        )
        self._calls: list[str] = []
        self._running = AsyncExitStack()
        self._port = 0

    @property
    def url(self) -> str:
        """The address of all services served here."""
        if not self._port:
            raise SandboxFailed("the simulated control plane is not running", "enter it with `async with` first")
        return f"http://{LOOPBACK}:{self._port}"

    def environment(self) -> dict[str, str]:
        """Return the environment variables that point AWS clients of the services served here to it."""
        return {f"AWS_ENDPOINT_URL_{each.variable}": self.url for each in SERVICES.values()}

    @property
    def calls(self) -> tuple[str, ...]:
        """The operations that were called, in order."""
        return tuple(self._calls)

    @property
    def hazards(self) -> tuple[str, ...]:
        """What was accepted although AWS's documentation forbids it, in order."""
        return tuple(self._world.hazards)

    def fail_next(self, operation: str, fault: str) -> None:
        """Let the next call of `operation`, or the deployment that it starts, meet `fault`; several meet in order.

        Raises:
            SandboxFailed: the operation is not served here, or meets no such fault; the message lists those it meets.
        """
        if not any(operation in each.operations for each in SERVICES.values()):
            raise SandboxFailed(f"no operation is called {operation}", "write it as AWS does, as CreateEndpoint")
        self._world.fail_next(operation, fault)

    def set_quota(self, instance_type: str, limit: int) -> None:
        """Set how many instances of the type may be held for endpoints."""
        self._world.quotas[instance_type] = limit

    def interrupt(
        self, endpoint_name: str, status: EndpointStatus, *, seconds: float | None = None, reason: str | None = None
    ) -> None:
        """Put an endpoint into a status that only AWS brings about, as SystemUpdating or OutOfService.

        Args:
            endpoint_name: an endpoint that exists.
            status: what it is from now on.
            seconds: after these it is what it was before; None leaves it.
            reason: its `FailureReason`.

        Raises:
            SandboxFailed: a change is under way, which would be forgotten.
        """
        now = self._clock.now()
        before = self._world.endpoint(endpoint_name)
        if not endpoint_timeline.may_delete(before, now):
            raise SandboxFailed(f"a change of {endpoint_name} is under way", "interrupt it when that is complete")
        changed = endpoint_timeline.interrupted(before, status, now, seconds=seconds, reason=reason)
        self._world.endpoints[before.name.lower()] = changed

    def scale(self, resource_id: str, capacity: int, cause: str) -> int:
        """Let a scaling policy of a registered target fire, and return the capacity within its bounds."""
        return scaling.scale(self._world, resource_id, capacity, cause, self._clock.now())

    def instances(self, endpoint_name: str) -> int:
        """Return how many instances of the endpoint serve now; 0 where it does not exist."""
        now = self._clock.now()
        self._world.forget_deleted(now)
        found = self._world.endpoints.get(endpoint_name.lower())
        return instances.serving(self._world, found, now).total() if found else 0

    def copies(self, component_name: str) -> int:
        """Return how many copies of the inference component serve now; 0 where it does not exist."""
        now = self._clock.now()
        self._world.forget_deleted(now)
        found = self._world.components.get(component_name.lower())
        return component_timeline.phase(found, now).current if found else 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/", self._answer)
        self._port = await self._running.enter_async_context(listening(app))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._port = 0
        await self._running.aclose()

    async def _answer(self, http: web.Request) -> web.Response:
        body = await http.read()
        prefix, _, operation = http.headers.get("X-Amz-Target", "").partition(".")
        self._calls.append(operation)
        try:
            answer = self._done(prefix, operation, body)
        except Refusal as refused:
            return _response({"__type": refused.code, "message": refused.message}, refused.status)
        if self._world.next_fault(operation, {LOST_REPLY}) and http.transport:
            http.transport.close()
        return _response(answer)

    def _done(self, prefix: str, operation: str, body: bytes) -> Row:
        service = SERVICES.get(prefix)
        if service is None or operation not in service.operations:
            raise Refusal("UnknownOperationException", f"{prefix}.{operation} is not served here.")
        if fault := self._world.next_fault(operation, REFUSALS):
            call = f"{service.name}:{operation}"
            raise refusal(fault, account=self._world.place.account, operation=call)
        request = checked(service.name, operation, _parsed(body))
        now = self._clock.now()
        self._world.forget_deleted(now)
        return service.operations[operation](self._world, request, now)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise Refusal("SerializationException", "the body is no JSON") from error


def _response(answer: Mapping[str, object], status: int = 200) -> web.Response:
    headers = {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": str(uuid.uuid4())}
    return web.Response(body=encoded(answer), status=status, headers=headers)
