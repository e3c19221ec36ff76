"""A clock for code that does not wait: it stands still until a test turns it."""

from datetime import datetime, timedelta

from virtual_time import START


class TurnedClock:
    """A `Clock` whose time is the sum of what it was turned by."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
