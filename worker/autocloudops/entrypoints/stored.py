"""What is kept in the state table, each part by whoever keeps it."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from autocloudops.clock import Clock
from autocloudops.environment import read
from autocloudops.settings import KnowledgeSettings
from autocloudops.state.changes import DynamoChanges
from autocloudops.state.dialects import DynamoDialects
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.inventory import DynamoInventory
from autocloudops.state.likeness import DynamoLikeness
from autocloudops.state.nearby import DynamoNearby
from autocloudops.state.past import DynamoPast

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.knowledge.likeness import PastStore


class State(NamedTuple):
    """Everything that is kept in the state table."""

    incidents: DynamoIncidents
    changes: DynamoChanges
    inventory: DynamoInventory
    nearby: DynamoNearby
    past: DynamoPast
    likeness: DynamoLikeness
    dialects: DynamoDialects


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
        likeness=DynamoLikeness(client, table, clock),
        dialects=DynamoDialects(client, table, clock),
    )


def account_of(queue_url: str) -> str:
    """Return the account that a queue's URL names: the worker reads configuration in its own account only."""
    return urlsplit(queue_url).path.strip("/").partition("/")[0]


async def open_past(stack: AsyncExitStack, state: State, clock: Clock) -> "PastStore":
    """Return where decisions are remembered: with vectors, where the settings name what embeds.

    Raises:
        SettingsInvalid: an embedding endpoint's URL names none, or sends data where the settings do not allow it.
    """
    settings = read(KnowledgeSettings)
    if not settings.endpoints:
        return state.past
    from autocloudops.entrypoints.library import open_remembering  # noqa: PLC0415 - numpy is in an extra only

    return await open_remembering(stack, settings, state, clock)
