import itertools
import subprocess
import sys
import threading

from autocloudops.errors import WorkerStuck
from autocloudops.queue.watchdog import EX_SOFTWARE, Watchdog


def test_a_loop_that_stands_still_ends_the_process() -> None:
    """Without a turn for longer than the patience, the end comes with a named error."""
    ends: list[WorkerStuck] = []
    ended = threading.Event()

    def end(error: WorkerStuck) -> None:
        ends.append(error)
        ended.set()

    with Watchdog(lambda: 7, patience_seconds=0.02, end=end):
        assert ended.wait(10)
    assert "has not turned" in str(ends[0])


def test_a_loop_that_turns_is_left_alone() -> None:
    """Every change of the count is a sign of life, however often it is looked at."""
    ends: list[WorkerStuck] = []
    looked = threading.Event()
    counting = itertools.count()

    def turns() -> int:
        count = next(counting)
        if count > 40:
            looked.set()
        return count

    with Watchdog(turns, patience_seconds=0.02, end=ends.append):
        assert looked.wait(10)
    assert ends == []


def test_the_end_shows_where_everybody_stands() -> None:
    """The process exits with code 70 and the stack of every thread, though its event loop is blocked."""
    code = (
        "import threading\n"
        "from autocloudops.queue.watchdog import Watchdog\n"
        "def blocked():\n    threading.Event().wait()\n"
        "with Watchdog(lambda: 0, patience_seconds=0.05):\n    blocked()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)  # noqa: S603 - our own code
    assert ended.returncode == EX_SOFTWARE
    assert "in blocked" in ended.stderr


def test_last_words_that_cannot_be_said_keep_nobody_alive() -> None:
    """A loop may hang in the log itself, with its lock in hand: the process ends all the same."""
    code = (
        "import logging, sys, threading\n"
        "from autocloudops.queue import watchdog\n"
        "watchdog.SAYING_SECONDS = 0.1\n"
        "logging.basicConfig()\n"
        "logging.getLogger().handlers[0].acquire()\n"
        "with watchdog.Watchdog(lambda: 0, patience_seconds=0.05):\n    threading.Event().wait()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60)  # noqa: S603 - our own code
    assert ended.returncode == EX_SOFTWARE
