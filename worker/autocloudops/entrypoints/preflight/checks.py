"""One check, and what it found."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import ClientError

from autocloudops.aws import error_code, translated
from autocloudops.errors import (
    AutoCloudOpsError,
    ModelUnavailable,
    ServiceFailed,
    ServiceUnavailable,
    TargetMissing,
    Throttled,
)

CHECK_SECONDS = 15.0
MAY_PASS = (ModelUnavailable, ServiceUnavailable, Throttled)


class State(StrEnum):
    """What is known: `unknown` where nothing answered, so that waiting may help; `warning` where work goes on."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


OTHERWISE = {
    State.FAILED: "read what the service said; nothing else is known",
    State.WARNING: "look at it when there is time",
    State.UNKNOWN: "try again in a minute",
}
"""What to do where an error gives no advice."""


class Weight(StrEnum):
    """What a finding means for the start of a worker.

    vital      it does not start while this is wrong, and waits while it is down: nothing could be received or recorded
    required   it does not start while this is wrong
    watched    it starts in any case, and says so: without a model, incidents are decided `manual`
    advisory   only people are told, by a warning
    """

    VITAL = "vital"
    REQUIRED = "required"
    WATCHED = "watched"
    ADVISORY = "advisory"


@dataclass(frozen=True, slots=True)
class Check:
    """Something to find out.

    Args:
        name: what it is about, in a few words.
        target: the queue, bucket, table, topic, endpoint or variable.
        weight: what a worker does about it.
        look: returns what is there, or raises an error that says what is wrong.
    """

    name: str
    target: str
    weight: Weight
    look: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do about it; `error` is what a worker ends with."""

    check: Check
    state: State
    said: str
    fix: str = ""
    error: AutoCloudOpsError | None = None


def failing(name: str, target: str, weight: Weight, error: AutoCloudOpsError) -> Check:
    """Return a check of which the outcome is known: what it is about cannot even be looked for."""

    async def look() -> str:
        raise error

    return Check(name, target, weight, look)


async def examine(checks: Sequence[Check], told: Callable[[Finding], None]) -> list[Finding]:
    """Make every check at once, and return what they found in their order.

    Args:
        checks: what to find out.
        told: is called with each finding as soon as it is there.
    """

    async def one(check: Check) -> Finding:
        finding = await _finding(check)
        told(finding)
        return finding

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(check)) for check in checks]
    return [task.result() for task in tasks]


async def refused(call: Awaitable[object], operation: str, target: str, codes: Collection[str]) -> None:
    """Await a call that the service can only refuse, for a reason which it finds after the permission.

    AWS documents no order of its checks: where a service looked at the request first, a missing permission would show
    at the first real call only.

    Raises:
        ServiceFailed: it was refused for another reason, as a missing permission or target.
    """
    with translated(operation, target):
        try:
            await call
        except ClientError as error:
            if error_code(error) not in codes:
                raise


async def _finding(check: Check) -> Finding:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return Finding(check, State.OK, await check.look())
    except TimeoutError:
        return Finding(check, State.UNKNOWN, f"no answer within {CHECK_SECONDS:g} s", "look at its network path")
    except AutoCloudOpsError as error:
        state = _state(check, error)
        return Finding(check, state, error.message, error.advice or OTHERWISE[state], error)
    except Exception as error:  # noqa: BLE001 - a fault of one check must not hide what the others found
        fault = AutoCloudOpsError(f"unexpected {type(error).__name__}: {error}", "report it: the check itself is wrong")
        return Finding(check, State.FAILED, fault.message, fault.advice, fault)


def _state(check: Check, error: AutoCloudOpsError) -> State:
    """Return what an error leaves to be known: a fact that cannot be read is unknown, and not wrong."""
    if isinstance(error, MAY_PASS):
        return State.UNKNOWN
    if check.weight is not Weight.ADVISORY or isinstance(error, TargetMissing):
        return State.FAILED
    return State.UNKNOWN if isinstance(error, ServiceFailed) else State.WARNING
