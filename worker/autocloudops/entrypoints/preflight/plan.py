"""From settings to checks: a room that cannot be read is a finding itself, and the others are looked at."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from autocloudops.clock import SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.preflight.audit import audit_checks
from autocloudops.entrypoints.preflight.checks import Check, Weight, failing
from autocloudops.entrypoints.preflight.clients import Clients
from autocloudops.entrypoints.preflight.model import model_checks
from autocloudops.entrypoints.preflight.permission import policy_checks
from autocloudops.entrypoints.preflight.place import account_checks, queue_region, region_checks, topic_region
from autocloudops.entrypoints.preflight.queues import follow_up_checks, queue_checks
from autocloudops.entrypoints.preflight.table import table_checks
from autocloudops.entrypoints.preflight.topic import topic_checks
from autocloudops.environment import faults, read
from autocloudops.errors import SettingsInvalid
from autocloudops.settings import (
    ROOMS,
    ActionSettings,
    AuditSettings,
    ModelSettings,
    NotifySettings,
    QueueSettings,
    SafetySettings,
    Settings,
    SnsSettings,
    StateSettings,
)

S = TypeVar("S", bound=Settings)
SETTING = "setting"


def planned(clients: Clients) -> list[Check]:
    """Return every check that the settings of this process call for."""
    return [
        *_unreadable(),
        *_of(QueueSettings, lambda queue: queue_checks(clients, queue)),
        *_of(QueueSettings, lambda queue: _of(ActionSettings, lambda action: _follow_ups(clients, queue, action))),
        *_of(AuditSettings, lambda audit: audit_checks(clients, audit.location)),
        *_of(StateSettings, lambda state: table_checks(clients, state.table)),
        *_of(NotifySettings, lambda notify: topic_checks(clients, notify.topic_arn)),
        *_of(ModelSettings, lambda model: model_checks(clients, model)),
        *_of(QueueSettings, lambda queue: account_checks(clients, queue.url)),
        *_of(QueueSettings, lambda queue: region_checks("queue", queue_region(queue.url))),
        *_of(NotifySettings, lambda notify: region_checks("topic", topic_region(notify.topic_arn))),
        *_of(SafetySettings, policy_checks),
        *_of(SnsSettings, _refused(lambda sns: wiring.gatekeeper_of(sns, SystemClock()))),
    ]


def _follow_ups(clients: Clients, queue: QueueSettings, action: ActionSettings) -> Sequence[Check]:
    follow_ups = wiring.follow_up_queue(queue, action)
    return follow_up_checks(clients, follow_ups) if follow_ups else ()


def _unreadable() -> list[Check]:
    """Return a finding for each setting that is missing or wrong."""
    return [_wrong(fault) for room in ROOMS for fault in faults(room)]


def _of(room: type[S], checks: Callable[[S], Sequence[Check]]) -> Sequence[Check]:
    """Return the checks of a room, none where it cannot be read, which `_unreadable` says."""
    try:
        settings = read(room)
    except SettingsInvalid:
        return ()
    try:
        return checks(settings)
    except SettingsInvalid as error:
        return (_wrong(error),)


def _wrong(fault: SettingsInvalid) -> Check:
    return failing(SETTING, fault.message.partition(":")[0], Weight.VITAL, fault)


def _refused(use: Callable[[S], object]) -> Callable[[S], Sequence[Check]]:
    """Return checks that only try whether a value can be used."""

    def nothing(settings: S) -> Sequence[Check]:
        use(settings)
        return ()

    return nothing
