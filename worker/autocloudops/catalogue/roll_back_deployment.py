"""The previous task definition for an ECS service whose calls fail or whose tasks die."""

import re
from collections.abc import Mapping

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.matching import bind_service, falls, in_words, rises, watches
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk

_FAILURES = frozenset(
    {
        ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"),
        ("AWS/ECS", "HTTPCode_Target_5XX_Count"),
        ("ECS/ContainerInsights", "RestartCount"),
    }
)
_TASK_DEFINITION = r"arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/[A-Za-z0-9_-]{1,255}:[0-9]{1,9}"
_EXPECTED = "ExpectedTaskDefinition"
_RUNNING = frozenset({("ECS/ContainerInsights", "RunningTaskCount")})


def _bind(alarm: Alarm) -> Binding | None:
    failing = (watches(alarm, _FAILURES) and rises(alarm)) or (watches(alarm, _RUNNING) and falls(alarm))
    return bind_service(alarm) if failing else None


def _pinned(request: ActionRequest, state: Mapping[str, str]) -> ActionRequest | str:
    """Return `request` for the task definition that runs now: after a deployment another one ran before.

    Args:
        request: the rollback.
        state: what the service is like now, with `TaskDefinition`.
    """
    current = state.get("TaskDefinition", "")
    if not re.fullmatch(_TASK_DEFINITION, current):
        return "its task definition was not read: which one would be rolled back is open"
    return request.model_copy(update={"parameters": {**request.parameters, _EXPECTED: current}})


def _describe(request: ActionRequest) -> str:
    what, current = in_words(request.target), request.parameters.get(_EXPECTED)
    if current:
        return f"Deploys on {what} the task definition that ran before {current}, if that still runs."
    return f"Deploys on {what} the task definition that ran before its current deployment."


ROLL_BACK_DEPLOYMENT = Action(
    name="roll_back_deployment",
    title="Roll the deployment back",
    risk=Risk.MEDIUM,
    effect=EffectClass.OPAQUE,
    runbook="AutoCloudOps-RollBackDeployment",
    undo="run the same runbook with TaskDefinition set to the one that it recorded before the change, "
    "and ExpectedTaskDefinition to the one that runs then.",
    bind=_bind,
    describe=_describe,
    pinned=_pinned,
    targets=("ecs:service",),
)
