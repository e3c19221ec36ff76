"""`worker`: the long-lived worker in this process."""

import asyncio
from collections.abc import Callable

from autocloudops.entrypoints.ecs import serve
from autocloudops.environment import read
from autocloudops.settings import HealthSettings, LogSettings
from autocloudops.telemetry import configure_logging

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop


def run_worker(health_port: int | None, *, debug: bool) -> None:
    """Consume alarms until SIGTERM.

    Args:
        health_port: where it says how it is; None leaves it to the setting.
        debug: log everything, whatever the setting says.

    Raises:
        AutoCloudOpsError: a setting is wrong, or the queue or the audit cannot be used.
    """
    configure_logging("DEBUG" if debug else read(LogSettings).level)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(_settings(health_port)))


def _settings(health_port: int | None) -> HealthSettings:
    settings = read(HealthSettings)
    return settings if health_port is None else settings.model_copy(update={"port": health_port})
