"""More tasks for an ECS service whose CPU is high."""

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.bounding import scaled_back, scaled_out
from autocloudops.catalogue.matching import bind_service, in_words, rises, watches
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk

_CPU = frozenset(
    {
        ("AWS/ECS", "CPUUtilization"),
        ("ECS/ContainerInsights", "ContainerCPUUtilization"),
        ("ECS/ContainerInsights", "ContainerCpuUtilization"),
        ("ECS/ContainerInsights", "TaskCpuUtilization"),
    }
)


def _bind(alarm: Alarm) -> Binding | None:
    return bind_service(alarm) if watches(alarm, _CPU) and rises(alarm) else None


def _describe(request: ActionRequest) -> str:
    what = in_words(request.target)
    if "DesiredCount" in request.parameters:
        before, after = request.parameters["ExpectedDesiredCount"], request.parameters["DesiredCount"]
        return f"Sets the desired count of {what} from {before} to {after}."
    return f"Raises the desired count of {what} by half, at least by one, never over its own maximum."


SCALE_OUT_SERVICE = Action(
    name="scale_out_service",
    title="Scale the service out",
    risk=Risk.LOW,
    effect=EffectClass.TOKEN,
    runbook="AutoCloudOps-ScaleOutService",
    undo="set the desired count back to the value that the runbook recorded before the change.",
    bind=_bind,
    describe=_describe,
    bound=scaled_out,
    rollback=scaled_back,
    targets=("ecs:service",),
)
