"""The end of a worker that is alive, healthy to look at, and does nothing."""

import faulthandler
import os
import threading
import time
from collections.abc import Callable
from logging import getLogger
from types import TracebackType

from autocloudops.errors import WorkerStuck

log = getLogger(__name__)

PATIENCE_SECONDS = 120.0
LOOKS = 8
EX_SOFTWARE = 70
SAYING_SECONDS = 5.0

End = Callable[[WorkerStuck], None]


def end_process(error: WorkerStuck) -> None:
    """Say where every thread stands, and exit with code 70 (EX_SOFTWARE of sysexits.h), without any cleaning up.

    What is said may meet what the loop hangs in, a lock of the log or a pipe that nobody reads: then it is left unsaid.
    """
    saying = threading.Thread(target=_say, args=(error,), name="last words", daemon=True)
    saying.start()
    saying.join(SAYING_SECONDS)
    os._exit(EX_SOFTWARE)


def _say(error: WorkerStuck) -> None:
    faulthandler.dump_traceback(all_threads=True)
    log.critical("%s", error)


class Watchdog:
    """Ends the process when a loop has not turned for too long, while the block that it guards runs.

    It is a thread, because what keeps the loop from turning may keep the whole event loop.

    Args:
        turns: how often the loop has turned; any change is a sign of life.
        patience_seconds: the longest time without one.
        end: what to do then.
    """

    def __init__(
        self, turns: Callable[[], int], patience_seconds: float = PATIENCE_SECONDS, end: End = end_process
    ) -> None:
        self._turns = turns
        self._patience_seconds = patience_seconds
        self._end = end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        seen, since = self._turns(), time.monotonic()
        while not self._over.wait(self._patience_seconds / LOOKS):
            turns, now = self._turns(), time.monotonic()
            if turns != seen:
                seen, since = turns, now
            elif now - since > self._patience_seconds:
                self._end(_stuck(now - since))
                return


def _stuck(seconds: float) -> WorkerStuck:
    return WorkerStuck(
        f"the receive loop has not turned for {seconds:.0f} s",
        "the stack of every thread is on standard error; the messages in hand come back when their leases end",
    )
