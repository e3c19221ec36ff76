"""What takes alarms to decisions, however it is run: the rooms, whoever investigates, and who may pass."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.authenticity.gatekeeper import Gatekeeper
from autocloudops.clock import Clock
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.late import late_gatherer
from autocloudops.entrypoints.models import bounds_of, open_model
from autocloudops.entrypoints.stored import State, account_of, open_past, state_of
from autocloudops.investigation import Investigator, Reader
from autocloudops.pipeline import Rooms
from autocloudops.settings import (
    AuditSettings,
    EvidenceSettings,
    IncidentSettings,
    ModelSettings,
    NotifySettings,
    QueueSettings,
    SafetySettings,
    SnsSettings,
    StateSettings,
    read,
)
from autocloudops.state.dialects import DynamoDialects


@dataclass(frozen=True, slots=True)
class Service:
    """What outlives a delivery. `rooms.audit` commits only while somebody runs it."""

    rooms: Rooms
    investigator: Investigator
    gatekeeper: Gatekeeper


async def open_service(stack: AsyncExitStack, clock: Clock, share: int | None = None, *, late: bool = False) -> Service:
    """Open everything that the settings name but the queue.

    Args:
        stack: closes it.
        clock: time for all of it.
        share: how many requests each model endpoint may have from here; None finds out what is best.
        late: open what reads evidence with the first question only.

    Raises:
        SettingsInvalid: a setting is missing or wrong.
    """
    model, audit, table = read(ModelSettings), read(AuditSettings), read(StateSettings).table
    client = await wiring.open_table(stack)
    state = state_of(stack, client, table, clock)
    investigator = Investigator(
        await open_model(stack, model, clock, DynamoDialects(client, table, clock), share),
        wiring.policy_of(read(SafetySettings)),
        clock,
        timedelta(seconds=model.decide_within_seconds),
        bounds_of(model),
        await _gatherer(stack, state, clock, late=late),
    )
    policy = CommitPolicy(records=audit.batch_records, seconds=audit.batch_seconds)
    rooms = Rooms(
        incidents=state.incidents,
        notifier=await wiring.open_notifier(stack, read(NotifySettings)),
        audit=AuditWriter(await wiring.open_audit(stack, audit.location), clock, policy),
        clock=clock,
        windows=wiring.windows_of(read(IncidentSettings)),
        events=(state.changes.note, state.inventory.refresh),
        past=await open_past(stack, state, clock),
    )
    return Service(rooms, investigator, wiring.gatekeeper_of(read(SnsSettings), clock))


async def _gatherer(stack: AsyncExitStack, state: State, clock: Clock, *, late: bool) -> Reader | None:
    settings, account = read(EvidenceSettings), account_of(read(QueueSettings).url)
    if late:
        return late_gatherer(stack, settings, state, account, clock)
    from autocloudops.entrypoints.evidence import open_gatherer  # noqa: PLC0415 - not to be imported where it is late

    return await open_gatherer(stack, settings, state, account, clock)
