"""New tasks for an ECS service that runs out of memory or of space on the volumes of its tasks."""

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.matching import bind_service, in_words, rises, watches
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk

_LEAKS = frozenset(
    {
        ("AWS/ECS", "EBSFilesystemUtilization"),
        ("AWS/ECS", "MemoryUtilization"),
        ("ECS/ContainerInsights", "ContainerMemoryUtilization"),
        ("ECS/ContainerInsights", "TaskEBSFilesystemUtilization"),
        ("ECS/ContainerInsights", "TaskEBSfilesystemUtilization"),
        ("ECS/ContainerInsights", "TaskMemoryUtilization"),
    }
)


def _bind(alarm: Alarm) -> Binding | None:
    return bind_service(alarm) if watches(alarm, _LEAKS) and rises(alarm) else None


def _describe(request: ActionRequest) -> str:
    what = in_words(request.target)
    return f"Replaces every task of {what} by a forced new deployment of the same task definition."


RESTART_SERVICE = Action(
    name="restart_service",
    title="Restart the service",
    risk=Risk.MEDIUM,
    effect=EffectClass.OPAQUE,
    runbook="AutoCloudOps-RestartService",
    undo="not possible: work in flight, and what is on the volumes of the old tasks, is lost.",
    bind=_bind,
    describe=_describe,
    targets=("ecs:service",),
)
