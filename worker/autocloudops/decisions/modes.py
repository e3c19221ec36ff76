"""How far the service may go."""

from enum import StrEnum


class Mode(StrEnum):
    """How far the service may go, in rising order; members compare by that order, so that `min` gives the lowest."""

    OFF = "off"
    DRY_RUN = "dry-run"
    APPROVE = "approve"
    ACTIVE = "active"

    @property
    def rank(self) -> int:
        """The place in the order, from 0."""
        return list(Mode).index(self)

    def __lt__(self, other: str) -> bool:
        return self.rank < Mode(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Mode(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Mode(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Mode(other).rank
