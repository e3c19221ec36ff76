"""The state machine of an inference component, pure."""

from datetime import datetime, timedelta

from autocloudops.sandbox.control_plane.values import (
    Component,
    ComponentPhase,
    ComponentStatus,
    Document,
    Durations,
    current,
)
from autocloudops.values import Value

BUSY = frozenset({ComponentStatus.CREATING, ComponentStatus.UPDATING, ComponentStatus.DELETING})


class Change(Value):
    """What an update does to a component.

    Attributes:
        request: what was asked for.
        copies: how many of it.
        start_seconds: how long the instances that it needs take to start; 0 where they are there.
        reason: why it fails, if it does: it then ends in service as it was before.
    """

    request: Document
    copies: int
    start_seconds: float
    reason: str | None


def phase(component: Component, now: datetime) -> ComponentPhase:
    """Return what the component is at `now`."""
    return current(component.phases, now)


def is_gone(component: Component, now: datetime) -> bool:
    """Say whether its deletion is complete."""
    return component.gone_at is not None and component.gone_at <= now


def is_busy(component: Component, now: datetime) -> bool:
    """Say whether a change is under way, so that no other is legal."""
    return phase(component, now).status in BUSY


def started(
    request: Document, copies: int, now: datetime, *, start_seconds: float, seconds: float, reason: str | None = None
) -> tuple[ComponentPhase, ...]:
    """Return the timeline of a new component: Creating, then InService, or Failed where there is a `reason`.

    Args:
        request: what was asked for.
        copies: how many of it.
        now: the time of the call.
        start_seconds: how long the instances that it needs take to start; 0 where they are there.
        seconds: how long the copies take then.
        reason: why it fails; it holds no place then.
    """
    ready = now + timedelta(seconds=start_seconds)
    end = ready + timedelta(seconds=seconds)
    creating = ComponentPhase(
        at=now,
        status=ComponentStatus.CREATING,
        desired=copies,
        current=0,
        held=0,
        reserved=0 if reason else copies,
        request=request,
    )
    if reason:
        failed = {"at": end, "status": ComponentStatus.FAILED, "reason": reason}
        return creating, creating.model_copy(update=failed)
    placed = creating.model_copy(update={"at": ready, "held": copies})
    serving = {"at": end, "status": ComponentStatus.IN_SERVICE, "current": copies}
    return creating, placed, placed.model_copy(update=serving)


def changed(component: Component, change: Change, now: datetime, durations: Durations) -> Component:
    """Return the component on its way to another specification or number of copies.

    Instances that it needs come first; those that it no longer needs are held for a while.
    """
    before = phase(component, now)
    ready = now + timedelta(seconds=change.start_seconds)
    end = ready + timedelta(seconds=durations.update_component_seconds)
    most = before.reserved if change.reason else max(before.reserved, change.copies)
    updating = {"status": ComponentStatus.UPDATING, "desired": change.copies, "reserved": most, "reason": None}
    phases = [before, before.model_copy(update={"at": now, **updating})]
    if change.reason:
        phases.append(before.model_copy(update={"at": end, "reason": change.reason}))
    else:
        phases.append(phases[-1].model_copy(update={"at": ready, "held": most}))
        serving = {"status": ComponentStatus.IN_SERVICE, "current": change.copies, "request": change.request}
        phases.append(phases[-1].model_copy(update={"at": end, **serving}))
    kept = phases[-1].current
    released = end + timedelta(seconds=durations.release_instance_seconds)
    phases.append(phases[-1].model_copy(update={"at": released, "held": kept, "reserved": kept}))
    return component.model_copy(update={"phases": tuple(phases)})


def deleted(component: Component, now: datetime, durations: Durations) -> Component:
    """Return the component on its way out: Deleting, then not found."""
    before = phase(component, now)
    gone_at = now + timedelta(seconds=durations.delete_component_seconds)
    deleting = before.model_copy(update={"at": now, "status": ComponentStatus.DELETING, "reason": None})
    return component.model_copy(update={"phases": (before, deleting), "gone_at": gone_at})
