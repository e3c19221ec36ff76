import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from unittest.mock import AsyncMock, sentinel

import pytest
from virtual_time import VirtualClock, run

from autocloudops.diagnosis.endpoint import Priority
from autocloudops.entrypoints.late import Late, LateInvestigator
from autocloudops.errors import ServiceUnavailable
from autocloudops.inference.concurrency.sample import Sample
from autocloudops.inference.share import Share
from autocloudops.inference.slots import Slots
from autocloudops.investigation import Investigator

UNWANTED = (
    "autocloudops.actions",
    "autocloudops.cli",
    "autocloudops.diagnosis.prompt",
    "autocloudops.incidents.hygiene.rules",
    "autocloudops.inference.reliable",
    "autocloudops.investigation",
    "autocloudops.knowledge",
    "autocloudops.sandbox",
    "numpy",
    "rich",
    "typer",
    "yaml",
)


def test_the_handler_imports_nothing_that_its_first_message_does_not_need() -> None:
    """A cold start pays for no command line, no stand-in, no question and no action."""
    script = f"import sys, autocloudops.entrypoints.lambda_handler; print([n for n in {UNWANTED} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"


def test_what_is_late_is_opened_by_the_first_who_wants_it_and_once() -> None:
    """Two at the same moment open one, and a later one opens none."""
    opened: list[object] = []

    async def opener(_: AsyncExitStack) -> object:
        await asyncio.sleep(1)
        opened.append(object())
        return opened[-1]

    async def want() -> Sequence[object]:
        late = Late(AsyncExitStack(), opener)
        assert not opened
        both = await asyncio.gather(late(), late())
        return [*both, await late()]

    assert run(want()) == opened * 3
    assert len(opened) == 1


def test_what_was_opened_before_a_failure_is_closed_at_once() -> None:
    """A second try opens no second set of clients beside a first one that nobody uses; the end closes what is used."""
    open_clients: list[str] = []

    @contextmanager
    def client(name: str) -> Iterator[None]:
        open_clients.append(name)
        try:
            yield
        finally:
            open_clients.remove(name)

    async def opener(stack: AsyncExitStack) -> str:
        stack.enter_context(client("first"))
        if not failed:
            failed.append(True)
            raise ServiceUnavailable("opening a client", "rds", "no answer")
        stack.enter_context(client("second"))
        return "opened"

    async def want() -> None:
        async with AsyncExitStack() as stack:
            late = Late(stack, opener)
            with pytest.raises(ServiceUnavailable):
                await late()
            assert open_clients == []
            assert await late() == "opened"
            assert open_clients == ["first", "second"]

    failed: list[bool] = []
    run(want())
    assert open_clients == []


def test_whoever_is_cancelled_while_opening_leaves_nothing_behind() -> None:
    """What was open by then is closed, and who waits meanwhile opens it anew."""
    closed: list[int] = []

    async def opener(stack: AsyncExitStack) -> int:
        tries.append(len(tries))
        stack.callback(closed.append, tries[-1])
        await asyncio.sleep(1)
        return tries[-1]

    async def want() -> None:
        async with AsyncExitStack() as stack:
            late = Late(stack, opener)
            first, second = (asyncio.create_task(late()) for _ in range(2))
            await asyncio.sleep(0.5)
            first.cancel()
            assert await second == 1
            assert first.cancelled()
            assert closed == [0]

    tries: list[int] = []
    run(want())
    assert closed == [0, 1]


def test_an_investigator_is_opened_by_the_first_question() -> None:
    """Its patience is known before; a question reaches what was opened for it, with all that it was given."""
    investigator = AsyncMock(spec=Investigator)
    question = sentinel.incident, (sentinel.alarm,), sentinel.known, sentinel.due_at, sentinel.ends_at

    async def ask() -> object:
        async with AsyncExitStack() as stack:
            late = LateInvestigator(timedelta(seconds=7), Late(stack, AsyncMock(return_value=investigator)))
            assert late.patience == timedelta(seconds=7)
            return await late.investigate(*question)

    assert run(ask()) is investigator.investigate.return_value
    investigator.investigate.assert_awaited_once_with(*question)


def test_a_share_is_what_it_is_whatever_comes_of_its_requests() -> None:
    """Neither answers nor throttles move it: with all of it taken the next request waits."""

    async def take() -> int:
        share = Share(2)
        share.answered(Sample(0.0, 1.0, 100, 2.0))
        share.overloaded(0.0, 1.0)
        slots = Slots(share, VirtualClock())
        async with slots.taken(Priority.LIVE, 1), slots.taken(Priority.LIVE, 1):
            with pytest.raises(TimeoutError):
                await slots.taken(Priority.LIVE, 1).__aenter__()
            return slots.in_flight

    assert run(take()) == 2
