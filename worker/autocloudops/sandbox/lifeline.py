"""Run a module as a program for as long as the process that started it lives.

    python -P lifeline.py MODULE        as the leader of its own process group

The starter holds the other end of standard input. When that closes, however the starter ended, the whole group is
killed, so that no emulator outlives the command it served.
"""

import os
import runpy
import signal
import sys
import threading


def _end_with_the_starter() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
