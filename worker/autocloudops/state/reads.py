"""Reads that find each other: keys wanted while reads are on their way are read together by the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from autocloudops.state.items import StoredItem

Place = tuple[str, str]
Answer = asyncio.Future["StoredItem | None"]
Read = Callable[[Collection[Place]], Awaitable[Mapping[Place, "StoredItem"]]]

READERS = 4


class Reads:
    """Makes few reads of many that are wanted at once: 256 alarms of one owner read its incident once.

    A read begins after everybody who shares it has asked, so nobody is given anything older than a read of their own.
    Alone, a read goes out at once; no more than four are under way, so that one that hangs does not stop the others.

    Args:
        read: reads up to `most` places at once, and returns what it found.
        most: how many places one read may name.
    """

    def __init__(self, read: Read, most: int) -> None:
        self._read = read
        self._most = most
        self._wanted: dict[Place, list[Answer]] = {}
        self._readers: set[asyncio.Task[None]] = set()

    async def all(self, places: Sequence[Place]) -> list["StoredItem"]:
        """Return what is at different places; raises what the read raises."""
        loop = asyncio.get_running_loop()
        answers: list[Answer] = [loop.create_future() for _ in places]
        for place, answer in zip(places, answers, strict=True):
            self._wanted.setdefault(place, []).append(answer)
        if len(self._readers) < READERS:
            self._readers.add(asyncio.create_task(self._until_idle()))
        return [item for item in await asyncio.gather(*answers) if item]

    async def _until_idle(self) -> None:
        try:
            while self._wanted:
                places = list(self._wanted)[: self._most]
                await self._answer({place: self._wanted.pop(place) for place in places})
        finally:
            self._readers.remove(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _answer(self, wanted: Mapping[Place, Sequence[Answer]]) -> None:
        try:
            found = await self._read(wanted.keys())
        except Exception as error:  # noqa: BLE001 - it is raised wherever the places were asked for
            for answer in (each for answers in wanted.values() for each in answers if not each.done()):
                answer.set_exception(error)
            return
        for place, answers in wanted.items():
            for answer in (each for each in answers if not each.done()):
                answer.set_result(found.get(place))
