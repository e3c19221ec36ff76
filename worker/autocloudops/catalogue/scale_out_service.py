"""More capacity for an ECS service or an Auto Scaling group whose CPU is high."""

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.matching import bind_service, in_words, rises, target_of, watches
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk

_CPU = frozenset(
    {
        ("AWS/EC2", "CPUUtilization"),
        ("AWS/ECS", "CPUUtilization"),
        ("ECS/ContainerInsights", "ContainerCPUUtilization"),
        ("ECS/ContainerInsights", "ContainerCpuUtilization"),
        ("ECS/ContainerInsights", "TaskCpuUtilization"),
    }
)


def _bind(alarm: Alarm) -> Binding | None:
    if not (watches(alarm, _CPU) and rises(alarm)):
        return None
    return bind_service(alarm) or _bind_group(alarm)


def _bind_group(alarm: Alarm) -> Binding | None:
    group = target_of(alarm, "autoscaling:group")
    if group is None:
        return None
    return Binding(target=group, parameters={"Kind": "auto-scaling-group", "Group": group.id})


def _describe(request: ActionRequest) -> str:
    what = in_words(request.target, request.parameters)
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
)
