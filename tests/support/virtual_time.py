"""An event loop on which waiting takes no time: when nothing is ready, its clock jumps to the next timer."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class _JumpingSelector(selectors.DefaultSelector):
    """Polls its files and turns the time that it would have waited into elapsed time.

    The first file is the loop's own, by which other threads wake it: it is looked at only where nothing else is due.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elapsed_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0) if timeout != 0 or len(self.get_map()) > 1 else []
        if not events and timeout is None:
            raise RuntimeError("every task waits for something that no timer will bring")
        if not events and timeout:
            self.elapsed_seconds += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A selector loop that reads the jumping clock."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed_seconds


class VirtualClock:
    """A `Clock` on the running virtual-time loop; wall time starts at noon on 1 March 2026."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time.

    Not by `Runner.run`: asking which handler SIGINT has makes it write down the task, and all that the task returned.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.get_loop().run_until_complete(main)
