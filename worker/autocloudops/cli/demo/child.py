"""The worker of the demo: a process of its own, as in production."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from autocloudops.errors import SandboxFailed

STOP_SECONDS = 40.0
"""Above the worker's own time to drain."""
CALLERS_OWN = ("AWS_", "AUTOCLOUDOPS_")


class WorkerProcess:
    """A running `python -m autocloudops worker`; `log` is the file that gets its standard error."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self.log = log

    def require_alive(self) -> None:
        """Raise where it has ended by itself.

        Raises:
            SandboxFailed: it has.
        """
        if self._process.returncode is not None:
            raise SandboxFailed(f"the worker ended with exit code {self._process.returncode}", f"read {self.log}")

    async def stop(self) -> int:
        """Send SIGTERM, wait while it drains, and return its exit code.

        Raises:
            SandboxFailed: it did not end in time.
        """
        self.require_alive()
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self._process.wait()
        except TimeoutError as error:
            raise SandboxFailed(
                f"the worker did not end within {STOP_SECONDS:.0f} s of SIGTERM", f"read {self.log}"
            ) from error


@asynccontextmanager
async def running_worker(environment: Mapping[str, str], log: Path) -> AsyncIterator[WorkerProcess]:
    """Start a worker, and end it on leaving; it ends with this process, however that ends.

    Args:
        environment: what points it at the sandbox; nothing of the caller's own AWS set-up or settings reaches it.
        log: the file that gets its standard error.
    """
    with (
        TemporaryDirectory(prefix="autocloudops-worker-") as home,
        as_file(files("autocloudops.sandbox") / "lifeline.py") as lifeline,
        log.open("wb") as file,
    ):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", str(lifeline), home, "autocloudops", "worker"),
            env=_own_environment(environment),
            stdin=PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            yield WorkerProcess(process, log)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _own_environment(given: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(CALLERS_OWN)}
    return kept | dict(given)
