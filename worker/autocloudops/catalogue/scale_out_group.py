"""More instances for an Auto Scaling group whose CPU is high."""

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.bounding import scaled_back, scaled_out
from autocloudops.catalogue.matching import bind_group, in_words, rises, watches
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk

_CPU = frozenset({("AWS/EC2", "CPUUtilization")})


def _bind(alarm: Alarm) -> Binding | None:
    return bind_group(alarm) if watches(alarm, _CPU) and rises(alarm) else None


def _describe(request: ActionRequest) -> str:
    what = in_words(request.target)
    if "DesiredCount" in request.parameters:
        before, after = request.parameters["ExpectedDesiredCount"], request.parameters["DesiredCount"]
        return f"Sets the desired capacity of {what} from {before} to {after}."
    return f"Raises the desired capacity of {what} by half, at least by one, never over its own maximum."


SCALE_OUT_GROUP = Action(
    name="scale_out_group",
    title="Scale the group out",
    risk=Risk.LOW,
    effect=EffectClass.TOKEN,
    runbook="AutoCloudOps-ScaleOutGroup",
    undo="set the desired capacity back to the value that the runbook recorded before the change.",
    bind=_bind,
    describe=_describe,
    bound=scaled_out,
    rollback=scaled_back,
    targets=("autoscaling:group",),
)
