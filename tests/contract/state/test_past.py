from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock
from uuid import UUID

import pytest
from state_tables import new_table

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, Metric, ResourceRef
from autocloudops.clock import SystemClock
from autocloudops.entrypoints.wiring import open_table
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import Incident, Opens, Placement, Windows
from autocloudops.incidents.past import Judgement, Label, Nearby, PastIncident, metric_family
from autocloudops.state.dynamodb import DynamoIncidents
from autocloudops.state.nearby import DynamoNearby
from autocloudops.state.past import DynamoPast

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "eu-west-1"
NOBODY = UUID(int=0)


class MovedClock(SystemClock):
    """A clock that runs, while its wall time stands where a test puts it."""

    at = NOON

    def now(self) -> datetime:
        return self.at


@dataclass
class Stores:
    """What writes incidents, and what remembers them, over one table."""

    incidents: DynamoIncidents
    past: DynamoPast
    nearby: DynamoNearby
    clock: MovedClock

    async def admit(self, each: Alarm) -> Placement:
        """Place an alarm as the pipeline does, at its own time."""
        self.clock.at = each.at
        while True:
            history = await self.incidents.history(each.key, each.at)
            current = await self.incidents.current(each.resource.owner_key)
            placement = place(each, history, current, Windows(), each.at)
            if await self.incidents.record(each, placement, history, each.at):
                return placement

    async def opened(self, each: Alarm) -> Incident:
        """Open an incident."""
        placement = await self.admit(each)
        assert isinstance(placement, Opens)
        return placement.incident

    async def of_owner(self, owner_key: str, most: int) -> Sequence[PastIncident]:
        """Return what is remembered of an owner."""
        return await self.past.of_ids(await self.past.of_owner(owner_key, NOBODY, most))

    async def near(self, but: UUID = NOBODY, minutes: float = 15) -> Nearby:
        """Return what alarms in the tests' account and region."""
        return await self.nearby.nearby(ACCOUNT, REGION, self.clock.at - timedelta(minutes=minutes), but)


@pytest.fixture
async def stores(emulator: str, stack: AsyncExitStack) -> Stores:
    """Return the stores over a table of this test's own, on each emulator in turn."""
    assert emulator
    client, clock = await open_table(stack), MovedClock()
    table = await new_table(client)
    incidents = DynamoIncidents(client, table, clock)
    stack.push_async_callback(incidents.aclose)
    return Stores(incidents, DynamoPast(client, table, clock), DynamoNearby(client, table, clock), clock)


def alarm(
    owner: str = "orders", minutes: float = 0, state: AlarmState = AlarmState.ALARM, region: str = REGION
) -> Alarm:
    """Return a state change of the alarm of one owner, some minutes after noon."""
    return Alarm(
        key=AlarmKey(account=ACCOUNT, region=region, name=f"{owner}-cpu"),
        state=state,
        at=NOON + timedelta(minutes=minutes),
        kind=AlarmKind.METRIC,
        shape="test",
        resource=ResourceRef(type="svc", id=owner, account=ACCOUNT, region=region, owner=f"svc/{owner}"),
        raw_sha256="0",
        metric=Metric(namespace="AWS/ECS", name="CPUUtilization"),
    )


def decided(incident: Incident, revision: int = 0, **changes: object) -> PastIncident:
    """Return what is remembered of an incident."""
    values: dict[str, object] = {
        "incident_id": incident.incident_id,
        "decision_id": UUID(int=revision + 1),
        "revision": revision,
        "owner_key": incident.owner_key,
        "account": ACCOUNT,
        "region": REGION,
        "resource": "svc orders",
        "alarm": "orders-cpu",
        "family": metric_family(alarm()),
        "opened_at": incident.opened_at,
        "decided_at": incident.opened_at + timedelta(seconds=14),
        "verdict": "dry_run",
        "cause": "too many orders",
    }
    return PastIncident.model_validate(values | changes)


def label(judgement: Judgement, note: str = "") -> Label:
    """Return what a person says of a first decision."""
    return Label(judgement=judgement, by="ana", at=NOON, decision_id=UUID(int=1), note=note)


async def test_what_was_decided_is_found_by_owner_and_by_metric(stores: Stores) -> None:
    """The owner's incidents come newest first and without the one that is asked about; its metric finds others' too."""
    first = await stores.opened(alarm())
    await stores.admit(alarm(minutes=4, state=AlarmState.OK))
    await stores.past.keep(decided(first))
    second = await stores.opened(alarm(minutes=60))
    await stores.past.keep(decided(second))
    other = await stores.opened(alarm("carts", minutes=61))
    await stores.past.keep(decided(other))
    own = await stores.past.of_owner(first.owner_key, NOBODY, 3)
    assert own == (second.incident_id, first.incident_id)
    assert await stores.past.of_owner(first.owner_key, second.incident_id, 1) == (first.incident_id,)
    family = metric_family(alarm()) or ""
    similar = await stores.past.of_family(ACCOUNT, family, NOBODY, 2)
    assert similar == (other.incident_id, second.incident_id)
    assert await stores.past.of_family("444455556666", family, NOBODY, 3) == ()
    asked = (other.incident_id, NOBODY, *own, other.incident_id)
    assert [each.incident_id for each in await stores.past.of_ids(asked)] == [other.incident_id, *own]


