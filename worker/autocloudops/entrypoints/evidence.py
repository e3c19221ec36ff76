"""From settings to the sources of evidence."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Gatherer, Source
from autocloudops.entrypoints.stored import State
from autocloudops.environment import read
from autocloudops.knowledge.alarm_now import AlarmNow
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.changes import Changes
from autocloudops.knowledge.configuration import Configuration
from autocloudops.knowledge.metric import MetricHistory
from autocloudops.knowledge.neighbours import Neighbours
from autocloudops.knowledge.past import Past
from autocloudops.knowledge.quotas import BY_ACTION
from autocloudops.knowledge.registered import Registered
from autocloudops.knowledge.thirty_days import ThirtyDays
from autocloudops.settings import EvidenceSettings, IncidentSettings, KnowledgeSettings


async def open_gatherer(
    stack: AsyncExitStack, settings: EvidenceSettings, state: State, account: str, clock: Clock
) -> Gatherer | None:
    """Return what reads the facts of an incident, None where the settings switch it off."""
    if not settings.gather:
        return None
    calls = Calls(stack, clock, BY_ACTION, settings.call_seconds, account)
    thirty_days = ThirtyDays(calls, clock, state.incidents)
    in_aws: list[Source] = [
        AlarmNow(calls, clock),
        MetricHistory(calls, clock),
        Configuration(calls, clock, account),
        thirty_days,
    ]
    kept: list[Source] = [
        Changes(state.changes, settings.call_seconds),
        Neighbours(state.nearby, settings.call_seconds),
        Registered(state.inventory, settings.call_seconds),
        *await _library(stack, settings, state, clock),
    ]
    warming = asyncio.create_task(_warm(calls, in_aws), name="warming")
    stack.push_async_callback(_given_up, warming)
    track_records = thirty_days if read(IncidentSettings).self_clearing else None
    return Gatherer([*in_aws, *kept], clock, settings.wall_seconds, track_records)


async def _warm(calls: Calls, sources: Sequence[Source]) -> None:
    """Open the clients that sources read through, in the worker's own region."""
    region = aws.session().get_config_variable("region")
    if region:
        await calls.warm([action for source in sources for action in sorted(source.permissions)], region)


async def _given_up(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _library(stack: AsyncExitStack, evidence: EvidenceSettings, state: State, clock: Clock) -> Sequence[Source]:
    """Return the sources of earlier incidents and of runbooks; numpy is needed only where one of its users is named."""
    settings = read(KnowledgeSettings)
    if settings.library is None and not settings.endpoints:
        return (Past(state.past, seconds=evidence.call_seconds),)
    from autocloudops.entrypoints.library import open_retrieval  # noqa: PLC0415 - numpy is in the extra `knowledge` only

    return await open_retrieval(stack, settings, evidence, state, clock)
