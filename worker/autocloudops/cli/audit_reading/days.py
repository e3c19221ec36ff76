"""The days that a verb is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from autocloudops.audit.keys import day_of, day_prefix

DAY = timedelta(days=1)
FEW_DAYS = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Days:
    """The days (UTC) that are wanted, both included; None for as far as there is anything."""

    first: datetime | None
    last: datetime | None

    def hold(self, moment: datetime) -> bool:
        """Return whether a moment is of one of them."""
        day = day_of(moment)
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)

    def prefixes(self, root: str, today: datetime) -> Iterator[str]:
        """Yield what the keys of the wanted days begin with, or `root` where one listing costs less than many.

        Args:
            root: `DECISIONS` or `ACTIONS`.
            today: the last day where none is named.
        """
        last = self.last or today
        if self.first is None or last - self.first > FEW_DAYS:
            yield root
            return
        day = self.first
        while day <= last:
            yield day_prefix(root, day)
            day += DAY


def days(first: datetime | None, last: datetime | None) -> Days:
    """Return the days that a command line names."""
    return Days(first and first.replace(tzinfo=UTC), last and last.replace(tzinfo=UTC))
