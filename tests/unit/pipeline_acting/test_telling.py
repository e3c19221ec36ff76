import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from acting_service import Site, Worker, served, service_alarm
from fake_automation import Interruptions
from virtual_time import VirtualClock, run

from autocloudops.audit.record import Outcome
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.errors import ServiceUnavailable
from autocloudops.incidents.model import Windows
from autocloudops.incidents.silence import Silence
from autocloudops.queue.endings import Done

DOWN = ServiceUnavailable("sns:Publish", "topic", "down")
METRICS = ("CPUUtilization", "CPUReservation", "MemoryUtilization", "MemoryReservation")
APART_SECONDS = 100
LEASE_SECONDS = ClaimLimits().lease.total_seconds()
MOST_STEPS = 14
MOST_KEPT_BYTES = 100_000
"""A quarter of what one item may hold: the bounds of each line are in characters, of four bytes at most."""


async def asked(worker: Worker, number: int) -> None:
    """Let one alarm arrive that brings a new metric, and so asks."""
    metric = METRICS[number]
    assert isinstance(await worker.receive(service_alarm(f"orders-{metric}", metric=metric)), Done)


async def swept(worker: Worker) -> None:
    """Let some time go by, and a worker look after what was left."""
    for _ in range(3):
        await asyncio.sleep(LEASE_SECONDS)
        await worker.asking.sweep()


def decided(site: Site) -> int:
    """Return how many decisions the audit keeps."""
    return sum(line.outcome is Outcome.DECIDED for line in run(site.lines()))


def test_a_decision_that_nobody_heard_of_is_told_before_the_next_one() -> None:
    """While the topic is down two questions are decided: once it is back people hear of both, the first one first."""

    async def twice(site: Site, worker: Worker) -> None:
        site.topic.down = DOWN
        await asked(worker, 0)
        await asyncio.sleep(APART_SECONDS)
        await asked(worker, 1)
        site.topic.down = None
        await swept(worker)

    site = served(twice)
    assert (decided(site), site.effects) == (2, 1)
    first, second = site.topic.actions
    assert first.startswith("started as execution")
    assert "duplicate: claimed at " in second


def test_as_many_decisions_as_an_incident_may_have_are_kept_and_told() -> None:
    """Each question of an incident may be decided unheard: all of them are told, once, in order, from one item."""
    assert len(METRICS) == Windows().revisions + 1

    async def often(site: Site, worker: Worker) -> None:
        site.topic.down = DOWN
        for number in range(len(METRICS)):
            await asked(worker, number)
            await asyncio.sleep(APART_SECONDS)
        site.topic.down = None
        await swept(worker)

    site = served(often)
    times = [each.text.splitlines()[1] for each in site.topic.told]
    assert len(times) == len(METRICS)
    assert times == sorted(set(times))
    _, kept = site.incidents.settled[-1]
    assert kept is not None
    assert len(kept.encode()) < MOST_KEPT_BYTES


def test_a_suppressed_decision_leaves_what_nobody_heard_of() -> None:
    """Of a question under a silence nobody is told, and of the decision before it people still are."""

    async def silenced(site: Site, worker: Worker) -> None:
        site.topic.down = DOWN
        await asked(worker, 0)
        await asyncio.sleep(APART_SECONDS)
        (standing,), now = await site.incidents.unfinished(), VirtualClock().now()
        until = now + timedelta(hours=1)
        await site.incidents.silence(
            Silence(owner_key=standing.owner_key, since=now, until=until, reason="a test", by="ana")
        )
        await asked(worker, 1)
        site.topic.down = None
        await swept(worker)

    site = served(silenced)
    verdicts = [line.decision.verdict for line in run(site.lines()) if line.decision and not line.note]
    assert sorted(verdicts) == [Verdict.EXECUTE, Verdict.SUPPRESSED]
    (said,) = site.topic.told
    assert said.attributes["verdict"] == Verdict.EXECUTE
    assert site.topic.actions[0].startswith("started as execution")


def mortal(call: Callable[..., Awaitable[Any]], gone: Interruptions) -> Callable[..., Awaitable[Any]]:
    """Return a call before and after which its worker may be gone."""

    async def called(*given: object) -> object:
        gone.point()
        answer = await call(*given)
        gone.point()
        return answer

    return called


def watched(site: Site, gone: Interruptions) -> None:
    """Let a worker be gone at any call that keeps, reads, tells or forgets a notice."""
    for holder, name in (
        (site.incidents, "notice"),
        (site.incidents, "settle"),
        (site.incidents, "told"),
        (site.topic, "tell"),
    ):
        setattr(holder, name, mortal(getattr(holder, name), gone))


async def left_twice(site: Site, gone: Interruptions, *, down: bool) -> None:
    """Let a worker die before it begins or tells anything, a second one at some call, and a third one sweep."""
    await site.world.switch(Mode.ACTIVE)
    async with site.working("first", Interruptions(at=1)) as worker:
        with suppress(asyncio.CancelledError):
            await asked(worker, 0)
    await asyncio.sleep(APART_SECONDS)
    site.topic.down = DOWN if down else None
    watched(site, gone)
    async with site.working("second") as worker:
        with suppress(asyncio.CancelledError):
            await asked(worker, 1)
    gone.at, site.topic.down = 0, None
    async with site.working("third") as worker:
        await swept(worker)


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("step", range(1, MOST_STEPS + 1))
def test_a_worker_that_dies_over_the_next_decision_loses_neither(step: int, down: bool) -> None:
    """Wherever it was by then, the first decision is begun once and told, and after it the second one is."""
    site = Site()
    run(left_twice(site, Interruptions(at=step), down=down))
    assert site.effects == 1
    assert site.topic.actions[0].startswith("started as execution")
    assert "duplicate: claimed at " in site.topic.actions[-1]


@pytest.mark.parametrize(("down", "steps"), [(False, MOST_STEPS), (True, MOST_STEPS - 2)])
def test_the_last_step_is_among_those(down: bool, steps: int) -> None:
    """The steps of the test before this one reach to the last call of a worker that lives."""
    gone = Interruptions()
    run(left_twice(Site(), gone, down=down))
    assert gone.seen >= steps
