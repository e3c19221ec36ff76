"""Grouping under random alarms: out of order, repeated, asked about or not, with a composite over two owners."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from memory_audit import MemoryObjects
from virtual_time import START, VirtualClock, VirtualTimeLoop
from worlds import Model, Told, World

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, Metric, ResourceRef
from autocloudops.audit.writer import AuditWriter
from autocloudops.decisions.model import Policy
from autocloudops.entrypoints.wiring import gatekeeper_of
from autocloudops.incidents.grouping import change_of
from autocloudops.incidents.model import Change, Incident, IncidentStatus, Joins, Reopens, Repeats
from autocloudops.incidents.relatives import child_keys
from autocloudops.incidents.store import IncidentStore
from autocloudops.investigation import Investigator
from autocloudops.pipeline import Asking, Pipeline, Rooms
from autocloudops.settings import SnsSettings

T = TypeVar("T")
ACCOUNT, REGION = "111122223333", "eu-west-1"
OWNERS = {"cpu": "svc/b", "either": "alarm/either"} | dict.fromkeys(("reads", "writes", "locks", "disk"), "db/a")
CHILDREN = ("reads", "cpu")
MOST_REVISIONS = 3
MINUTE = timedelta(seconds=60)


def alarm(name: str, state: AlarmState, seconds: float) -> Alarm:
    """Return a state change of one of the few alarms; `either` is a composite alarm over two owners."""
    composite = name == "either"
    return Alarm(
        key=AlarmKey(account=ACCOUNT, region=REGION, name=name),
        state=state,
        at=START + timedelta(seconds=seconds),
        kind=AlarmKind.COMPOSITE if composite else AlarmKind.METRIC,
        shape="test",
        resource=ResourceRef(type="thing", id=name, account=ACCOUNT, region=REGION, owner=OWNERS[name]),
        raw_sha256="0",
        metric=None if composite else Metric(namespace="Test", name=name),
        children=tuple(f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{each}" for each in CHILDREN if composite),
    )


async def pipeline_on(store: IncidentStore) -> Pipeline:
    """Return a pipeline that places alarms in a store."""
    clock = VirtualClock()
    rooms = Rooms(incidents=store, audit=AuditWriter(MemoryObjects(), clock), notifier=Told(), clock=clock)
    investigator = Investigator(Model(), Policy(), clock, timedelta(seconds=60))
    return Pipeline(rooms, Asking(rooms, investigator, "test"), gatekeeper_of(SnsSettings(), clock))


class Grouping(RuleBasedStateMachine):
    """Alarms arrive at a pipeline in any order, and incidents are decided now and then."""

    durable = False

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self._store = World(durable=self.durable).store()
        self._pipeline = self._run(pipeline_on(self._store))
        self._arrived: list[tuple[Alarm, Change]] = []

    def teardown(self) -> None:
        """Close the loop."""
        self._runner.close()

    def _run(self, main: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(main)

    @rule(
        name=st.sampled_from(sorted(OWNERS)), state=st.sampled_from(AlarmState), ago=st.sampled_from((0, 0, 1, 3, 40))
    )
    def arrives(self, name: str, state: AlarmState, ago: int) -> None:
        """A change arrives some half minutes after it happened."""
        self._place(alarm(name, state, int(self._runner.get_loop().time()) - 30 * ago))

    @precondition(lambda self: self._arrived)
    @rule(which=st.integers(0, 10**6))
    def repeats(self, which: int) -> None:
        """A change arrives again."""
        self._place(self._arrived[which % len(self._arrived)][0])

    def _place(self, each: Alarm) -> None:
        before = self._incidents()
        placement = self._run(self._pipeline._place(each)).placement
        assert placement, "nobody else counts"
        known = each.event_id in {alarm.event_id for alarm, _ in self._arrived}
        assert isinstance(placement, Repeats) is known
        if known:
            return
        if isinstance(placement, Reopens) or (isinstance(placement, Joins) and not placement.late):
            assert placement.incident_id
            assert not before[placement.incident_id].resolved, "a resolved incident absorbed an alarm"
        self._arrived.append((each, change_of(each, placement)))

    @rule(minutes=st.sampled_from((1, 2, 16)))
    def time_passes(self, minutes: int) -> None:
        """Nothing happens for a while."""
        self._run(asyncio.sleep(minutes * 60))

    @rule(suppressed_minutes=st.none() | st.integers(0, 30))
    def somebody_decides(self, suppressed_minutes: int | None) -> None:
        """Every incident that waits is asked about and decided, or found to be suppressed for a while."""
        self._run(self._decide(suppressed_minutes))

    async def _decide(self, suppressed_minutes: int | None) -> None:
        now = VirtualClock().now()
        until = None if suppressed_minutes is None else now + suppressed_minutes * MINUTE
        for incident in await self._store.unfinished():
            if incident.status is IncidentStatus.DECIDED:
                continue
            asked = await self._store.claim(incident.incident_id, "test", MINUTE, now)
            assert asked
            answered = asked.model_copy(update={"suppressed_until": until, "asked_families": asked.families})
            assert await self._store.settle(answered, UUID(int=1), "sha", now)

    def _incidents(self) -> dict[UUID, Incident]:
        ids = {change.incident_id for _, change in self._arrived if change.incident_id}
        found = [self._run(self._store.incident(each)) for each in ids]
        assert all(found)
        return {incident.incident_id: incident for incident in found if incident}

    @invariant()
    def it_is_asked_at_most_three_times_more(self) -> None:
        """No incident has a fourth revision."""
        assert all(incident.revision <= MOST_REVISIONS for incident in self._incidents().values())

    @invariant()
    def members_share_the_owner_or_are_relatives(self) -> None:
        """Whoever is in an incident has its owner or that of a member that a composite alarm ties to it, or is one."""
        members: defaultdict[UUID, list[Alarm]] = defaultdict(list)
        for each, change in self._arrived:
            if change.incident_id:
                members[change.incident_id].append(each)
        for incident_id, incident in self._incidents().items():
            related = {
                key for each in members[incident_id] for key in (each.key, *child_keys(each)) if child_keys(each)
            }
            tied = {each.resource.owner_key for each in members[incident_id] if each.key in related}
            owners = {incident.owner_key, *tied}
            assert all(each.resource.owner_key in owners for each in members[incident_id])

    @invariant()
    def every_change_is_recorded_once(self) -> None:
        """Each key's history holds what arrived of it, each once, with the incident that it was placed in."""
        for name in OWNERS:
            key = alarm(name, AlarmState.OK, 0).key
            recorded = self._run(self._store.history(key, START - timedelta(days=1))).changes
            arrived = [change for each, change in self._arrived if each.key == key]
            assert sorted(map(str, recorded)) == sorted(map(str, arrived))

    @invariant()
    def firing_counts_keys_with_a_running_episode(self) -> None:
        """An incident's firing alarms are the keys whose newest turn is an ALARM in it."""
        newest: dict[AlarmKey, Change] = {}
        for each, change in sorted(
            self._arrived, key=lambda arrived: (arrived[1].at, arrived[1].state is AlarmState.OK)
        ):
            if each.state is not AlarmState.INSUFFICIENT_DATA:
                newest[each.key] = change
        running = Counter(change.incident_id for change in newest.values() if change.state is AlarmState.ALARM)
        assert {key: incident.firing for key, incident in self._incidents().items()} == {
            key: running[key] for key in self._incidents()
        }


class GroupingInTable(Grouping):
    """The same with incidents in the state table."""

    durable = True


MACHINES = pytest.mark.parametrize("machine", [Grouping, GroupingInTable])


@MACHINES
def test_grouping_holds_whatever_arrives(machine: type[Grouping]) -> None:
    """Random alarms in random order: nobody joins a resolved incident, counts are right, revisions are bounded."""
    bounds = settings(max_examples=40, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(machine, settings=bounds)


@pytest.mark.soak
@MACHINES
def test_grouping_holds_for_long(machine: type[Grouping]) -> None:
    """The same for more and longer stories."""
    bounds = settings(max_examples=1_000, stateful_step_count=50, deadline=None)
    run_state_machine_as_test(machine, settings=bounds)
