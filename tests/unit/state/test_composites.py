"""What is left of a composite alarm whose worker dies."""

from typing import TYPE_CHECKING, Any, NoReturn, cast

import pytest
from database_alarms import composite
from memory_dynamodb import MemoryDynamo
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import History, Opens, Windows
from autocloudops.incidents.relatives import child_keys
from autocloudops.state.dynamodb import DynamoIncidents

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient


class Died(Exception):
    """The process is gone."""


class Dying:
    """A table that is not reached any more once an incident is recorded in it.

    Args:
        table: what it was.
    """

    def __init__(self, table: MemoryDynamo) -> None:
        self._table = table
        self._dead = False

    def __getattr__(self, name: str) -> object:
        return self._die if self._dead else getattr(self._table, name)

    async def transact_write_items(self, **request: Any) -> object:  # noqa: ANN401 - whatever the table takes
        answer = await self._table.transact_write_items(**request)
        self._dead = True
        return answer

    async def _die(self, **_: object) -> NoReturn:
        raise Died


def test_a_recorded_composite_alarm_ties_its_children_whenever_its_worker_dies() -> None:
    """As soon as the composite alarm is recorded, each of its children finds the incident that it stands in."""
    table = MemoryDynamo()
    (alarm,) = parse(composite("both", "reads", "carts"))
    assert isinstance(alarm, Alarm)
    placement = place(alarm, History(), None, Windows(), START)
    assert isinstance(placement, Opens)

    async def scenario() -> list[object]:
        dying = DynamoIncidents(cast("DynamoDBClient", Dying(table)), "state", VirtualClock())
        with pytest.raises(Died):
            await dying.record(alarm, placement, History(), START)
        others = DynamoIncidents(table.client, "state", VirtualClock())
        return [(await others.history(key, START)).parent for key in child_keys(alarm)]

    assert run(scenario()) == [placement.incident.incident_id] * 2