async def test_the_outcome_is_when_its_alarm_cleared(stores: Stores) -> None:
    """An incident whose first alarm returned to OK says when, and one that still fires does not."""
    opened = await stores.opened(alarm())
    await stores.past.keep(decided(opened))
    assert [each.cleared_at for each in await stores.of_owner(opened.owner_key, 1)] == [None]
    await stores.admit(alarm(minutes=4, state=AlarmState.OK))
    cleared = NOON + timedelta(minutes=4)
    assert [each.cleared_at for each in await stores.of_owner(opened.owner_key, 1)] == [cleared]


async def test_the_outcome_outlives_its_state_changes(stores: Stores) -> None:
    """When the next incident of an owner is decided, what came of the one before is written down for good."""
    first = await stores.opened(alarm())
    await stores.past.keep(decided(first))
    await stores.past.label(first.incident_id, label(Judgement.RIGHT))
    await stores.admit(alarm(minutes=4, state=AlarmState.OK))
    second = await stores.opened(alarm(minutes=60))
    await stores.past.keep(decided(second), previous=second.previous)
    stores.clock.at = NOON + timedelta(days=60)
    newer, older = await stores.of_owner(first.owner_key, 2)
    assert older.cleared_at == NOON + timedelta(minutes=4)
    assert len(older.labels) == 1
    assert newer.cleared_at is None


