"""Prometheus Alertmanager's webhook, which Grafana sends too: each alert is one external alarm.

Its fingerprint, or its labels, tell it from others of the same rule. Account and region come from labels that hold
them, and are `external` elsewhere.
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Mapping

from autocloudops.alarms.load import Refused
from autocloudops.alarms.model import Alarm, AlarmKind, AlarmState, Suppression
from autocloudops.alarms.regions import is_region_code
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.assemble import Change, alarm_of
from autocloudops.alarms.wire.identity import account_of, alarm_key, required_name
from autocloudops.alarms.wire.shape import Node, Place, Shape, Wire
from autocloudops.alarms.wire.watched import Watched

EXTERNAL = "external"
"""The account, and the region, of an alert that names none of AWS's."""

_STATES = {
    "firing": AlarmState.ALARM,
    "alerting": AlarmState.ALARM,
    "active": AlarmState.ALARM,
    "suppressed": AlarmState.ALARM,
    "unprocessed": AlarmState.ALARM,
    "resolved": AlarmState.OK,
    "ok": AlarmState.OK,
    "normal": AlarmState.OK,
    "no_data": AlarmState.INSUFFICIENT_DATA,
    "nodata": AlarmState.INSUFFICIENT_DATA,
}
_UNSET_YEAR = 1
_ACCOUNT_LABELS = ("aws_account_id", "account_id", "aws_account", "account")
_REGION_LABELS = ("aws_region", "region", "cloud_region")
_FINGERPRINT_DIGITS = 16


def _accepts(node: Node) -> bool:
    return isinstance(node.get("alerts"), list) or (isinstance(node.get("labels"), dict) and "startsat" in node)


def _parts(node: Node, _wire: Wire) -> list[object]:
    if "alerts" not in node:
        return [node]
    shared = {
        "commonlabels": node.get("commonlabels"),
        "grouplabels": node.get("grouplabels"),
        "groupstatus": node.get("status", node.get("state")),
    }
    return [{**alert, **shared} if isinstance(alert, dict) else alert for alert in read.items(node, "alerts")]


def _status(node: Node) -> str | None:
    own = read.text(node, "status") or read.text(read.child(node, "status"), "state") or read.text(node, "groupstatus")
    return own.lower() if own else None


def _state(status: str | None) -> AlarmState:
    if status is None:
        raise Refused("state_missing", "the alert has no status")
    if status not in _STATES:
        raise Refused("state_unknown", f"{read.shown(status)} is no alert status")
    return _STATES[status]


def _place(labels: Mapping[str, str]) -> Place:
    accounts = (account_of(labels[label]) for label in _ACCOUNT_LABELS if label in labels)
    regions = (labels[label] for label in _REGION_LABELS if label in labels)
    return Place(
        next((account for account in accounts if account), EXTERNAL),
        next((region for region in regions if is_region_code(region)), EXTERNAL),
    )


def _time(node: Node, state: AlarmState) -> object:
    key = "endsat" if state is AlarmState.OK else "startsat"
    found = read.instant(node.get(key))
    return None if found is not None and found.year == _UNSET_YEAR else node.get(key)


def _read(node: Node, wire: Wire) -> Alarm:
    own = read.mapping(node.get("labels"))
    labels = {**read.mapping(node.get("grouplabels")), **read.mapping(node.get("commonlabels")), **own}
    status = _status(node)
    name, state = required_name(read.fold(labels), "alertname"), _state(status)
    at = read.required_instant(_time(node, state))
    contributor = read.text(node, "fingerprint") or read.digest(own)[:_FINGERPRINT_DIGITS]
    key = alarm_key(name, contributor, _place(labels))
    notes = read.fold(read.mapping(node.get("annotations")))
    seen = Watched(kind=AlarmKind.EXTERNAL)
    change = Change(
        key=key,
        state=state,
        at=at,
        seen=seen,
        reason=read.text(notes, "summary", "message", "description") or "",
        description=read.text(notes, "description", "details", "message"),
        labels=labels,
        suppression=Suppression(by="Silence") if status == "suppressed" else None,
    )
    return alarm_of(change, wire)


SHAPE = Shape("alertmanager", _accepts, _read, _parts)
