"""What ECS says of a task that it stops.

A Spot interruption has no signal of its own. ECS sends SIGTERM, two minutes before the capacity goes on Fargate Spot,
and kills what is left after the container's `stopTimeout` (30 s, or up to 120 s as the task definition says). On EC2
Spot the agent does the same where ECS_ENABLE_SPOT_INSTANCE_DRAINING is set. So every SIGTERM is taken for a notice, and
drained. Why it came is not told inside the task: it is the `stopCode` of the task, `SpotInterruption`, in DescribeTasks
and in the task's state change events (ECS API reference, Task; AWS knowledge center, Spot termination notices).
"""

import os
from logging import getLogger

import aiohttp
from pydantic import Field, ValidationError

from autocloudops.values import Value

log = getLogger(__name__)

METADATA = "ECS_CONTAINER_METADATA_URI_V4"
ANSWER_SECONDS = 1.0


class StoppedTask(Value):
    """What the task metadata endpoint, version 4, says of the task at that moment."""

    arn: str = Field(alias="TaskARN")
    launch_type: str = Field(default="", alias="LaunchType")
    desired_status: str = Field(default="", alias="DesiredStatus")
    zone: str = Field(default="", alias="AvailabilityZone")


async def stopped_task() -> StoppedTask | None:
    """Return which task this is, None outside ECS or where the agent does not say it in a second."""
    base = os.environ.get(METADATA)
    if not base:
        return None
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{base}/task") as response:
            return StoppedTask.model_validate_json(await response.read())
    except (TimeoutError, aiohttp.ClientError, ValidationError) as error:
        log.warning("the task's metadata cannot be read: %s", type(error).__name__)
        return None


async def log_notice() -> None:
    """Log which task is stopped, so that a person finds why; whatever fails in that, the drain beside it goes on."""
    try:
        task = await stopped_task()
    except Exception:
        log.exception("the task's metadata cannot be read")
        return
    if task:
        log.warning(
            "ECS wants this task %s: %s (%s, %s); its stopCode says why, SpotInterruption among others",
            task.desired_status or "gone",
            task.arn,
            task.launch_type or "launch type unknown",
            task.zone or "zone unknown",
        )
