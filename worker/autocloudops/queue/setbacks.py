"""How often in a row something failed of which much is under way at once."""

from autocloudops.clock import Clock

MOST = 10


class Setbacks:
    """Counts failures by rounds: what was under way together fails together, and that is one setback, not many.

    Args:
        clock: when a failure was counted.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counted_at = float("-inf")
        self.count = 0

    def failed(self, began: float) -> None:
        """Count the failure of what began then, unless it was under way when the last one was counted."""
        if began > self._counted_at:
            self._counted_at = self._clock.monotonic()
            self.count = min(self.count + 1, MOST)

    def succeeded(self) -> None:
        """Begin anew: it works."""
        self.count = 0
