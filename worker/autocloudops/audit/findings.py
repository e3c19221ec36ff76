"""What verification may find wrong with an audit."""

from datetime import datetime
from enum import StrEnum

from autocloudops.values import Value


class Kind(StrEnum):
    """The kinds of damage.

    `changed`: other bytes than were signed for, or a line that its successor does not name. `missing`: an object, or
    lines inside one, are gone. `truncated`: the end of a writer's chain, or of an object, is gone. `reordered`: the
    lines of an object stand in another order. `inserted`: lines, or an object of a writer, that it did not write.
    `replayed`: something genuine stands in a second place. `swapped`: something genuine stands in another's place.
    `alien`: no writer of ours wrote it. `forged`: a digest whose signature does not hold. `wrong_key`: a digest that
    says it was signed by a key that is not trusted. `broken`: a digest is gone, or was replaced by another that is
    genuine, so that the chain of digests has a gap.
    """

    CHANGED = "changed"
    MISSING = "missing"
    TRUNCATED = "truncated"
    REORDERED = "reordered"
    INSERTED = "inserted"
    REPLAYED = "replayed"
    SWAPPED = "swapped"
    ALIEN = "alien"
    FORGED = "forged"
    WRONG_KEY = "wrong_key"
    BROKEN = "broken"


class Finding(Value):
    """One damage: what kind, which key, and what gives it away."""

    kind: Kind
    key: str
    detail: str


class Report(Value):
    """What a verification came to.

    `records`, `objects` and `digests` count what was proved. `unproven` counts objects that no digest covers yet, or
    whose digest cannot be trusted. `proved_until` is the end of the last hour that a trusted digest covers.
    """

    digests: int
    objects: int
    records: int
    unproven: int
    proved_until: datetime | None
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings
