"""The control item, which anybody may switch with the AWS CLI alone, and who switched it before.

CONTROL   CONTROL            mode, reason, by, at: only `mode` is needed
          AT#<ms>#<switch>   what it said from that time on
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from autocloudops.clock import EPOCH, Clock, epoch_milliseconds
from autocloudops.decisions.claims import Control
from autocloudops.decisions.modes import Mode
from autocloudops.state.items import expiry, hashed, text

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.type_defs import TransactWriteItemTypeDef

    from autocloudops.state.claim_writes import Transactions
    from autocloudops.state.items import NewItem, StoredItem
    from autocloudops.state.table import Table

CONTROL = "CONTROL"
SWITCHES = "AT#"
RETENTION = timedelta(days=400)


def control_key() -> "NewItem":
    """Return the key of the control item."""
    return {"pk": text(CONTROL), "sk": text(CONTROL)}


def read_control(item: "StoredItem") -> Control:
    """Return a control item that anybody may have written; a mode that nobody knows is `off`."""
    said, reason = _text(item, "mode"), _text(item, "reason")
    known = said in set(Mode)
    return Control(
        mode=Mode(said) if known else Mode.OFF,
        reason=reason if known else f"there is no mode {said!r}; {reason}",
        by=_text(item, "by"),
        at=_time(_text(item, "at")),
    )


def _text(item: "StoredItem", name: str) -> str:
    return item[name].get("S", "") if name in item else ""


def _time(said: str) -> datetime:
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return EPOCH
    return at if at.tzinfo else EPOCH


def _content(control: Control) -> "NewItem":
    return {
        "mode": text(control.mode),
        "reason": text(control.reason),
        "by": text(control.by),
        "at": text(control.at.isoformat()),
    }


class ControlItem:
    """Reads and switches the control item.

    Args:
        table: what reads the state table.
        transactions: what writes to it.
        clock: when a switch is forgotten.
    """

    def __init__(self, table: "Table", transactions: "Transactions", clock: Clock) -> None:
        self._table = table
        self._transactions = transactions
        self._clock = clock

    async def get(self) -> Control | None:
        """Return the control item, or None where there is none."""
        item = await self._table.get(control_key())
        return read_control(item) if item else None

    async def set(self, control: Control) -> None:
        """Replace the control item whatever it says; what it said is kept, also where somebody wrote it by hand."""
        previous = await self.get()
        kept = {str(item["sk"]): item for item in map(self._switch, filter(None, (previous, control)))}
        puts = [control_key() | _content(control), *kept.values()]
        transaction: list[TransactWriteItemTypeDef] = [
            {"Put": {"TableName": self._table.name, "Item": item}} for item in puts
        ]
        await self._transactions.write(transaction)

    async def switches(self, most: int) -> Sequence[Control]:
        """Return what the control item said, the newest `most`, the newest first."""
        found: list[Control] = []
        async for item in self._table.query(CONTROL, SWITCHES, newest_first=True, page=most):
            found.append(read_control(item))
            if len(found) == most:
                break
        return tuple(found)

    def _switch(self, control: Control) -> "NewItem":
        name = hashed(control.model_dump_json())
        return {
            "pk": text(CONTROL),
            "sk": text(f"{SWITCHES}{epoch_milliseconds(control.at):013d}#{name}"),
            "ttl": expiry(self._clock.now(), RETENTION),
            **_content(control),
        }
