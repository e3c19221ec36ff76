"""What takes alarms to decisions, however it is run: the rooms, whoever investigates, and who may pass."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.authenticity.gatekeeper import Gatekeeper
from autocloudops.clock import Clock
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.late import late_gatherer
from autocloudops.entrypoints.measuring import measuring_of
from autocloudops.entrypoints.models import bounds_of, open_model
from autocloudops.entrypoints.policies import policy_of
from autocloudops.entrypoints.redacting import open_redaction
from autocloudops.entrypoints.stored import State, account_of, open_past, state_of
from autocloudops.investigation import Investigator, Reader
from autocloudops.metrics import Measuring
from autocloudops.pipeline import Rooms
from autocloudops.pipeline.acting import Acting, Witnesses
from autocloudops.settings import (
    ActionSettings,
    AuditSettings,
    EvidenceSettings,
    IncidentSettings,
    ModelSettings,
    NotifySettings,
    QueueSettings,
    RedactionSettings,
    SafetySettings,
    SnsSettings,
    StateSettings,
    read,
)
from autocloudops.state.writers import DynamoWriters

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.entrypoints.acting import Actors


@dataclass(frozen=True, slots=True)
class Service:
    """What outlives a delivery. `rooms.audit` commits only while somebody runs it; `measure` is for each sweep."""

    rooms: Rooms
    investigator: Investigator
    gatekeeper: Gatekeeper
    measure: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """How a service is opened.

    Attributes:
        stack: closes it.
        clock: time for all of it.
        name: of this process, in the ledger of claims.
        share: how many requests each model endpoint may have from here; None finds out what is best.
        late: open what reads evidence with the first question only.
    """

    stack: AsyncExitStack
    clock: Clock
    name: str
    share: int | None = None
    late: bool = False


async def open_service(opening: Opening) -> Service:
    """Open everything that the settings name but the queues.

    Raises:
        SettingsInvalid: a setting is missing or wrong.
    """
    stack, clock = opening.stack, opening.clock
    await open_redaction(read(RedactionSettings))
    policy = await policy_of(read(SafetySettings))
    client = await wiring.open_table(stack)
    state = state_of(stack, client, read(StateSettings).table, clock)
    measuring = measuring_of(clock)
    witnesses, actors = await _open_acting(opening, policy, client, measuring)
    rooms = Rooms(
        incidents=state.incidents,
        notifier=witnesses.notifier,
        audit=witnesses.audit,
        clock=clock,
        windows=wiring.windows_of(read(IncidentSettings)),
        events=(state.changes.note, state.inventory.refresh),
        past=await open_past(stack, state, clock),
        acting=Acting(actors.hands, witnesses, policy, opening.name, clock) if actors else None,
    )
    measure = partial(measuring.look, actors.ledger) if measuring and actors else None
    investigator = await _open_investigator(opening, policy, state, actors)
    return Service(rooms, investigator, wiring.gatekeeper_of(read(SnsSettings), clock), measure)


async def _open_acting(
    opening: Opening, policy: Policy, client: "DynamoDBClient", measuring: Measuring | None
) -> "tuple[Witnesses, Actors | None]":
    """Open who hears of what is done, and what does it; nothing does where there is no queue of follow-ups."""
    audit, table = read(AuditSettings), read(StateSettings).table
    objects = await wiring.open_audit(opening.stack, audit.location, audit.kms_key)
    notifier = await wiring.open_notifier(opening.stack, read(NotifySettings))
    commits = CommitPolicy(records=audit.batch_records, seconds=audit.batch_seconds)
    writers = DynamoWriters(client, table, opening.clock)
    kept = measuring.kept if measuring else None
    witnesses = Witnesses(AuditWriter(objects, opening.clock, commits, writers, kept), notifier)
    action = read(ActionSettings)
    if not action.followups_url and policy.mode < Mode.APPROVE:
        return witnesses, None
    from autocloudops.entrypoints.acting import Means, open_actors, warm  # noqa: PLC0415 - most of it acts seldom

    means = Means(
        stack=opening.stack,
        clock=opening.clock,
        client=client,
        table=table,
        account=account_of(read(QueueSettings).url),
        policy=policy,
        name=opening.name,
        measuring=measuring,
    )
    actors = await open_actors(means, action, objects, notifier)
    if not opening.late:
        warm(opening.stack, actors.facts, means.account)
    return witnesses, actors


async def _open_investigator(opening: Opening, policy: Policy, state: State, actors: "Actors | None") -> Investigator:
    model, clock = read(ModelSettings), opening.clock
    bounds = replace(bounds_of(model), facts=actors.facts if actors else None)
    endpoint = await open_model(opening.stack, model, clock, state.dialects, opening.share)
    within = timedelta(seconds=model.decide_within_seconds)
    return Investigator(endpoint, policy, clock, within, bounds, await _gatherer(opening, state))


async def _gatherer(opening: Opening, state: State) -> Reader | None:
    settings, account = read(EvidenceSettings), account_of(read(QueueSettings).url)
    if opening.late:
        return late_gatherer(opening.stack, settings, state, account, opening.clock)
    from autocloudops.entrypoints.evidence import open_gatherer  # noqa: PLC0415 - not to be imported where it is late

    return await open_gatherer(opening.stack, settings, state, account, opening.clock)
