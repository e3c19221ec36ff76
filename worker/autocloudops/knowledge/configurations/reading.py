"""How one resource is read: the calls that a describer makes, and what it makes of the answers.

Describer     one kind of resource: its types, the IAM actions that its calls need, and the function that reads it
Many          a call that several resources of one kind share
Shared        makes those
Reading       makes the calls for one resource, and notes those that fail
Described     what was read: limits, lines, tags, and what could not be read
Limit         a number that the alarm's threshold is compared with
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore import xform_name

from autocloudops.alarms.model import ResourceRef
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import not_read
from autocloudops.errors import ServiceFailed, TargetMissing
from autocloudops.knowledge.batching import Batcher
from autocloudops.knowledge.calls import Calls

Answer = Mapping[str, Any]
MOST_BATCHERS = 1_000

UNSEEN = frozenset(
    {
        "customheaders",
        "command",
        "definition",
        "entrypoint",
        "environment",
        "environmentfiles",
        "logconfiguration",
        "repositorycredentials",
        "secrets",
        "stagevariables",
        "userdata",
        "variables",
    }
)
"""Fields in lower case that hold what people put there, often credentials: no describer ever sees them."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of the configuration that bounds a metric, in the metric's unit.

    Args:
        name: what it is called where people set it, as `max_connections`.
        value: the number.
        note: where it comes from, and how it may be wrong.
        per_second: whether it is a rate, so that a sum over a period is compared with period times rate.
    """

    name: str
    value: float
    note: str = ""
    per_second: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """The configuration of one resource.

    Args:
        lines: one fact each, cleaned, the worthiest first.
        limits: what bounds a metric, by the name of the metric.
        tags: its tags, where the same call returned them; None where it does not.
        unread: what could not be read of it, and why.
    """

    lines: tuple[str, ...]
    limits: Mapping[str, Limit] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Describer:
    """One kind of resource.

    Args:
        types: resource types as in `ResourceRef.type`.
        actions: the IAM actions of its calls, neither more nor fewer.
        describe: reads it.
    """

    types: tuple[str, ...]
    actions: tuple[str, ...]
    describe: "Callable[[Reading], Awaitable[Described]]"


@dataclass(frozen=True, slots=True)
class Many:
    """A call that takes a list of names, and answers with those that there are: of the others it says nothing.

    Args:
        action: the IAM action, and the call.
        argument: the argument with the names.
        items: the list in the answer.
        name: the field of an item with its name.
        most: names in one call.
    """

    action: str
    argument: str
    items: str
    name: str
    most: int


class Shared:
    """Calls that several resources share, where they are read within a moment of each other.

    Args:
        calls: makes the calls.
        clock: time.
    """

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._batchers: dict[tuple[Many, str, str, str], Batcher[str, Answer | None]] = {}

    async def one(self, many: Many, name: str, resource: ResourceRef, arguments: Mapping[str, object]) -> Answer | None:
        """Return what is called `name`, None where there is no such thing; `arguments` must be equal to be shared.

        Raises:
            ServiceFailed: there is no answer.
        """
        place = (resource.account, resource.region)
        key = (many, *place, repr(sorted(arguments.items())))
        if key not in self._batchers:
            made = partial(_made, self._calls, many.action, place, target=f"the {resource.type}")
            ask = partial(_all_of, many, arguments, made)
            if len(self._batchers) >= MOST_BATCHERS:
                self._batchers.clear()
            self._batchers[key] = Batcher(ask, self._clock, many.most)
        return await self._batchers[key].get(name)


async def _all_of(
    many: Many,
    arguments: Mapping[str, object],
    made: Callable[[Callable[[Any], Awaitable[Answer]]], Awaitable[Answer]],
    names: Sequence[str],
) -> Sequence[Answer | None]:
    asked = {**arguments, many.argument: sorted(set(names))}
    answer = await made(partial(_called, _method(many.action), asked))
    items = answer.get(many.items) or []
    if len(names) == 1:
        return items[:1] or [None]
    found = {item.get(many.name): item for item in items}
    return [found.get(name) for name in names]


class Reading:
    """The calls about one resource.

    Args:
        calls: makes the calls.
        resource: what is read.
        shared: makes those that several resources share.
    """

    def __init__(self, calls: Calls, resource: ResourceRef, shared: Shared) -> None:
        self._calls = calls
        self._shared = shared
        self.resource = resource
        self.unread: list[str] = []

    @property
    def names(self) -> list[str]:
        """The parts of the resource's id: `cluster/service` has two."""
        return self.resource.id.split("/")

    async def ask(self, action: str, operation: str = "", **arguments: object) -> Answer:
        """Return the answer of one call without the fields in `UNSEEN`.

        Args:
            action: the IAM action; the call is called the same unless `operation` says otherwise.
            operation: the call, where IAM calls it differently; `client:Call` where its client has another name too.
            arguments: of the call.

        Raises:
            ServiceFailed: there is no answer.
        """
        service, _, name = operation.rpartition(":")
        call = partial(_called, xform_name(name) if name else _method(action), arguments)
        return await _made(
            self._calls, action, (self.resource.account, self.resource.region), call, self.target, service
        )

    async def one(self, many: Many, name: str, **arguments: object) -> Answer:
        """Return what is called `name`, in a call that other resources may share.

        Raises:
            TargetMissing: there is none.
            ServiceFailed: there is no answer.
        """
        found = await self._shared.one(many, name, self.resource, arguments)
        return self.only([found] if found else [], many.action)

    async def also(self, action: str, operation: str = "", **arguments: object) -> Answer:
        """Return the answer of a call that the rest does not hang on: its failure is noted, and the answer empty."""
        try:
            return await self.ask(action, operation, **arguments)
        except ServiceFailed as error:
            self.unread.append(not_read(error))
            return {}

    def only(self, items: list[Answer], action: str) -> Answer:
        """Return the one thing that was found.

        Raises:
            TargetMissing: there is none.
        """
        if not items:
            raise TargetMissing(action, self.target, "there is none of its name")
        return items[0]

    @property
    def target(self) -> str:
        """What errors call the resource: its id is text from outside."""
        return f"the {self.resource.type}"


def _method(action: str) -> str:
    return xform_name(action.partition(":")[2])


async def _made(
    calls: Calls,
    action: str,
    place: tuple[str, str],
    call: Callable[[Any], Awaitable[Answer]],
    target: str,
    service: str = "",
) -> Answer:
    """Return the answer of a call without the fields in `UNSEEN`."""
    seen: Answer = _seen(await calls.make(action, *place, call, target, service))
    return seen


async def _called(method: str, arguments: Mapping[str, object], client: Any) -> Answer:  # noqa: ANN401 - of any service
    answer: Answer = await getattr(client, method)(**arguments)
    return answer


def _seen(value: Any) -> Any:  # noqa: ANN401 - any part of any answer
    if isinstance(value, dict):
        return {name: _seen(each) for name, each in value.items() if str(name).lower() not in UNSEEN}
    return [_seen(each) for each in value] if isinstance(value, list) else value
