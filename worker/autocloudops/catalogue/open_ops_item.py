"""A work item in OpsCenter about what an alarm is about."""

from autocloudops.catalogue.matching import bind_anything, in_words
from autocloudops.catalogue.model import Action, ActionRequest, EffectClass, Risk


def _describe(request: ActionRequest) -> str:
    return f"Opens an OpsItem about {in_words(request.target)}, once."


OPEN_OPS_ITEM = Action(
    name="open_ops_item",
    title="Open an OpsItem",
    risk=Risk.LOW,
    effect=EffectClass.TOKEN,
    runbook="AutoCloudOps-OpenOpsItem",
    undo="resolve the OpsItem.",
    bind=bind_anything,
    describe=_describe,
    # What nobody could solve is for a person in any case: no model has to choose that.
    offered=False,
)
