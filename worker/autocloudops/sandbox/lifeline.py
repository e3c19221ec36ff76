"""Run a module as a program for as long as the process that started it lives.

    python -P lifeline.py FOLDER MODULE        as the leader of its own process group

The starter holds the other end of standard input. When that closes, however the starter ended, FOLDER is removed and
the whole group is killed, so that no emulator outlives the command it served, nor its files.
"""

import os
import runpy
import shutil
import signal
import sys
import threading


def _end_with_the_starter(folder: str) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _, owned, *sys.argv = sys.argv
    threading.Thread(target=_end_with_the_starter, args=[owned], daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
