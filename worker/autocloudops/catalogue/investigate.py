"""A person looks: always offered, and executes nothing."""

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk


def _bind(alarm: Alarm) -> Binding:
    return Binding(target=alarm.resource)


def _describe(_: ActionRequest) -> str:
    return "Executes nothing: a person investigates."


INVESTIGATE = Action(
    name="investigate",
    title="Investigate by hand",
    risk=Risk.LOW,
    effect=EffectClass.ABSOLUTE,
    runbook="",
    undo="nothing to undo.",
    bind=_bind,
    describe=_describe,
)
