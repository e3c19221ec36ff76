"""A message to people about what an alarm is about."""

from autocloudops.catalogue.matching import bind_anything, in_words
from autocloudops.catalogue.model import Action, ActionRequest, EffectClass, Risk


def _describe(request: ActionRequest) -> str:
    return f"Tells the approval topic that somebody should look at {in_words(request.target)}."


NOTIFY = Action(
    name="notify",
    title="Notify people",
    risk=Risk.LOW,
    effect=EffectClass.TOKEN,
    runbook="AutoCloudOps-Notify",
    undo="not possible: a message that was read stays read.",
    bind=bind_anything,
    describe=_describe,
    # People are told of every decision in any case: no model has to choose that.
    offered=False,
)
