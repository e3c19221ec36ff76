"""Signals that stop a worker: the first drains it, the second ends it at once."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging import getLogger

log = getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stopping(stop: asyncio.Event, told: Callable[[], None]) -> Iterator[None]:
    """Take SIGTERM and SIGINT for the block, and give them back to whoever had them before.

    Args:
        stop: is set by the first signal, though the worker may stop by itself already. A second one ends the process
            with 128 and the signal's number, as a shell shows a process that the signal ended: what it holds comes back
            after its lease.
        told: is called at the first signal.
    """
    loop = asyncio.get_running_loop()
    signalled = False

    def on_signal(number: int) -> None:
        nonlocal signalled
        name = signal.Signals(number).name
        if signalled:
            log.error("%s again: leaving at once, messages in hand come back after their lease", name)
            os._exit(128 + number)
        log.info("%s: draining", name)
        signalled = True
        stop.set()
        told()

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