async def test_the_outcome_takes_no_later_decision_away(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision about an incident that is kept while its outcome is written down stands, and so do labels."""
    first = await stores.opened(alarm())
    await stores.past.keep(decided(first))
    await stores.admit(alarm(minutes=4, state=AlarmState.OK))
    second = await stores.opened(alarm(minutes=60))
    read = stores.past.of_ids

    async def overtaken(ids: Sequence[UUID]) -> Sequence[PastIncident]:
        found = await read(ids)
        await stores.past.keep(decided(first, revision=1, cause="a cold cache"))
        await stores.past.label(first.incident_id, label(Judgement.RIGHT))
        return found

    monkeypatch.setattr(stores.past, "of_ids", overtaken)
    await stores.past.keep(decided(second), previous=second.previous)
    monkeypatch.undo()
    stores.clock.at = NOON + timedelta(days=60)
    (older,) = await stores.past.named(str(first.incident_id))
    assert (older.revision, older.cause) == (1, "a cold cache")
    assert older.cleared_at == NOON + timedelta(minutes=4)
    assert len(older.labels) == 1


async def test_a_later_decision_takes_no_outcome_away(stores: Stores) -> None:
    """When an incident cleared is known for good, whatever else is decided about it after that was written down."""
    first = await stores.opened(alarm())
    await stores.past.keep(decided(first))
    await stores.admit(alarm(minutes=4, state=AlarmState.OK))
    second = await stores.opened(alarm(minutes=60))
    await stores.past.keep(decided(second), previous=second.previous)
    await stores.past.keep(decided(first, revision=1))
    stores.clock.at = NOON + timedelta(days=60)
    (older,) = await stores.past.named(str(first.incident_id))
    assert (older.revision, older.cleared_at) == (1, NOON + timedelta(minutes=4))


async def test_an_outcome_that_was_written_into_its_decision_is_read(stores: Stores) -> None:
    """Earlier versions kept when an incident cleared in what they kept of its decision: that still counts."""
    opened, cleared = await stores.opened(alarm()), NOON + timedelta(minutes=4)
    await stores.past.keep(decided(opened, cleared_at=cleared))
    assert [each.cleared_at for each in await stores.of_owner(opened.owner_key, 1)] == [cleared]


async def test_an_outcome_stands_in_no_item_of_its_own(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an incident is forgotten while its outcome is written down, nothing of it comes back."""
    first = await stores.opened(alarm())
    await stores.admit(alarm(minutes=4, state=AlarmState.OK))
    second = await stores.opened(alarm(minutes=60))
    gone = decided(first, cleared_at=NOON + timedelta(minutes=4))
    monkeypatch.setattr(stores.past, "of_ids", AsyncMock(return_value=[gone]))
    await stores.past.keep(decided(second), previous=second.previous)
    assert await stores.past.named(str(first.incident_id)) == []


async def test_a_later_decision_takes_the_place_and_labels_stay(stores: Stores) -> None:
    """An incident that was asked about again is one example, with the last decision and every label."""
    opened = await stores.opened(alarm())
    await stores.past.keep(decided(opened))
    assert await stores.past.label(opened.incident_id, label(Judgement.WRONG_CAUSE, "it was the cache"))
    assert await stores.past.label(opened.incident_id, label(Judgement.NOT_ACTIONABLE))
    await stores.past.keep(decided(opened, revision=1, cause="a cold cache"))
    (found,) = await stores.of_owner(opened.owner_key, 3)
    assert (found.revision, found.cause) == (1, "a cold cache")
    assert {each.judgement for each in found.labels} == {Judgement.WRONG_CAUSE, Judgement.NOT_ACTIONABLE}
    assert {each.judgement for each in found.judged} == {Judgement.NOT_ACTIONABLE}


async def test_a_suppressed_incident_is_no_example(stores: Stores) -> None:
    """What nobody was asked about is not shown to later incidents, but can be labelled."""
    opened = await stores.opened(alarm())
    await stores.past.keep(decided(opened, suppressed=True))
    assert await stores.of_owner(opened.owner_key, 3) == []
    assert await stores.past.label(opened.incident_id, label(Judgement.NOT_ACTIONABLE))


async def test_an_incident_is_named_by_its_first_characters(stores: Stores) -> None:
    """Eight characters or more of an id find it; nothing is labelled that is not remembered."""
    opened = await stores.opened(alarm())
    await stores.past.keep(decided(opened))
    for length in (8, 13, 36):
        found = await stores.past.named(str(opened.incident_id)[:length])
        assert [each.incident_id for each in found] == [opened.incident_id]
    assert await stores.past.named("00000000") == []
    assert not await stores.past.label(NOBODY, label(Judgement.NOT_ACTIONABLE))


async def test_the_past_is_kept_for_400_days(stores: Stores) -> None:
    """What was decided 399 days ago is found, and two days later it is not."""
    opened = await stores.opened(alarm())
    await stores.past.keep(decided(opened))
    stores.clock.at = NOON + timedelta(days=399)
    assert len(await stores.of_owner(opened.owner_key, 3)) == 1
    stores.clock.at = NOON + timedelta(days=401)
    assert await stores.of_owner(opened.owner_key, 3) == []


async def test_open_and_decided_incidents_are_neighbours(stores: Stores) -> None:
    """Incidents that wait for a decision and those that had one are near, with the alarms that opened them."""
    own = await stores.opened(alarm())
    waiting = await stores.opened(alarm("carts", minutes=1))
    done = await stores.opened(alarm("pay", minutes=2))
    await stores.opened(alarm("far", minutes=2, region="us-east-1"))
    asked = await stores.incidents.claim(done.incident_id, "w", timedelta(minutes=1), stores.clock.at)
    assert asked is not None
    assert await stores.incidents.settle(asked, UUID(int=1), "0", stores.clock.at)
    await stores.incidents.finish(asked)
    near = await stores.near(own.incident_id)
    assert [each.incident.incident_id for each in near.neighbours] == [done.incident_id, waiting.incident_id]
    assert [each.opener.key.name for each in near.neighbours if each.opener] == ["pay-cpu", "carts-cpu"]
    assert (near.resources, near.complete) == (3, True)


async def test_what_alarmed_earlier_is_no_neighbour(stores: Stores) -> None:
    """An incident without an alarm in the window is left out, and so are its resources."""
    await stores.opened(alarm("old"))
    await stores.opened(alarm(minutes=30))
    near = await stores.near()
    assert [each.incident.resource.id for each in near.neighbours] == ["orders"]
    assert near.resources == 1


async def test_a_storm_is_read_in_part_and_says_so(stores: Stores) -> None:
    """Of 22 incidents the newest twenty are given, all resources are counted, and it says that there are more."""
    for number in range(22):
        await stores.opened(alarm(f"s{number}", minutes=number / 100))
    near = await stores.near()
    assert len(near.neighbours) == 20
    assert near.neighbours[0].incident.resource.id == "s21"
    assert (near.resources, near.complete) == (22, False)


async def test_what_people_overturned_is_counted_by_day(stores: Stores) -> None:
    """Each incident whose decision somebody called wrong that day counts once, and no other label does."""
    first, second = [await stores.opened(alarm(owner)) for owner in ("orders", "payments")]
    for opened in (first, second):
        await stores.past.keep(decided(opened))
    assert await stores.past.overturned(NOON) == 0
    for judgement in (Judgement.WRONG_CAUSE, Judgement.WRONG_ACTION):
        await stores.past.label(first.incident_id, label(judgement))
    await stores.past.label(second.incident_id, label(Judgement.RIGHT))
    assert await stores.past.overturned(NOON) == 1
    assert await stores.past.overturned(NOON + timedelta(days=1)) == 0
