import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch
from uuid import uuid4

import pytest
from acting_service import Site, Worker, delivery_of, served, service_alarm
from memory_queue import MemoryQueue

from autocloudops.audit.record import Outcome
from autocloudops.decisions.claims import ClaimState
from autocloudops.entrypoints.invocation import Invocation, times
from autocloudops.errors import AuditConflict, ServiceUnavailable
from autocloudops.queue.client import Delivery, QueueClient

FUNCTION_SECONDS, MARGIN_SECONDS = 60.0, 15.0
RETRY = timedelta(seconds=60)
DOWN = ServiceUnavailable("ssm:GetAutomationExecution", "execution", "no answer")


def invocation(worker: Worker, queue: QueueClient, *, acts: bool = True) -> Invocation:
    """Return an invocation of a function that shares everything with a worker."""
    service = worker.service
    if not acts:
        service = service._replace(rooms=replace(service.rooms, acting=None))
    ends = times(asyncio.get_running_loop().time(), FUNCTION_SECONDS, MARGIN_SECONDS)
    return Invocation(service, queue, "a function", ends, RETRY)


def batch(*bodies: str) -> list[Delivery]:
    """Return a batch of messages, m0, m1 and so on."""
    return [delivery_of(body).model_copy(update={"message_id": f"m{number}"}) for number, body in enumerate(bodies)]


def invoked(test: Callable[[Site, Worker, MemoryQueue], Awaitable[None]]) -> None:
    """Run a test in a world whose one claim has a call without an answer."""

    async def body(site: Site, worker: Worker) -> None:
        site.world.automation.loses = 2
        await worker.receive(service_alarm())
        site.reminders.sent.clear()
        await test(site, worker, MemoryQueue())

    served(body)


def test_follow_ups_go_to_what_acts() -> None:
    """An id is looked after, and a body that is none is parked: no alarm comes from the queue of follow-ups."""

    async def test(site: Site, worker: Worker, queue: MemoryQueue) -> None:
        (claim,) = await site.world.ledger.unfinished()
        forged = service_alarm("carts", service="carts-api")
        assert await invocation(worker, queue).follow(batch(str(claim.claim_id), forged)) == []
        assert claim.claim_id in {claim_id for claim_id, _ in site.reminders.sent}
        assert queue.parked == [(forged, "no_follow_up")]
        assert [line.outcome for line in await site.lines()] == [Outcome.DECIDED]

    invoked(test)


def test_an_id_among_alarms_is_no_follow_up() -> None:
    """Whoever may send alarms brings no action on: what is no alarm is parked, whatever it looks like."""

    async def test(site: Site, worker: Worker, queue: MemoryQueue) -> None:
        (claim,) = await site.world.ledger.unfinished()
        assert await invocation(worker, queue).answer(batch(str(claim.claim_id))) == []
        assert [body for body, _ in queue.parked] == [str(claim.claim_id)]
        assert site.reminders.sent == []

    invoked(test)


def test_a_follow_up_that_fails_comes_again_alone() -> None:
    """What cannot be reached for one follow-up keeps no other waiting."""

    async def test(site: Site, worker: Worker, queue: MemoryQueue) -> None:
        (claim,) = await site.world.ledger.unfinished()
        site.reminders.down = DOWN
        messages = batch(str(claim.claim_id), "{")
        assert await invocation(worker, queue).follow(messages) == messages[:1]

    invoked(test)


def test_without_anything_that_acts_follow_ups_wait_for_somebody_who_does() -> None:
    """A function that does nothing, behind the queue of follow-ups by mistake, ends no action's way."""

    async def test(_: Site, worker: Worker, queue: MemoryQueue) -> None:
        messages = batch(str(uuid4()))
        assert await invocation(worker, queue, acts=False).follow(messages) == messages
        assert queue.parked == []

    invoked(test)


def test_a_sweep_brings_on_incidents_and_actions() -> None:
    """The schedule's call finds out what became of a call without an answer, and lets it be followed up."""

    async def test(site: Site, worker: Worker, queue: MemoryQueue) -> None:
        (claim,) = await site.world.ledger.unfinished()
        assert claim.state is ClaimState.INTENT
        await asyncio.sleep((claim.lease_until - claim.claimed_at).total_seconds() + 1)
        await invocation(worker, queue).sweep()
        (found,) = await site.world.ledger.unfinished()
        assert found.state in {ClaimState.STARTED, ClaimState.DONE}
        assert site.reminders.sent == [(claim.claim_id, timedelta())]
        assert site.effects == 1

    invoked(test)


def test_a_sweep_brings_no_actions_on_where_nothing_acts() -> None:
    """A function without a queue of follow-ups leaves claims to those who have one."""

    async def test(site: Site, worker: Worker, queue: MemoryQueue) -> None:
        called = list(site.world.automation.called)
        await asyncio.sleep(600)
        await invocation(worker, queue, acts=False).sweep()
        assert site.world.automation.called == called

    invoked(test)


def test_a_sweep_and_an_audit_that_fail_together_are_both_told() -> None:
    """Neither error of an invocation is one that nobody hears of."""

    async def test(_: Site, worker: Worker, queue: MemoryQueue) -> None:
        async def down() -> None:
            raise DOWN

        async def conflict() -> None:
            raise AuditConflict("audit/1 holds somebody else's bytes")

        unheard: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context["message"]))
        measuring = replace(worker, service=worker.service._replace(measure=down))
        sweeping = invocation(measuring, queue)
        with patch.object(worker.service.rooms.audit, "flush", conflict), pytest.raises(ServiceUnavailable) as raised:
            await sweeping.sweep()
        assert isinstance(raised.value.__context__, AuditConflict)
        del sweeping, raised
        gc.collect()
        assert unheard == []

    invoked(test)
