import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from autocloudops.entrypoints.signals import STOP_SIGNALS, stopping


@pytest.fixture
async def left(monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[int]":
    """The codes with which the process would have been left."""
    codes: asyncio.Queue[int] = asyncio.Queue()
    monkeypatch.setattr(os, "_exit", codes.put_nowait)
    return codes


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The handlers of whoever runs the tests, as they were."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOP_SIGNALS)
async def test_the_first_signal_asks_for_a_drain_and_the_second_leaves(
    number: signal.Signals, left: "asyncio.Queue[int]"
) -> None:
    """One SIGTERM or SIGINT stops receiving and tells whoever wants to know; another one leaves with 128 and itself."""
    stop, told = asyncio.Event(), asyncio.Event()
    with stopping(stop, told.set):
        signal.raise_signal(number)
        await told.wait()
        assert stop.is_set()
        assert left.empty()
        signal.raise_signal(number)
        assert await left.get() == 128 + number


@pytest.mark.parametrize("number", STOP_SIGNALS)
async def test_whoever_had_the_signal_before_has_it_again(number: signal.Signals, left: "asyncio.Queue[int]") -> None:
    """A program that runs a worker inside itself keeps its own way to stop."""
    seen: list[int] = []
    signal.signal(number, lambda got, _: seen.append(got))
    with stopping(asyncio.Event(), lambda: None):
        pass
    signal.raise_signal(number)
    assert seen == [number]
    assert left.empty()


async def test_the_first_signal_of_a_worker_that_stops_by_itself_does_not_force_it(left: "asyncio.Queue[int]") -> None:
    """What drains because of an error goes on draining when ECS wants it gone too."""
    stop, told = asyncio.Event(), asyncio.Event()
    stop.set()
    with stopping(stop, told.set):
        signal.raise_signal(signal.SIGTERM)
        await told.wait()
    assert left.empty()
