"""From settings to the sources of evidence."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Gatherer, Source
from autocloudops.knowledge.alarm_now import AlarmNow
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.changes import Changes
from autocloudops.knowledge.configuration import Configuration
from autocloudops.knowledge.metric import MetricHistory
from autocloudops.knowledge.neighbours import Neighbours
from autocloudops.knowledge.past import Past
from autocloudops.knowledge.quotas import BY_ACTION
from autocloudops.knowledge.thirty_days import ThirtyDays
from autocloudops.settings import EvidenceSettings, IncidentSettings, KnowledgeSettings, read
from autocloudops.state.changes import DynamoChanges
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.inventory import DynamoInventory
from autocloudops.state.nearby import DynamoNearby
from autocloudops.state.past import DynamoPast

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is kept in the state table."""

    incidents: DynamoIncidents
    changes: DynamoChanges
    inventory: DynamoInventory
    nearby: DynamoNearby
    past: DynamoPast


def state_of(stack: AsyncExitStack, client: "DynamoDBClient", table: str, clock: Clock) -> State:
    """Return what keeps its part of the state table, flushed when the stack closes."""
    incidents = DynamoIncidents(client, table, clock)
    stack.push_async_callback(incidents.aclose)
    return State(
        incidents=incidents,
        changes=DynamoChanges(client, table, clock),
        inventory=DynamoInventory(client, table, clock),
        nearby=DynamoNearby(client, table, clock),
        past=DynamoPast(client, table, clock),
    )


def account_of(queue_url: str) -> str:
    """Return the account that a queue's URL names: the worker reads configuration in its own account only."""
    return urlsplit(queue_url).path.strip("/").partition("/")[0]


async def open_gatherer(
    stack: AsyncExitStack, settings: EvidenceSettings, state: State, account: str, clock: Clock
) -> Gatherer | None:
    """Return what reads the facts of an incident, None where the settings switch it off."""
    if not settings.gather:
        return None
    calls = Calls(stack, clock, BY_ACTION, settings.call_seconds)
    thirty_days = ThirtyDays(calls, clock, state.incidents)
    sources: list[Source] = [
        AlarmNow(calls, clock),
        MetricHistory(calls, clock),
        Changes(state.changes),
        Configuration(calls, clock, account),
        thirty_days,
        Neighbours(state.nearby),
        Past(state.past),
        *await _runbooks(stack, clock),
    ]
    track_records = thirty_days if read(IncidentSettings).self_clearing else None
    return Gatherer(sources, clock, settings.wall_seconds, track_records)


async def _runbooks(stack: AsyncExitStack, clock: Clock) -> Sequence[Source]:
    """Return the source of runbooks where a library is named; only then are its libraries needed."""
    settings = read(KnowledgeSettings)
    if settings.library is None:
        return ()
    from autocloudops.entrypoints.library import open_runbooks  # noqa: PLC0415 - numpy is in the extra `knowledge` only

    source = await open_runbooks(stack, settings, clock)
    return (source,) if source else ()
