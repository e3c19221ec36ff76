"""What makes the receive loop turn."""

import asyncio

from autocloudops.errors import AccessDenied, ServiceFailed, TargetMissing


class Turning:
    """Wakes the receive loop when there may be something to do, and ends it with an error that nothing will mend."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._fatal: BaseException | None = None

    def wake(self) -> None:
        """Let the loop look for work again."""
        self._changed.set()

    def fail(self, error: BaseException) -> None:
        """End the loop with `error`; the first one counts."""
        self._fatal = self._fatal or error
        self._changed.set()

    def fail_unless_it_may_pass(self, error: ServiceFailed) -> None:
        """End the loop where a permission or the queue itself is missing: waiting mends neither."""
        if isinstance(error, AccessDenied | TargetMissing):
            self.fail(error)

    def end_with(self, task: asyncio.Task[None]) -> None:
        """End the loop where work beside it ended with an error, which nobody else would hear of."""
        if not task.cancelled() and (error := task.exception()):
            self.fail(error)

    async def wait(self) -> None:
        """Return when there may be something to do, or raise what the loop ends with."""
        await self._changed.wait()
        self._changed.clear()
        self.check()

    def check(self) -> None:
        """Raise what the loop ends with, if it is there."""
        if self._fatal:
            raise self._fatal
