"""The sources of evidence over an emulator and a served model, both asked over HTTP; and the same sources hanging."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from bench.gathering.counting import Counted, CountedCalls, Ledger
from remembered import Answering
from scripted_calls import ScriptedCalls
from state_tables import new_table

from autocloudops import aws
from autocloudops.alarms.model import Alarm, AwsEvent
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Source
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import History, Windows
from autocloudops.incidents.past import PastIncident, metric_family
from autocloudops.inference.sagemaker import SageMakerEndpoint
from autocloudops.knowledge.alarm_now import AlarmNow
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.changes import Changes
from autocloudops.knowledge.configuration import Configuration
from autocloudops.knowledge.embedding import Embedder, Questions
from autocloudops.knowledge.files import FolderFiles
from autocloudops.knowledge.index import Indexer, IndexFile, runbook_passages
from autocloudops.knowledge.library import Library
from autocloudops.knowledge.likeness import Likeness, RememberedByLikeness
from autocloudops.knowledge.metric import MetricHistory
from autocloudops.knowledge.neighbours import Neighbours
from autocloudops.knowledge.past import Past
from autocloudops.knowledge.registered import Registered
from autocloudops.knowledge.runbooks import Runbooks, Search, Searching
from autocloudops.knowledge.thirty_days import ThirtyDays
from autocloudops.sandbox import SimulatedEndpoint
from autocloudops.sandbox.aws import ACCOUNT
from autocloudops.sandbox.endpoint import HashEmbeddingEngine
from autocloudops.sandbox.foundation import client
from autocloudops.state.changes import DynamoChanges
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.inventory import DynamoInventory
from autocloudops.state.likeness import DynamoLikeness
from autocloudops.state.nearby import DynamoNearby
from autocloudops.state.past import DynamoPast

LIBRARY = Path(__file__).parents[1] / "retrieval" / "library"
HANGS_SECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Shelves:
    """What is kept between incidents: clients, tables, the library and its index."""

    calls: Calls
    incidents: DynamoIncidents
    changes: DynamoChanges
    nearby: DynamoNearby
    inventory: DynamoInventory
    past: DynamoPast
    search: Search
    likeness: Likeness
    remembering: RememberedByLikeness

    def sources(self, clock: Clock) -> list[Source]:
        """Return every source with nothing remembered yet."""
        plain: list[Source] = [
            AlarmNow(self.calls, clock),
            MetricHistory(self.calls, clock),
            Changes(self.changes),
            Configuration(self.calls, clock, ACCOUNT),
            ThirtyDays(self.calls, clock, self.incidents),
            Neighbours(self.nearby),
            Registered(self.inventory),
            Past(self.past, self.likeness),
            Runbooks(self.search, frozenset()),
        ]
        return [Counted(source) for source in plain]


async def opened(stack: AsyncExitStack, region: str, folder: Path, clock: Clock, ledger: Ledger) -> Shelves:
    """Open everything on the emulator that the environment names, and index the library of the retrieval bench."""
    dynamodb = await stack.enter_async_context(aws.session().create_client("dynamodb", region_name=region))
    table = await new_table(dynamodb)
    ledger.watch(dynamodb)
    incidents = DynamoIncidents(dynamodb, table, clock)
    stack.push_async_callback(incidents.aclose)
    embedder = await _embedder(stack, clock, ledger)
    questions = Questions(embedder, clock)
    past, vectors = DynamoPast(dynamodb, table, clock), DynamoLikeness(dynamodb, table, clock)
    return Shelves(
        calls=CountedCalls(stack, clock, ledger),
        incidents=incidents,
        changes=DynamoChanges(dynamodb, table, clock),
        nearby=DynamoNearby(dynamodb, table, clock),
        inventory=DynamoInventory(dynamodb, table, clock),
        past=past,
        search=await _search(folder, embedder, questions, clock),
        likeness=Likeness(vectors, questions, clock, Searching()),
        remembering=RememberedByLikeness(past, vectors, embedder),
    )


async def _embedder(stack: AsyncExitStack, clock: Clock, ledger: Ledger) -> Embedder:
    endpoint = SimulatedEndpoint("simulated-nim", HashEmbeddingEngine(), latency_seconds=0)
    await stack.enter_async_context(endpoint)
    runtime = await stack.enter_async_context(client("sagemaker-runtime", endpoint.url))
    ledger.watch(runtime)
    return Embedder(SageMakerEndpoint(runtime, endpoint.name, endpoint.model, clock))


async def _search(folder: Path, embedder: Embedder, questions: Questions, clock: Clock) -> Search:
    library, file = Library(FolderFiles(LIBRARY)), IndexFile(FolderFiles(folder))
    async for _ in Indexer(file, embedder, clock).update(runbook_passages((await library.shelf()).runbooks), None):
        pass
    return Search(library, file, questions, clock, Searching())


async def remember(shelves: Shelves, alarms: Mapping[str, Alarm]) -> None:
    """Give each alarm a deployment eight minutes before it, a decision of last week, and the incident it opened."""
    for number, alarm in enumerate(alarms.values()):
        await shelves.changes.note(_deployment(alarm))
        await shelves.remembering.keep(_earlier(alarm, number))
        opened = place(alarm, History(), None, Windows(), alarm.at)
        await shelves.incidents.record(alarm, opened, History(), alarm.at)
    await shelves.remembering.finished()


async def warmed(shelves: Shelves, region: str, clock: Clock) -> float:
    """Open every client as a worker does at its start, and return how long that took."""
    began = clock.monotonic()
    await shelves.calls.warm(sorted(Configuration.permissions | MetricHistory.permissions), region)
    return clock.monotonic() - began


def hanging(clock: Clock) -> list[Source]:
    """Return every source over services that accept a call and never answer it."""
    calls = ScriptedCalls(lambda _, __: HANGS_SECONDS)
    store = Answering({}, hangs=True)
    search = Search(Library(store), IndexFile(store), None, clock, Searching())
    return [
        AlarmNow(calls, clock),
        MetricHistory(calls, clock),
        Changes(store),
        Configuration(calls, clock, ACCOUNT),
        ThirtyDays(calls, clock, store),
        Neighbours(store),
        Registered(store),
        Past(store),
        Runbooks(search, frozenset()),
    ]


def kinds_of(sources: Sequence[Source]) -> tuple[str, ...]:
    """Return what the sources read, in their order."""
    return tuple(source.kind for source in sources)


def _deployment(alarm: Alarm) -> AwsEvent:
    at = alarm.at - timedelta(minutes=8)
    return AwsEvent(
        event_id=uuid4(),
        source="autocloudops.change",
        detail_type="Change",
        account=alarm.resource.account,
        region=alarm.resource.region,
        at=at,
        shape="eventbridge",
        raw_sha256="0" * 64,
        detail={"service": alarm.resource.owner, "what": "deployment of version 88", "by": "ci-deployer"},
    )


def _earlier(alarm: Alarm, number: int) -> PastIncident:
    opened_at = alarm.at - timedelta(days=7)
    return PastIncident(
        incident_id=uuid4(),
        decision_id=uuid4(),
        revision=0,
        owner_key=alarm.resource.owner_key,
        account=alarm.resource.account,
        region=alarm.resource.region,
        resource=f"{alarm.resource.type} {alarm.resource.id}",
        alarm=alarm.key.name,
        family=metric_family(alarm),
        opened_at=opened_at,
        decided_at=opened_at + timedelta(seconds=14 + number),
        verdict="needs_approval",
        cause="More work arrived than the present capacity could serve.",
        confidence=8,
        action="investigate",
    )
