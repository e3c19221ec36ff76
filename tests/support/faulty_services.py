"""The services of a worker as it reaches them over a failing wire: queue, table, audit, model, notifications."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from chat_only import ChatOnly
from faulty_calls import Life, Manners, Plan, Wire
from memory_queue import MemoryQueue

from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, ModelEndpoint
from autocloudops.errors import ModelThrottled, ModelTimedOut, ServiceUnavailable, Throttled
from autocloudops.queue.client import Delivery, Refused

Call = Callable[..., Awaitable[Any]]
SDK_ATTEMPTS = 3
MODEL_TIMEOUT_SECONDS = 70.0
READS = {"get_item": "state.read", "query": "state.query", "batch_get_item": "state.batch"}
WRITES: Mapping[tuple[str, str], str] = {
    ("put_item", "KEY"): "state.record",
    ("delete_item", "KEY"): "state.take back",
    ("put_item", "OWNER"): "state.tie",
    ("update_item", "INC"): "state.hold",
    ("update_item", "OPEN"): "state.told",
    ("delete_item", "OPEN"): "state.finish",
    ("update_item", "STORM"): "state.storm",
    ("transact_write_items", "INC OPEN"): "state.settle",
    ("transact_write_items", "INC"): "state.count",
    ("transact_write_items", "INC KEY"): "state.end",
    ("transact_write_items", "INC KEY OPEN"): "state.reopen",
    ("transact_write_items", "INC KEY OPEN OWNER"): "state.open",
    ("transact_write_items", "INC OPEN OWNER"): "state.open",
}


def stage_of(operation: str, request: Mapping[str, Any]) -> str:
    """Return what a call of the state table is for, by the items that it touches."""
    if operation in READS:
        return READS[operation]
    if "ADD attempt" in str(request.get("UpdateExpression")):
        return "state.claim"
    actions = [each for item in request.get("TransactItems", [{"": request}]) for each in item.values()]
    kinds = {str((each.get("Key") or each["Item"])["pk"]["S"]).partition("#")[0] for each in actions}
    return WRITES.get((operation, " ".join(sorted(kinds))), "state.other")


def _dynamo_error(refused: bool, stage: str) -> Exception:
    if refused:
        return _client_error("ProvisionedThroughputExceededException", stage)
    return ReadTimeoutError(endpoint_url="memory")


def _client_error(code: str, stage: str, **more: object) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": stage}, "ResponseMetadata": {"HTTPStatusCode": 400}, **more}
    return ClientError(answer, stage)


def _service_error(refused: bool, stage: str) -> Exception:
    return Throttled(stage, "memory", "slow down") if refused else ServiceUnavailable(stage, "memory", "no answer")


def _model_error(refused: bool, stage: str) -> Exception:
    return ModelThrottled(stage, "slow down") if refused else ModelTimedOut(stage, "no answer")


class FaultyTable:
    """A DynamoDB client over the wire, with an SDK that tries three times and names each transaction once."""

    def __init__(self, table: object, life: Life, plan: Plan) -> None:
        self._table = table
        self._wire = Wire(life, plan, Manners(_dynamo_error, SDK_ATTEMPTS))

    def __getattr__(self, name: str) -> Call:
        found: Call = getattr(self._table, name)

        async def call(**request: object) -> object:
            async def conflict() -> object:
                raise self._conflict(name, request)

            transact = name == "transact_write_items"
            send = _once_only(lambda: found(**request)) if transact else lambda: found(**request)
            partly = (lambda: _some_keys(found, request)) if name == "batch_get_item" else conflict
            return await self._wire.call(stage_of(name, request), send, partly)

        return call

    @staticmethod
    def _conflict(name: str, request: Mapping[str, Any]) -> ClientError:
        if name != "transact_write_items":
            return _client_error("TransactionConflictException", name)
        reasons = [{"Code": "TransactionConflict"}, *[{"Code": "None"}] * (len(request["TransactItems"]) - 1)]
        return _client_error("TransactionCanceledException", name, CancellationReasons=reasons)


def _once_only(request: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """Return a transaction that succeeds once, however often it arrives: its token says that it is the same."""
    done: list[Any] = []

    async def call() -> object:
        if not done:
            done.append(await request())
        return done[0]

    return call


async def _some_keys(batch_get: Call, request: Mapping[str, Any]) -> object:
    """Read the first key of a batch, and give the others back."""
    ((table, wanted),) = request["RequestItems"].items()
    first, left = wanted["Keys"][:1], wanted["Keys"][1:]
    answer = await batch_get(RequestItems={table: {**wanted, "Keys": first}})
    return answer | {"UnprocessedKeys": {table: {**wanted, "Keys": left}} if left else {}}


class FaultyQueue:
    """A `QueueClient` over the wire; a partial failure leaves out the first of a batch."""

    def __init__(self, queue: MemoryQueue, life: Life, plan: Plan) -> None:
        self._queue = queue
        self._plan = plan
        self._wire = Wire(life, plan, Manners(_service_error))

    async def receive(self, *asked: Any) -> Sequence[Delivery]:  # noqa: ANN401 - whatever the port takes
        return await self._wire.call("queue.receive", lambda: self._queue.receive(*asked), lambda: self._twice(*asked))

    async def _twice(self, *asked: Any) -> Sequence[Delivery]:  # noqa: ANN401 - likewise
        """Hand messages out, and let the queue hand out the same ones a moment later."""
        taken = await self._queue.receive(*asked)
        for delivery in taken:
            self._queue.show(delivery.message_id)
        return taken

    def __getattr__(self, name: str) -> object:
        found: Call = getattr(self._queue, name)
        if not iscoroutinefunction(found):
            return found

        async def call(first: Any, *rest: object, **named: object) -> object:  # noqa: ANN401 - likewise
            async def partly() -> object:
                if not isinstance(first, Sequence):
                    return await found(first, *rest, **named)
                failed = await found(first[1:], *rest, **named) if first[1:] else []
                return [Refused(first[0], "InternalError"), *failed]

            return await self._wire.call(f"queue.{name}", lambda: found(first, *rest, **named), partly)

        return call


class FaultyPort:
    """Any other service over the wire: its calls are stages named `<service>.<call>`."""

    def __init__(self, target: object, service: str, wire: Wire) -> None:
        self._target = target
        self._service = service
        self._wire = wire

    def __getattr__(self, name: str) -> object:
        found = getattr(self._target, name)
        if not iscoroutinefunction(found):
            return found

        async def call(*args: object) -> object:
            return await self._wire.call(f"{self._service}.{name}", lambda: found(*args))

        return call


def faulty_audit(objects: object, life: Life, plan: Plan) -> FaultyPort:
    """Return audit objects over the wire, as a client that tries once."""
    return FaultyPort(objects, "audit", Wire(life, plan, Manners(_service_error)))


def faulty_notifier(notifier: object, life: Life, plan: Plan) -> FaultyPort:
    """Return a notifier over the wire, whose SDK tries three times."""
    return FaultyPort(notifier, "notifier", Wire(life, plan, Manners(_service_error, SDK_ATTEMPTS)))


class FaultyModel(ChatOnly):
    """A `ModelEndpoint` over the wire; a partial failure cuts its reply."""

    def __init__(self, name: str, model: ModelEndpoint, life: Life, plan: Plan) -> None:
        self.name = name
        self._model = model
        self._wire = Wire(life, plan, Manners(_model_error, timeout_seconds=MODEL_TIMEOUT_SECONDS))

    async def complete(self, request: CompletionRequest) -> Completion:
        async def cut() -> Completion:
            completion = await self._model.complete(request)
            return completion.model_copy(update={"content": (completion.content or "")[:20], "finish_reason": "length"})

        return await self._wire.call("model.complete", lambda: self._model.complete(request), cut)
