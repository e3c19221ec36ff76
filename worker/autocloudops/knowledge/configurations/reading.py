"""How one resource is read: the calls that a describer makes, and what it makes of the answers.

Describer     one kind of resource: its types, the IAM actions that its calls need, and the function that reads it
Reading       makes the calls for one resource, and notes those that fail
Described     what was read: limits, lines, tags, and what could not be read
Limit         a number that the alarm's threshold is compared with
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore import xform_name
from botocore.exceptions import ParamValidationError

from autocloudops.alarms.model import ResourceRef
from autocloudops.diagnosis.gathering import not_read
from autocloudops.errors import ServiceFailed, SettingsInvalid, TargetMissing
from autocloudops.knowledge.calls import Calls

Answer = Mapping[str, Any]

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


class Reading:
    """The calls about one resource.

    Args:
        calls: makes the calls.
        resource: what is read.
    """

    def __init__(self, calls: Calls, resource: ResourceRef) -> None:
        self._calls = calls
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
        call = partial(_called, xform_name(name or action.partition(":")[2]), arguments)
        place = (self.resource.account, self.resource.region)
        try:
            answer = await self._calls.make(action, *place, call, self.target, service)
        except SettingsInvalid as error:
            if isinstance(error.__cause__, ParamValidationError):
                raise ServiceFailed(action, self.target, "its name is none that the service allows") from error
            raise
        seen: Answer = _seen(answer)
        return seen

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


async def _called(method: str, arguments: Mapping[str, object], client: Any) -> Answer:  # noqa: ANN401 - of any service
    answer: Answer = await getattr(client, method)(**arguments)
    return answer


def _seen(value: Any) -> Any:  # noqa: ANN401 - any part of any answer
    if isinstance(value, dict):
        return {name: _seen(each) for name, each in value.items() if str(name).lower() not in UNSEEN}
    return [_seen(each) for each in value] if isinstance(value, list) else value
