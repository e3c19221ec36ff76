"""`worker`: the long-lived worker in this process."""

import asyncio
from collections.abc import Callable

from autocloudops.entrypoints.ecs import serve
from autocloudops.settings import LogSettings, read
from autocloudops.telemetry import configure_logging

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop


def run_worker(*, debug: bool) -> None:
    """Consume alarms until SIGTERM.

    Args:
        debug: log everything, whatever the setting says.

    Raises:
        AutoCloudOpsError: a setting is wrong, or the queue or the audit cannot be used.
    """
    configure_logging("DEBUG" if debug else read(LogSettings).level)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve())
