"""The nouns of the catalogue.

Action         something that may be done about an alarm: one file each
Offer          an action bound to what one alarm is about: what the model may choose from
ActionRequest  what would be done to which resource with which parameters
Capacity       how much of a resource runs, and between which limits
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from autocloudops.alarms.model import Alarm, ResourceRef
from autocloudops.values import Value


class Risk(StrEnum):
    """What may go wrong when an action was the wrong one."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class EffectClass(StrEnum):
    """What a worker may do that finds an action begun and no result recorded.

    `token`: start it again with the same client token. `absolute`: repeat it if the resource is as it was before.
    `opaque`: never repeat it; a person looks.
    """

    TOKEN = "token"  # noqa: S105 - the name of a class of effects
    ABSOLUTE = "absolute"
    OPAQUE = "opaque"


class ActionRequest(Value):
    """What would be done: the runbook (an SSM Automation document), its target and its parameters."""

    action: str
    runbook: str
    target: ResourceRef
    parameters: Mapping[str, str] = Field(default_factory=dict)


class Offer(Value):
    """An action that the catalogue offers for one alarm; `summary` says what it would do and how to undo it."""

    action: str
    target: ResourceRef
    parameters: Mapping[str, str] = Field(default_factory=dict)
    risk: Risk
    summary: str


class Binding(Value):
    """What an action would be done to, and with which parameters, for one alarm."""

    target: ResourceRef
    parameters: Mapping[str, str] = Field(default_factory=dict)


class Capacity(Value):
    """How much of something runs, and between which limits.

    `least` and `most` are the limits of the scaling policy or group; None where there are none. `scaled_by` names the
    scaling policies that change `desired` by themselves.
    """

    desired: int
    running: int
    least: int | None = None
    most: int | None = None
    scaled_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that may be done about an alarm.

    Args:
        name: what the model answers with.
        title: what people read.
        risk: what may go wrong; high risk always needs a person.
        effect: what may be repeated after a crash.
        runbook: the SSM Automation document that does it; empty where nothing is executed.
        undo: one sentence on how its effect is taken back.
        bind: target and parameters, read from the alarm's resource and dimensions alone; None where it does not apply.
        describe: the exact sentence of what a request would do.
        bound: completes a request by what runs now, inside all limits, or says why not; None where it changes no
            capacity.
        pinned: binds a request to what its target is like now, or says why not, so that it is refused once somebody has
            changed the target; None where a change makes it no other request.
        rollback: the request that takes the effect back, from what the target was like before; None where nothing can.
        targets: the types of resource that it may be bound to; empty where any will do.
        offered: whether the model may choose it; what people and the service itself run is not.
    """

    name: str
    title: str
    risk: Risk
    effect: EffectClass
    runbook: str
    undo: str
    bind: Callable[[Alarm], Binding | None]
    describe: Callable[[ActionRequest], str]
    bound: Callable[[ActionRequest, Capacity], ActionRequest | str] | None = None
    pinned: Callable[[ActionRequest, Mapping[str, str]], ActionRequest | str] | None = None
    rollback: Callable[[ActionRequest, Mapping[str, str]], ActionRequest | None] | None = None
    targets: tuple[str, ...] = ()
    offered: bool = True

    @property
    def executes(self) -> bool:
        """Whether anything is done at all."""
        return bool(self.runbook)

    def applies(self, alarm: Alarm) -> bool:
        """Tell whether the action makes sense for `alarm` and its target is known."""
        return self.bind(alarm) is not None

    def request(self, target: ResourceRef, parameters: Mapping[str, str]) -> ActionRequest:
        """Return this action as a request for `target`."""
        return ActionRequest(action=self.name, runbook=self.runbook, target=target, parameters=parameters)

    def offer(self, alarm: Alarm) -> Offer | None:
        """Return the action bound to `alarm`, or None where it does not apply."""
        binding = self.bind(alarm)
        if binding is None:
            return None
        does = self.describe(self.request(binding.target, binding.parameters))
        return Offer(
            action=self.name,
            target=binding.target,
            parameters=binding.parameters,
            risk=self.risk,
            summary=f"{does} Undo: {self.undo}",
        )
