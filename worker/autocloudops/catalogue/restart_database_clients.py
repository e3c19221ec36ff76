"""A restart where database connections are exhausted: of the ECS service that reports them, else of the database."""

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.matching import bind_database, bind_service, in_words, of_kind, rises, sole_metric
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk


def _bind(alarm: Alarm) -> Binding | None:
    metric = sole_metric(alarm)
    if metric is None or metric.name != "DatabaseConnections" or not rises(alarm):
        return None
    return of_kind(bind_service(alarm) or bind_database(alarm))


def _describe(request: ActionRequest) -> str:
    what = in_words(request.target)
    if request.target.type == "ecs:service":
        return f"Replaces every task of {what} by a forced new deployment of the same task definition."
    return f"Reboots {what}: every open connection is dropped and it is away for minutes."


RESTART_DATABASE_CLIENTS = Action(
    name="restart_database_clients",
    title="Restart the database's clients",
    risk=Risk.HIGH,
    effect=EffectClass.OPAQUE,
    runbook="AutoCloudOps-RestartDatabaseClients",
    undo="not possible: dropped connections and work in flight are lost.",
    bind=_bind,
    describe=_describe,
    targets=("ecs:service", "rds:db-instance"),
)
