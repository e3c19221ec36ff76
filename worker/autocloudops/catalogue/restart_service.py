"""A restart where database connections are exhausted: of the database, or of the ECS service that reports them."""

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.matching import bind_database, bind_service, in_words, rises, sole_metric
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk


def _bind(alarm: Alarm) -> Binding | None:
    metric = sole_metric(alarm)
    if metric is None or metric.name != "DatabaseConnections" or not rises(alarm):
        return None
    return bind_service(alarm) or bind_database(alarm)


def _describe(request: ActionRequest) -> str:
    what = in_words(request.target, request.parameters)
    if request.parameters["Kind"] == "ecs-service":
        return f"Replaces every task of {what} by a forced new deployment of the same task definition."
    return f"Reboots {what}: every open connection is dropped and it is away for minutes."


RESTART_SERVICE = Action(
    name="restart_service",
    title="Restart the service",
    risk=Risk.HIGH,
    effect=EffectClass.OPAQUE,
    runbook="AutoCloudOps-RestartService",
    undo="not possible: dropped connections and work in flight are lost.",
    bind=_bind,
    describe=_describe,
)
