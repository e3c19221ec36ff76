"""Whether a recorded change counts: it does once the sum that its mark names exists and lists it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from autocloudops.clock import Clock
from autocloudops.state import items, writes
from autocloudops.state.sums import Mark
from autocloudops.state.table import Table

if TYPE_CHECKING:
    from autocloudops.state.items import StoredItem

ABANDONED_AFTER = timedelta(seconds=30)
CHECKED_FOR = timedelta(days=1)
REMEMBERED = 2_048


class Fate(Enum):
    """What became of a change that was to be counted."""

    COUNTED = auto()
    PENDING = auto()
    NEVER = auto()


class Marks:
    """Reads marks, and ends the wait for sums whose writer is gone. A sum never changes, so the newest are remembered.

    Args:
        table: the state table.
        clock: how old a mark is.
    """

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._remembered: dict[str, StoredItem] = {}

    async def sorted(self, found: Sequence["StoredItem"]) -> tuple[list["StoredItem"], list["StoredItem"]]:
        """Return the changes that count, and those that wait for their sum; what never will be counted is deleted.

        A mark older than a day is taken for counted: its incident is long over.
        """
        oldest = self._clock.now() - CHECKED_FOR
        marks = {mark for mark in map(items.mark_of, found) if mark and mark.at >= oldest}
        fates = await self._fates(marks)
        by_fate: dict[Fate, list[StoredItem]] = {fate: [] for fate in Fate}
        for item in found:
            mark = items.mark_of(item)
            by_fate[fates.get(mark, Fate.COUNTED) if mark else Fate.COUNTED].append(item)
        for item in by_fate[Fate.NEVER]:
            await self._drop(item)
        return by_fate[Fate.COUNTED], by_fate[Fate.PENDING]

    async def _fates(self, marks: set[Mark]) -> Mapping[Mark, Fate]:
        unseen = {mark.sum_id: mark for mark in marks if mark.sum_id not in self._remembered}
        keys = [items.sum_key(mark.incident_id, sum_id) for sum_id, mark in unseen.items()]
        self._remembered |= {item["sk"]["S"]: item for item in await self._table.get_many(keys)}
        fates = {mark: await self._fate(mark, self._remembered.get(mark.sum_id)) for mark in marks}
        for forgotten in list(self._remembered)[:-REMEMBERED]:
            del self._remembered[forgotten]
        return fates

    async def _fate(self, mark: Mark, written: "StoredItem | None") -> Fate:
        if written is None and self._clock.now() - mark.at < ABANDONED_AFTER:
            return Fate.PENDING
        if written is None and await self._void(mark):
            return Fate.NEVER
        if written is None:
            written = await self._table.get(items.sum_key(mark.incident_id, mark.sum_id))
        return Fate.COUNTED if written and items.counts(written, mark) else Fate.NEVER

    async def _void(self, mark: Mark) -> bool:
        """Return whether a sum can no longer be written; False where it was written at the last moment."""
        void = writes.putting(self._table.name, items.void_item(mark, self._clock.now()), self._clock.now())
        put = self._table.unless_lost("dynamodb:PutItem", lambda: self._table.client.put_item(**void))
        return await put is not None

    async def _drop(self, item: "StoredItem") -> None:
        deletion = writes.dropping(self._table.name, item)
        await self._table.unless_lost("dynamodb:DeleteItem", lambda: self._table.client.delete_item(**deletion))
