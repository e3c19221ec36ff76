"""The number of requests that may be in flight, and how it moves."""

GLIDE = 0.5


class Limit:
    """A limit that grows by steps, and falls at once or by gliding.

    A gliding limit lets every second answer be followed by a new request, until it is down: a sudden stop would come
    back as a gap in the answers, one latency later.

    Args:
        first: where it begins.
        most: what it never exceeds.
    """

    def __init__(self, first: int, most: int) -> None:
        self._value = float(min(first, most))
        self._most = most
        self._target: float | None = None

    @property
    def value(self) -> float:
        """The limit as a fraction, so that small steps add up."""
        return self._value

    @property
    def gliding(self) -> bool:
        """Whether it is on its way down."""
        return self._target is not None

    def drift(self, step: float) -> None:
        """Allow `step` more, or less: then no faster than it glides."""
        self._value = min(float(self._most), max(1.0, self._value + max(-GLIDE, step)))

    def fall(self, to: float) -> None:
        """Allow no more than `to`, at least one, at once."""
        self._target = None
        self._value = max(1.0, min(self._value, to))

    def set(self, to: float) -> None:
        """Allow `to`, at least one, at once."""
        self._target = None
        self._value = min(float(self._most), max(1.0, to))

    def glide(self, to: float) -> None:
        """Come down to `to`, at least one, as answers come."""
        self._target = max(1.0, to) if to < self._value else None

    def stay(self) -> None:
        """Stop gliding."""
        self._target = None

    def one_answer(self) -> None:
        """Glide one answer further."""
        if self._target is None:
            return
        self._value = max(self._target, self._value - GLIDE)
        if self._value <= self._target:
            self._target = None
