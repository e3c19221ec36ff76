"""`worker health`: how a worker is that runs on this machine, as a container's health check asks."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from autocloudops.cli.output import Output, print_json, print_lines
from autocloudops.cli.program import ExitCode
from autocloudops.environment import read
from autocloudops.errors import SettingsInvalid
from autocloudops.settings import HealthSettings

ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound to
ANSWER_SECONDS = 20.0
"""A worker that is asked whether it is ready may look at its model first, which takes 15 s at most."""


def show_health(port: int | None, output: Output, *, ready: bool) -> int:
    """Print how the worker is, and return 1 if it is not well or does not answer.

    Args:
        port: where it answers; None leaves it to the setting.
        output: how that is printed.
        ready: whether everything that it needs has to answer too.

    Raises:
        SettingsInvalid: no port is known.
    """
    settings = read(HealthSettings)
    port = port or settings.port
    if not port:
        raise SettingsInvalid("AUTOCLOUDOPS_HEALTH_PORT is 0", "set it to the worker's port, or name it with --port")
    host = "127.0.0.1" if settings.host in ANYWHERE else settings.host
    page = "/ready" if ready else "/live"
    try:
        report = _asked(host, port, page)
    except (OSError, http.client.HTTPException, ValueError) as error:
        report = {"well": False, "stage": "unknown", "down": {"worker": f"{host}:{port}: {error}"}}
    if output is Output.JSON:
        print_json(report)
    else:
        well = "well" if report["well"] else "not well"
        print_lines(
            output, [f"{report['stage']}, {well}", *(f"{name}: {said}" for name, said in report["down"].items())]
        )
    return ExitCode.OK if report["well"] else ExitCode.CHECK_FAILED


def _asked(host: str, port: int, page: str) -> Mapping[str, Any]:
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", page)
        report: Mapping[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return report
