import asyncio
from datetime import timedelta

from acting_service import Site, Worker, served, service_alarm
from triage import reply
from virtual_time import START, VirtualClock, run

from autocloudops.audit.record import Outcome, StoredRecord
from autocloudops.decisions.model import Verdict
from autocloudops.incidents.circumstances import STORM_RESOURCES
from autocloudops.incidents.silence import Silence
from autocloudops.material import SHOWN_ALARMS

RESTED_SECONDS = 70.0
OVER_SECONDS = 130.0


def quiet_site() -> Site:
    """Return a site whose model never proposes anything that could be done."""
    return Site(says=reply(action="investigate"))


async def storm(worker: Worker, resources: int, seconds: float) -> None:
    """Let services alarm at once, each an owner of its own."""
    bodies = [service_alarm(f"cpu-{n}", seconds=seconds, service=f"service-{n}") for n in range(resources)]
    await asyncio.gather(*(worker.receive(body) for body in bodies))


async def other_kind(worker: Worker, name: str, metric: str, seconds: float) -> None:
    """Let the first service show another kind of trouble."""
    await worker.receive(service_alarm(name, seconds=seconds, metric=metric))


def outcome_of(site: Site, name: str) -> StoredRecord:
    """Return the line about an alarm."""
    (line,) = [line for line in run(site.lines()) if line.alarm and line.alarm.key.name == name]
    return line


def test_in_a_storm_news_joins_and_asks_nothing() -> None:
    """An incident that was asked about takes another kind of trouble as a member; every new owner is still asked."""

    async def test(site: Site, worker: Worker) -> None:
        await worker.receive(service_alarm())
        await asyncio.sleep(RESTED_SECONDS)
        await storm(worker, STORM_RESOURCES, RESTED_SECONDS)
        assert len(site.model.questions) == 1 + STORM_RESOURCES
        await other_kind(worker, "orders-memory", "MemoryUtilization", RESTED_SECONDS + 5)
        assert len(site.model.questions) == 1 + STORM_RESOURCES

    site = served(test, quiet_site())
    joined = outcome_of(site, "orders-memory")
    assert joined.outcome is Outcome.JOINED
    assert joined.incident_id == outcome_of(site, "orders-cpu").incident_id


def test_one_resource_fewer_is_no_storm() -> None:
    """Below the bound another kind of trouble asks again, as it does on any day."""

    async def test(site: Site, worker: Worker) -> None:
        await worker.receive(service_alarm())
        await asyncio.sleep(RESTED_SECONDS * 2)
        await storm(worker, STORM_RESOURCES - 1, RESTED_SECONDS * 2)
        await other_kind(worker, "orders-memory", "MemoryUtilization", RESTED_SECONDS * 2 + 5)
        assert len(site.model.questions) == 1 + STORM_RESOURCES

    site = served(test, quiet_site())
    assert outcome_of(site, "orders-memory").outcome is Outcome.DECIDED


def test_after_the_storm_news_asks_again_and_shows_what_joined() -> None:
    """The first new kind after it asks, and its question shows the one that only joined."""

    async def test(site: Site, worker: Worker) -> None:
        await worker.receive(service_alarm())
        await asyncio.sleep(RESTED_SECONDS)
        await storm(worker, STORM_RESOURCES, RESTED_SECONDS)
        await other_kind(worker, "orders-memory", "MemoryUtilization", RESTED_SECONDS + 5)
        await asyncio.sleep(OVER_SECONDS)
        await other_kind(worker, "orders-errors", "HTTPCode_Target_5XX_Count", RESTED_SECONDS + OVER_SECONDS)
        assert len(site.model.questions) == 2 + STORM_RESOURCES
        assert "orders-memory" in site.model.questions[-1]

    site = served(test, quiet_site())
    asked = outcome_of(site, "orders-errors")
    assert asked.outcome is Outcome.DECIDED
    assert asked.decision
    assert asked.decision.revision == 1


def test_a_storm_asks_what_was_never_asked() -> None:
    """An incident that was silenced gets its first question, whatever else alarms then."""

    async def test(site: Site, worker: Worker) -> None:
        owner = "012345678901/eu-central-1/ecs-service/shop/orders-api"
        until = START + timedelta(seconds=RESTED_SECONDS)
        await site.incidents.silence(
            Silence(owner_key=owner, since=START, until=until, reason="a deployment", by="ana")
        )
        await worker.receive(service_alarm())
        assert site.model.questions == []
        await asyncio.sleep(RESTED_SECONDS + 1)
        await storm(worker, STORM_RESOURCES, RESTED_SECONDS)
        await other_kind(worker, "orders-memory", "MemoryUtilization", RESTED_SECONDS + 5)
        assert len(site.model.questions) == 1 + STORM_RESOURCES
        assert (VirtualClock().now() - until).total_seconds() < OVER_SECONDS

    site = served(test, quiet_site())
    first, second = outcome_of(site, "orders-cpu").decision, outcome_of(site, "orders-memory").decision
    assert first
    assert second
    assert (first.verdict, second.revision) == (Verdict.SUPPRESSED, 1)


def test_kinds_that_a_question_leaves_out_reach_the_gates() -> None:
    """An alarm that the prompt has no room for caps its decision at approval, which names what was not shown."""
    names = [f"Custom{number}" for number in range(SHOWN_ALARMS + 1)]

    async def test(_: Site, worker: Worker) -> None:
        first = asyncio.create_task(worker.receive(service_alarm()))
        await asyncio.sleep(0.1)
        await asyncio.gather(first, *(other_kind(worker, f"orders-{name}", name, 0.1) for name in names))

    site = served(test)
    decision = outcome_of(site, "orders-cpu").decision
    assert decision
    (gate,) = [gate for gate in decision.gates if gate.name == "shown"]
    assert gate.verdict is Verdict.NEEDS_APPROVAL
    assert "AWS/ECS/Custom" in gate.reason
    assert site.effects == 0
