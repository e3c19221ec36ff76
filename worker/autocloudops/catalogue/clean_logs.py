"""Space on a disk that runs full: old, rotated logs of an instance, or the logs of a database."""

import re
from collections.abc import Mapping

from autocloudops.alarms.model import Alarm, Metric
from autocloudops.catalogue.matching import (
    bind_database,
    falls,
    in_words,
    of_kind,
    rises,
    sole_metric,
    target_of,
    watches,
)
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk

_USED = frozenset({("CWAgent", "disk_used_percent"), ("System/Linux", "DiskSpaceUtilization")})
_FREE = frozenset({("AWS/RDS", "FreeStorageSpace")})
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_PATH = rf"(?=.{{1,256}}$)/(?:{_SEGMENT}(?:/{_SEGMENT})*/?)?"


def _bind(alarm: Alarm) -> Binding | None:
    if watches(alarm, _USED) and rises(alarm):
        return of_kind(_bind_instance(alarm))
    if watches(alarm, _FREE) and falls(alarm):
        return of_kind(bind_database(alarm))
    return None


def _bind_instance(alarm: Alarm) -> Binding | None:
    instance, path = target_of(alarm, "ec2:instance"), _mount(sole_metric(alarm))
    if instance is None or not re.fullmatch(_PATH, path):
        return None
    return Binding(target=instance, parameters={"InstanceId": instance.id, "Path": path})


def _mount(metric: Metric | None) -> str:
    dimensions: Mapping[str, str] = metric.dimensions if metric else {}
    return dimensions.get("path") or dimensions.get("MountPath") or "/"


def _describe(request: ActionRequest) -> str:
    what = in_words(request.target)
    if request.target.type == "rds:db-instance":
        return f"Lets {what}, and every database of its parameter group, keep its logs for one day; PostgreSQL only."
    return f"Deletes rotated log files older than seven days under {request.parameters['Path']} of {what}."


CLEAN_LOGS = Action(
    name="clean_logs",
    title="Clean up logs",
    risk=Risk.HIGH,
    effect=EffectClass.TOKEN,
    runbook="AutoCloudOps-CleanLogs",
    undo="not possible: deleted files do not come back.",
    bind=_bind,
    describe=_describe,
    targets=("ec2:instance", "rds:db-instance"),
)
