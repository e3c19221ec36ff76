"""A read-only snapshot of what an alarm is about, kept with the execution of its runbook."""

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.matching import bind_database, bind_group, bind_service, in_words, of_kind
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk


def _bind(alarm: Alarm) -> Binding | None:
    return of_kind(bind_service(alarm) or bind_group(alarm) or bind_database(alarm))


def _describe(request: ActionRequest) -> str:
    return f"Reads and keeps the state and the last events of {in_words(request.target)}; changes nothing."


COLLECT_DIAGNOSTICS = Action(
    name="collect_diagnostics",
    title="Collect diagnostics",
    risk=Risk.LOW,
    effect=EffectClass.TOKEN,
    runbook="AutoCloudOps-CollectDiagnostics",
    undo="nothing to undo.",
    bind=_bind,
    describe=_describe,
    targets=("ecs:service", "autoscaling:group", "rds:db-instance"),
    # A snapshot would lock the target and spend the hour's budget, and the action that helps would be refused.
    offered=False,
)
