"""What may be done about an alarm: one file per action, one line each in the table. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from autocloudops.alarms.model import Alarm, AlarmState
from autocloudops.catalogue.clean_logs import CLEAN_LOGS
from autocloudops.catalogue.collect_diagnostics import COLLECT_DIAGNOSTICS
from autocloudops.catalogue.investigate import INVESTIGATE
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Offer, Risk
from autocloudops.catalogue.notify import NOTIFY
from autocloudops.catalogue.open_ops_item import OPEN_OPS_ITEM
from autocloudops.catalogue.restart_database_clients import RESTART_DATABASE_CLIENTS
from autocloudops.catalogue.restart_service import RESTART_SERVICE
from autocloudops.catalogue.roll_back_deployment import ROLL_BACK_DEPLOYMENT
from autocloudops.catalogue.scale_out_group import SCALE_OUT_GROUP
from autocloudops.catalogue.scale_out_service import SCALE_OUT_SERVICE

__all__ = [
    "ACTIONS",
    "INVESTIGATE",
    "Action",
    "ActionRequest",
    "Binding",
    "EffectClass",
    "Offer",
    "Risk",
    "offers",
    "request_for",
]

ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        action.name: action
        for action in (
            SCALE_OUT_SERVICE,
            SCALE_OUT_GROUP,
            RESTART_SERVICE,
            ROLL_BACK_DEPLOYMENT,
            RESTART_DATABASE_CLIENTS,
            CLEAN_LOGS,
            COLLECT_DIAGNOSTICS,
            OPEN_OPS_ITEM,
            NOTIFY,
            INVESTIGATE,
        )
    }
)


def offers(alarm: Alarm) -> tuple[Offer, ...]:
    """Return the actions that the model may choose from for `alarm`; `investigate` is always among them.

    Target and parameters are read from the alarm's resource and dimensions, never from its texts. An alarm that is not
    in state ALARM gets no action that executes anything.
    """
    actions = ACTIONS.values() if alarm.state is AlarmState.ALARM else (INVESTIGATE,)
    return tuple(offer for action in actions if action.offered and (offer := action.offer(alarm)))


def request_for(offer: Offer) -> ActionRequest | None:
    """Return what `offer` would do, or None where it executes nothing or is not in the catalogue."""
    action = ACTIONS.get(offer.action)
    if action is None or not action.executes:
        return None
    return action.request(offer.target, offer.parameters)
