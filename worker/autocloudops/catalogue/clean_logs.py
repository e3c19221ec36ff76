"""Space on a disk that runs full: old, rotated logs of an instance, a database or an ECS service's EBS volumes."""

import re
from collections.abc import Mapping

from autocloudops.alarms.model import Alarm, Metric
from autocloudops.catalogue.matching import (
    bind_database,
    bind_service,
    falls,
    in_words,
    rises,
    sole_metric,
    target_of,
    watches,
)
from autocloudops.catalogue.model import Action, ActionRequest, Binding, EffectClass, Risk

_USED = frozenset(
    {
        ("AWS/ECS", "EBSFilesystemUtilization"),
        ("CWAgent", "disk_used_percent"),
        ("ECS/ContainerInsights", "TaskEBSFilesystemUtilization"),
        ("ECS/ContainerInsights", "TaskEBSfilesystemUtilization"),
        ("System/Linux", "DiskSpaceUtilization"),
    }
)
_FREE = frozenset({("AWS/RDS", "FreeLocalStorage"), ("AWS/RDS", "FreeStorageSpace")})
_PATH = re.compile(r"/(?!.*\.\.)[A-Za-z0-9._/-]{0,255}")


def _bind(alarm: Alarm) -> Binding | None:
    if not ((watches(alarm, _USED) and rises(alarm)) or (watches(alarm, _FREE) and falls(alarm))):
        return None
    return _bind_instance(alarm) or bind_database(alarm) or bind_service(alarm)


def _bind_instance(alarm: Alarm) -> Binding | None:
    instance, path = target_of(alarm, "ec2:instance"), _mount(sole_metric(alarm))
    if instance is None or not _PATH.fullmatch(path):
        return None
    return Binding(target=instance, parameters={"Kind": "instance", "InstanceId": instance.id, "Path": path})


def _mount(metric: Metric | None) -> str:
    dimensions: Mapping[str, str] = metric.dimensions if metric else {}
    return dimensions.get("path") or dimensions.get("MountPath") or "/"


def _describe(request: ActionRequest) -> str:
    what = in_words(request.target, request.parameters)
    path = f" under {request.parameters['Path']}" if "Path" in request.parameters else ""
    return f"Deletes rotated log files older than seven days{path} of {what}."


CLEAN_LOGS = Action(
    name="clean_logs",
    title="Clean up logs",
    risk=Risk.HIGH,
    effect=EffectClass.TOKEN,
    runbook="AutoCloudOps-CleanLogs",
    undo="not possible: deleted files do not come back.",
    bind=_bind,
    describe=_describe,
)
