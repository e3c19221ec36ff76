"""What acts, from settings and policy to adapters."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from autocloudops import aws
from autocloudops.actions.accounts import AccountRole, ActionClients
from autocloudops.actions.alarm_states import CloudWatchAlarms
from autocloudops.actions.dispatcher import Dispatcher, Present, Worker
from autocloudops.actions.executions import Executions
from autocloudops.actions.facts.reader import ActionFactReader, Bounds
from autocloudops.actions.facts.reading import Place, Reads
from autocloudops.actions.followups import FollowUpWork
from autocloudops.actions.guards import PolicyGuards
from autocloudops.actions.judging import Patience
from autocloudops.actions.looking import Onlooker
from autocloudops.actions.ops_items import SsmOpsItems
from autocloudops.actions.recording import Recorder
from autocloudops.actions.rollbacks import RunbookRollbacks
from autocloudops.actions.runbook import RunbookSetup
from autocloudops.actions.sweeping import Sweeper
from autocloudops.actions.verification import Reach, Verifier
from autocloudops.actions.withdrawing import Withdrawals
from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.objects import AuditObjects
from autocloudops.cancelling import cancel
from autocloudops.clock import Clock
from autocloudops.decisions.claims import ActionLog
from autocloudops.decisions.model import Policy
from autocloudops.entrypoints import wiring
from autocloudops.metrics import MeasuredLog, Measuring
from autocloudops.notify.sns import Notifier
from autocloudops.pipeline.acting import Hands, ToldPeople
from autocloudops.queue.followups import SqsFollowUps
from autocloudops.settings import ActionSettings
from autocloudops.state.claims import DynamoLedger

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_sqs.client import SQSClient

CALL_SECONDS = 10.0
CANCEL_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What acting shares with the rest of the service.

    Attributes:
        stack: closes what is opened.
        clock: time.
        client: reads and writes the state table.
        table: the state table, whose control item every runbook reads.
        account: the worker's own.
        policy: what may be done.
        name: of this process, in the ledger.
        measuring: hears of every step, where anything is measured.
    """

    stack: AsyncExitStack
    clock: Clock
    client: "DynamoDBClient"
    table: str
    account: str
    policy: Policy
    name: str
    measuring: Measuring | None = None


@dataclass(frozen=True, slots=True)
class Actors:
    """What reads facts, what acts on them, and where it says so."""

    facts: ActionFactReader
    hands: Hands
    ledger: DynamoLedger


def setup_of(settings: ActionSettings, policy: Policy, table: str) -> RunbookSetup:
    """Return what every runbook is started with."""
    rule = policy.approval
    return RunbookSetup(role=settings.runbook_role, table=table, approvers=rule.approvers, topic=rule.topic or "")


def clients_of(stack: AsyncExitStack, clock: Clock, account: str, settings: ActionSettings) -> ActionClients:
    """Return clients for the accounts and regions of targets."""
    role = AccountRole(settings.account_role, settings.external_id) if settings.account_role else None
    return ActionClients(stack, clock, account, role)


async def open_actors(means: Means, settings: ActionSettings, objects: AuditObjects, notifier: Notifier) -> Actors:
    """Open what acts.

    Args:
        means: what it shares with the rest.
        settings: how it acts.
        objects: where the action log is kept.
        notifier: tells people.
    """
    clock, policy = means.clock, means.policy
    ledger, log = DynamoLedger(means.client, means.table, clock), _log(objects, means.measuring)
    setup = setup_of(settings, policy, means.table)
    clients = clients_of(means.stack, clock, means.account, settings)
    bounds = Bounds(call_seconds=settings.call_seconds, wall_seconds=settings.facts_seconds)
    facts = ActionFactReader(clients, ledger, setup, clock, bounds)
    executions, recorder = Executions(clients), Recorder(ledger, log, clock)
    withdrawals = Withdrawals(ledger, executions, Onlooker(recorder, executions), clock)
    follow_ups, patience = await open_follow_ups(means.stack, settings), patience_of(settings)
    rollbacks = RunbookRollbacks(executions, setup)
    reach = _reach(Reads(clients, CALL_SECONDS), policy, rollbacks, notifier)
    present, worker = Present(reach.alarms, facts), Worker(means.name, policy, setup)
    dispatcher = Dispatcher(ledger, recorder, executions, present, worker, clock)
    verifier = Verifier(ledger, log, reach, policy, patience)
    hands = Hands(
        dispatcher=dispatcher,
        work=FollowUpWork(ledger, dispatcher, verifier, follow_ups, clock, patience),
        follow_ups=follow_ups,
        sweeper=Sweeper(ledger, dispatcher, withdrawals, clock),
        withdrawals=withdrawals,
        first_look=patience.first,
    )
    return Actors(facts, hands, ledger)


def _log(objects: AuditObjects, measuring: Measuring | None) -> ActionLog:
    return MeasuredLog(ActionObjects(objects), measuring) if measuring else ActionObjects(objects)


def _reach(reads: Reads, policy: Policy, rollbacks: RunbookRollbacks, notifier: Notifier) -> Reach:
    """Return what verification reads and does."""
    return Reach(
        alarms=CloudWatchAlarms(reads),
        guards=PolicyGuards(reads, policy.guards),
        rollbacks=rollbacks,
        ops_items=SsmOpsItems(reads),
        people=ToldPeople(notifier),
    )


def warm(stack: AsyncExitStack, facts: ActionFactReader, account: str) -> None:
    """Open the clients of facts in the worker's own account and region beside everything else."""
    region = aws.session().get_config_variable("region")
    if region:
        warming = asyncio.create_task(facts.warm(Place(account, region)), name="warming facts")
        stack.push_async_callback(cancel, {warming}, CANCEL_SECONDS)


async def open_follow_ups(stack: AsyncExitStack, settings: ActionSettings) -> SqsFollowUps:
    """Open what sends follow-ups."""
    calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=wiring.CALL_ATTEMPTS)
    client = await wiring.open_client(stack, "sqs", calls)
    return SqsFollowUps(cast("SQSClient", client), settings.followups_url)


def patience_of(settings: ActionSettings) -> Patience:
    """Return how long verification waits."""
    return Patience(
        periods=settings.ok_periods,
        within=timedelta(seconds=settings.verify_within_seconds),
        recurs_within=timedelta(seconds=settings.recurs_within_seconds),
        first=timedelta(seconds=settings.first_look_seconds),
    )
