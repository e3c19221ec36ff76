"""The previous task definition for an ECS service whose calls fail or whose tasks die."""

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
_RUNNING = frozenset({("ECS/ContainerInsights", "RunningTaskCount")})


def _bind(alarm: Alarm) -> Binding | None:
    failing = (watches(alarm, _FAILURES) and rises(alarm)) or (watches(alarm, _RUNNING) and falls(alarm))
    return bind_service(alarm) if failing else None


def _describe(request: ActionRequest) -> str:
    what = in_words(request.target)
    return f"Deploys on {what} the task definition that ran before its current deployment."


ROLL_BACK_DEPLOYMENT = Action(
    name="roll_back_deployment",
    title="Roll the deployment back",
    risk=Risk.MEDIUM,
    effect=EffectClass.OPAQUE,
    runbook="AutoCloudOps-RollBackDeployment",
    undo="run the same runbook with TaskDefinition set to the one that it recorded before the change.",
    bind=_bind,
    describe=_describe,
    targets=("ecs:service",),
)
