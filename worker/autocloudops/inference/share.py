"""A fixed share of an endpoint, where nobody lives long enough to learn how much it takes."""

from autocloudops.inference.concurrency.sample import Sample


class Share:
    """A `Controller` that never moves: Lambda environments come and go, and each has the same part of the endpoint.

    Args:
        limit: how many requests may be in flight.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def answered(self, sample: Sample) -> None:
        """Learn nothing from an answer."""

    def overloaded(self, sent_at: float, now: float) -> None:
        """Learn nothing from a throttle: the one retry layer waits, as anywhere."""
