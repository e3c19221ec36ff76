"""What is read about one kind of target.

Described   the target as it is now: tags, state, and how much of it runs
Limits      what bounds its capacity from outside
Kind        how one kind of target is read, and which permissions that needs
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from autocloudops.actions.facts.reading import Reads
from autocloudops.alarms.model import ResourceRef
from autocloudops.catalogue.model import Capacity


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a target's capacity.

    Args:
        least: the lowest that scaling goes to; None where nothing scales it.
        most: the highest.
        scaled_by: the scaling policies that change it by themselves.
    """

    least: int | None = None
    most: int | None = None
    scaled_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Described:
    """A target as it is now.

    Args:
        tags: its tags.
        state: what a rollback would restore; `DesiredCount` is how many there should be, of whatever kind.
        desired: how many there should be, where it has a count.
        running: how many there are, likewise.
        limits: those that the target itself has.
    """

    tags: Mapping[str, str]
    state: Mapping[str, str]
    desired: int = 0
    running: int = 0
    limits: Limits = field(default_factory=Limits)

    def capacity(self, outside: Limits) -> Capacity:
        """Return how much of it runs and between which limits.

        Args:
            outside: the limits that others set, which count before the target's own.
        """
        return Capacity(
            desired=self.desired,
            running=self.running,
            least=self.limits.least if outside.least is None else outside.least,
            most=self.limits.most if outside.most is None else outside.most,
            scaled_by=outside.scaled_by,
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of target.

    Args:
        type: as in `ResourceRef.type`.
        actions: the IAM actions of its calls, neither more nor fewer.
        describe: reads it in one call.
        limits: reads what scales it; None where it has no count.
    """

    type: str
    actions: tuple[str, ...]
    describe: Callable[[Reads, ResourceRef], Awaitable[Described]]
    limits: Callable[[Reads, ResourceRef], Awaitable[Limits]] | None = None
