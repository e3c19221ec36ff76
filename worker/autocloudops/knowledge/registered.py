"""What the kept inventory says of the alarms of an incident: their messages tell neither all actions nor all faults."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from autocloudops.alarms.inventory import Entry
from autocloudops.alarms.model import AlarmKey
from autocloudops.diagnosis.gathering import Piece, Subject
from autocloudops.knowledge.calls import CALL_SECONDS
from autocloudops.knowledge.records import GET_MANY, in_time
from autocloudops.knowledge.wording import bounded, moment, quoted

MOST_ALARMS = 50
SOURCE = "alarm inventory of AutoCloudOps"
WORTH = 62


class AlarmInventory(Protocol):
    """Where the inventory is kept."""

    async def of_keys(self, keys: Sequence[AlarmKey]) -> Sequence[Entry]:
        """Return the entries of those alarms that are known and not gone; raises `ServiceFailed`."""
        ...


class Registered:
    """Reads what speaks against acting on the alarms of an incident.

    Args:
        inventory: where it is kept.
        seconds: how long reading it may take.
    """

    kind = "inventory"
    essential = False
    permissions = frozenset({GET_MANY})

    def __init__(self, inventory: AlarmInventory, seconds: float = CALL_SECONDS) -> None:
        self._inventory = inventory
        self._seconds = seconds

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return one piece where something speaks against an alarm, and one where not all alarms were looked up.

        Raises:
            ServiceFailed: the inventory could not be read.
        """
        keys = dict.fromkeys(_whole(alarm.key) for alarm in (subject.alarm, *subject.alarms))
        entries = await in_time(self._inventory.of_keys(tuple(keys)[:MOST_ALARMS]), self._seconds)
        return (*_said(entries), *_left(len(keys) - MOST_ALARMS))


def _said(entries: Sequence[Entry]) -> Iterator[Piece]:
    """Yield one piece where something speaks against an alarm."""
    lines = [line for entry in entries for line in _lines(entry)]
    if not lines:
        return
    robots = tuple(_robot(entry) for entry in entries if entry.robot)
    vetoes = tuple(fault.statement for entry in entries for fault in entry.faults if fault.veto)
    yield Piece(kind=Registered.kind, source=SOURCE, text=bounded(*lines), worth=WORTH, robots=robots, vetoes=vetoes)


def _left(alarms: int) -> Iterator[Piece]:
    if alarms > 0:
        text = f"NOT READ: what the inventory says of {alarms} more alarms of this incident"
        yield Piece(kind=Registered.kind, source="AutoCloudOps", text=text, worth=0, missing=True)


def _whole(key: AlarmKey) -> AlarmKey:
    """Return the key of the alarm that a contributor belongs to."""
    return key.model_copy(update={"contributor": ""})


def _lines(entry: Entry) -> Iterator[str]:
    seen = f"as configured at {moment(entry.seen_at)}"
    if entry.robot:
        yield f"{_robot(entry)}, {seen}"
    if entry.switched_off:
        yield f"the actions of {quoted(entry.key.name)} are switched off, {seen}"
    for fault in entry.faults:
        yield f"{quoted(entry.key.name)}: {fault.code}: {fault.statement}"


def _robot(entry: Entry) -> str:
    return f"{entry.robot} acts on {quoted(entry.key.name)}"
