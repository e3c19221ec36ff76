import asyncio
import subprocess
import sys
from collections.abc import Sequence
from uuid import UUID

import pytest
from triage import AT, cpu_alarm
from virtual_time import VirtualClock, run

from autocloudops.diagnosis.endpoint import Priority
from autocloudops.diagnosis.gathering import Gathered, Gatherer, Subject
from autocloudops.entrypoints.late import LateGatherer
from autocloudops.errors import ServiceUnavailable
from autocloudops.inference.concurrency.sample import Sample
from autocloudops.inference.share import Share
from autocloudops.inference.slots import Slots

UNWANTED = ("autocloudops.cli", "autocloudops.knowledge", "autocloudops.sandbox", "numpy", "rich", "typer", "yaml")


def subject() -> Subject:
    """Return what an incident of one alarm asks evidence for."""
    alarm = cpu_alarm()
    return Subject(incident_id=UUID(int=1), resource=alarm.resource, alarm=alarm, alarms=(alarm,), at=AT)


def test_the_handler_imports_nothing_that_its_first_message_does_not_need() -> None:
    """A cold start pays for no command line, no stand-in, no evidence and no vectors."""
    script = f"import sys, autocloudops.entrypoints.lambda_handler; print([n for n in {UNWANTED} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"


def test_evidence_is_opened_by_the_first_question_and_once() -> None:
    """Two questions at the same moment open one reader, and a later one opens none."""
    opened: list[Gatherer] = []

    async def opener() -> Gatherer:
        await asyncio.sleep(1)
        opened.append(Gatherer((), VirtualClock()))
        return opened[-1]

    async def ask() -> Sequence[Gathered]:
        late = LateGatherer(opener)
        assert not opened
        both = await asyncio.gather(late.gather(subject()), late.gather(subject()))
        return [*both, await late.gather(subject())]

    assert run(ask()) == [Gathered()] * 3
    assert len(opened) == 1


def test_evidence_that_could_not_be_opened_is_tried_again() -> None:
    """A failure is the question's own; the next one may find it mended."""
    failures = [ServiceUnavailable("opening a client", "rds", "no answer")]

    async def opener() -> Gatherer:
        if failures:
            raise failures.pop()
        return Gatherer((), VirtualClock())

    async def ask() -> object:
        late = LateGatherer(opener)
        with pytest.raises(ServiceUnavailable):
            await late.self_clearing(cpu_alarm())
        return await late.self_clearing(cpu_alarm())

    assert run(ask()) is None


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
