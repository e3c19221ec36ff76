"""Incidents of one alarm or a few, for contract tests of their stores."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, Metric, ResourceRef
from autocloudops.clock import SystemClock
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import Incident, Opens, Placement, Repeats, Windows
from autocloudops.incidents.store import IncidentStore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOWS = Windows()


class PassingClock(SystemClock):
    """A clock whose wall time began at noon and goes on: members are kept in the order in which they came."""

    def __init__(self) -> None:
        self._begun = self.monotonic()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.monotonic() - self._begun)


def alarm(
    name: str = "cpu", state: AlarmState = AlarmState.ALARM, seconds: float = 0, metric: str = "CPUUtilization"
) -> Alarm:
    """Return a state change of one alarm of one owner."""
    return Alarm(
        key=AlarmKey(account="111122223333", region="eu-west-1", name=name),
        state=state,
        at=NOON + timedelta(seconds=seconds),
        kind=AlarmKind.METRIC,
        shape="test",
        resource=ResourceRef(type="svc", id="a", account="111122223333", region="eu-west-1", owner="svc/a"),
        raw_sha256="0",
        metric=Metric(namespace="AWS/ECS", name=metric),
    )


async def admit(store: IncidentStore, each: Alarm) -> Placement:
    """Place an alarm as the pipeline does."""
    while True:
        history = await store.history(each.key, each.at)
        placement = place(each, history, await store.current(each.resource.owner_key), WINDOWS, NOON)
        if isinstance(placement, Repeats) or await store.record(each, placement, history, NOON):
            return placement


async def opened(store: IncidentStore) -> Incident:
    """Open an incident."""
    placement = await admit(store, alarm())
    assert isinstance(placement, Opens)
    return placement.incident


async def decided(store: IncidentStore, incident: Incident, at: datetime = NOON) -> None:
    """Ask and decide about an incident."""
    asked = await store.claim(incident.incident_id, "a", timedelta(seconds=60), at)
    assert asked is not None
    answered = asked.model_copy(update={"asked_families": asked.families})
    assert await store.settle(answered, UUID(int=1), "sha", at)
