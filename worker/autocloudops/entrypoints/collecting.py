"""When Python's garbage collector runs while a process starts."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Let nothing be collected in the block, and what it leaves never be looked at again.

    Imports and clients make hundreds of thousands of objects that live as long as the process. To look through them
    again and again while they are made takes a tenth of a cold start.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
