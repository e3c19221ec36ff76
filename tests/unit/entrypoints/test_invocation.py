import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from acting_service import Site, Worker, delivery_of, served, service_alarm
from memory_queue import MemoryQueue

from autocloudops.audit.record import Outcome
from autocloudops.decisions.claims import ClaimState
from autocloudops.entrypoints.invocation import Invocation, times
from autocloudops.errors import ServiceUnavailable
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


def test_a_follow_up_in_a_batch_goes_to_what_acts() -> None:
    """An id is looked after, and everything else in the batch takes the way of alarms; all of it is answered."""

    async def test(site: Site, worker: Worker, queue: MemoryQueue) -> None:
        (claim,) = await site.world.ledger.unfinished()
        messages = batch(str(claim.claim_id), service_alarm("carts", service="carts-api"), "{")
        assert await invocation(worker, queue).answer(messages) == []
        assert claim.claim_id in {claim_id for claim_id, _ in site.reminders.sent}
        assert [body for body, _ in queue.parked] == ["{"]
        outcomes = [line.outcome for line in await site.lines()]
        assert sorted(outcomes) == [Outcome.DECIDED, Outcome.DECIDED, Outcome.PARKED]

    invoked(test)


def test_a_follow_up_that_fails_comes_again_alone() -> None:
    """What cannot be reached for a follow-up keeps no alarm waiting."""

    async def test(site: Site, worker: Worker, queue: MemoryQueue) -> None:
        (claim,) = await site.world.ledger.unfinished()
        site.reminders.down = DOWN
        messages = batch(str(claim.claim_id), "{")
        assert await invocation(worker, queue).answer(messages) == messages[:1]

    invoked(test)


def test_without_anything_that_acts_an_id_is_parked() -> None:
    """A function that does nothing takes a follow-up for what it is there: a body that no alarm has."""

    async def test(_: Site, worker: Worker, queue: MemoryQueue) -> None:
        follow_up = str(uuid4())
        assert await invocation(worker, queue, acts=False).answer(batch(follow_up)) == []
        assert [body for body, _ in queue.parked] == [follow_up]

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
