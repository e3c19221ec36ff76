"""What takes alarms to decisions, however it is run: the rooms, whoever investigates, and who may pass."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from autocloudops.audit.objects import AuditObjects
from autocloudops.audit.writer import AuditWriter, CommitPolicy
from autocloudops.authenticity.gatekeeper import Gatekeeper
from autocloudops.clock import Clock
from autocloudops.decisions.model import Policy
from autocloudops.entrypoints import wiring
from autocloudops.entrypoints.late import Late, LateInvestigator
from autocloudops.entrypoints.measuring import Lookout, measuring_of
from autocloudops.entrypoints.policies import policy_of, refuse_without_approvers, refuse_without_followups
from autocloudops.entrypoints.redacting import open_redaction
from autocloudops.entrypoints.stored import State, account_of, open_past, state_of
from autocloudops.environment import read
from autocloudops.metrics import Measuring
from autocloudops.pipeline import Investigates, Rooms
from autocloudops.pipeline.acting import Acting, Witnesses
from autocloudops.settings import (
    ActionSettings,
    AuditSettings,
    IncidentSettings,
    ModelSettings,
    NotifySettings,
    QueueSettings,
    RedactionSettings,
    SafetySettings,
    SnsSettings,
    StateSettings,
)
from autocloudops.state.claims import DynamoLedger
from autocloudops.state.writers import DynamoWriters

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient

    from autocloudops.entrypoints.acting import Actors
    from autocloudops.investigation import Investigator
    from autocloudops.pipeline.acting import Hands


class Service(NamedTuple):
    """What outlives a delivery. `rooms.audit` commits only while somebody runs it; `measure` is for now and then."""

    rooms: Rooms
    investigator: Investigates
    gatekeeper: Gatekeeper
    measure: Callable[[], Awaitable[None]] | None = None


class Opening(NamedTuple):
    """How a service is opened.

    Attributes:
        stack: closes it.
        clock: time for all of it.
        name: of this process, in the ledger of claims.
        share: how many requests each model endpoint may have from here; None finds out what is best.
        late: open what only a question or an action needs when there is one, and not at once.
    """

    stack: AsyncExitStack
    clock: Clock
    name: str
    share: int | None = None
    late: bool = False


class _Common(NamedTuple):
    """What several rooms are opened with."""

    opening: Opening
    policy: Policy
    client: "DynamoDBClient"
    state: State
    objects: AuditObjects
    witnesses: Witnesses
    measuring: Measuring | None


async def open_service(opening: Opening) -> Service:
    """Open everything that the settings name but the queues.

    Raises:
        SettingsInvalid: a setting is missing or wrong.
    """
    await open_redaction(read(RedactionSettings))
    common = await _open_common(opening)
    actors = _late_actors(common)
    investigator = _late_investigator(common, actors)
    if not opening.late:
        await investigator()
    rooms = await _rooms(common, actors)
    lookout = _lookout(common, acts=actors is not None)
    patience = timedelta(seconds=read(ModelSettings).decide_within_seconds)
    gatekeeper = wiring.gatekeeper_of(read(SnsSettings), opening.clock)
    return Service(rooms, LateInvestigator(patience, investigator), gatekeeper, lookout.look if lookout else None)


async def _open_common(opening: Opening) -> _Common:
    stack, clock, table = opening.stack, opening.clock, read(StateSettings).table
    policy = await policy_of(read(SafetySettings))
    client = await wiring.open_table(stack)
    measuring, audit = measuring_of(clock), read(AuditSettings)
    objects = await wiring.open_audit(stack, audit.location, audit.kms_key)
    notifier = await wiring.open_notifier(stack, read(NotifySettings))
    commits = CommitPolicy(records=audit.batch_records, seconds=audit.batch_seconds)
    kept = measuring.kept if measuring else None
    writer = AuditWriter(objects, clock, commits, DynamoWriters(client, table, clock), kept)
    state = state_of(stack, client, table, clock)
    return _Common(opening, policy, client, state, objects, Witnesses(writer, notifier), measuring)


async def _rooms(common: _Common, actors: "Late[Actors] | None") -> Rooms:
    opening, state, witnesses = common.opening, common.state, common.witnesses
    return Rooms(
        incidents=state.incidents,
        notifier=witnesses.notifier,
        audit=witnesses.audit,
        clock=opening.clock,
        windows=wiring.windows_of(read(IncidentSettings)),
        events=(state.changes.note, state.inventory.refresh),
        past=await open_past(opening.stack, state, opening.clock),
        acting=Acting(_hands(actors), witnesses, common.policy, opening.name, opening.clock) if actors else None,
    )


def _lookout(common: _Common, *, acts: bool) -> Lookout | None:
    """Return what measures how things stand, where anything is measured."""
    if common.measuring is None:
        return None
    clock, audit, past = common.opening.clock, common.witnesses.audit, common.state.past
    ledger = DynamoLedger(common.client, read(StateSettings).table, clock) if acts else None
    return Lookout(common.measuring, clock, audit, past.overturned, ledger, common.policy.limits.global_per_hour)


def _late_actors(common: _Common) -> "Late[Actors] | None":
    """Return what acts; nothing does where there is no queue of follow-ups."""
    settings, policy, opening = read(ActionSettings), common.policy, common.opening
    refuse_without_followups(settings, policy)
    refuse_without_approvers(policy)
    if not settings.followups_url:
        return None

    async def opened(stack: AsyncExitStack) -> "Actors":
        from autocloudops.entrypoints.acting import Means, open_actors, warm  # noqa: PLC0415 - most of it acts seldom

        means = Means(
            stack=stack,
            clock=opening.clock,
            client=common.client,
            table=read(StateSettings).table,
            account=account_of(read(QueueSettings).url),
            policy=policy,
            name=opening.name,
            measuring=common.measuring,
        )
        actors = await open_actors(means, settings, common.objects, common.witnesses.notifier)
        if not opening.late:
            warm(stack, actors.facts, means.account)
        return actors

    return Late(opening.stack, opened)


def _hands(actors: "Late[Actors]") -> "Callable[[], Awaitable[Hands]]":
    async def opened() -> "Hands":
        return (await actors()).hands

    return opened


def _late_investigator(common: _Common, actors: "Late[Actors] | None") -> "Late[Investigator]":
    """Return what asks; it opens what acts too, which reads the facts that gates want."""
    opening, state = common.opening, common.state

    async def opened(stack: AsyncExitStack) -> "Investigator":
        from autocloudops.entrypoints.asking import open_investigator  # noqa: PLC0415 - an eighth of a cold start

        facts = (await actors()).facts if actors else None
        return await open_investigator(stack, opening, state, common.policy, facts, common.measuring)

    return Late(opening.stack, opened)
