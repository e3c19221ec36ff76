"""Metrics are printed where the settings ask for them, and nowhere else."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from io import StringIO

import pytest
import virtual_time
from audit_folder import CPU, ended
from claiming import control
from memory_audit import MemoryObjects
from virtual_time import VirtualClock

from autocloudops.audit.record import Outcome
from autocloudops.audit.writer import AuditWriter
from autocloudops.clock import SystemClock
from autocloudops.entrypoints.ecs import MEASURE_SECONDS, Run, _measuring
from autocloudops.entrypoints.health import Troubles
from autocloudops.entrypoints.measuring import Lookout, measuring_of
from autocloudops.errors import ServiceUnavailable
from autocloudops.metrics import EmbeddedMetrics, Measuring
from autocloudops.state.memory_claims import MemoryLedger

Overturned = Callable[[datetime], Awaitable[int]]


def test_nothing_is_measured_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a namespace there is nothing that measures."""
    monkeypatch.delenv("AUTOCLOUDOPS_METRICS_NAMESPACE", raising=False)
    assert measuring_of(SystemClock()) is None


def test_metrics_carry_the_deployment_s_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service is what the state table is named after, as in the alarms of the stacks."""
    monkeypatch.setenv("AUTOCLOUDOPS_METRICS_NAMESPACE", "AutoCloudOps")
    monkeypatch.setenv("AUTOCLOUDOPS_STATE_TABLE", "shop-state")
    measuring = measuring_of(SystemClock())
    assert measuring is not None
    measuring.kept(ended(CPU, Outcome.JOINED), 0.5)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["Service"], line["FlushLatency"]) == ("shop", [0.5])
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "AutoCloudOps"


async def _two(at: datetime) -> int:
    assert at.tzinfo
    return 2


async def _down(at: datetime) -> int:
    raise ServiceUnavailable("dynamodb:Query", f"the state table at {at}", "slow down")


async def _unreadable(at: datetime) -> int:
    raise ValueError(f"no number on {at}")


async def _seen(overturned: Overturned, ledger: MemoryLedger | None, records: int = 0) -> Mapping[str, list[float]]:
    """Look once while nobody commits what was appended, and return what was printed."""
    stream, clock = StringIO(), SystemClock()
    writer = AuditWriter(MemoryObjects(), clock)
    appends = [asyncio.create_task(writer.append(ended(CPU, Outcome.JOINED))) for _ in range(records)]
    await asyncio.sleep(0)
    measuring = Measuring(EmbeddedMetrics(stream, clock, "AutoCloudOps", "shop"), clock)
    await Lookout(measuring, clock, writer, overturned, ledger, 10).look()
    for each in appends:
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each
    lines = map(json.loads, stream.getvalue().splitlines())
    return {name: value for line in lines for name, value in line.items() if isinstance(value, list)}


async def test_a_look_tells_how_things_stand() -> None:
    """Records that wait, what people overturned, and what is left of the hour's budget are read each time."""
    ledger = MemoryLedger()
    await ledger.set_control(control())
    seen = await _seen(_two, ledger, records=3)
    assert (seen["RecordsUnflushed"], seen["HumanOverturned"]) == ([3], [2])
    assert (seen["BudgetRemaining"], seen["KillSwitch"]) == ([10], [0])


async def test_what_cannot_be_read_hides_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """A state table that does not answer is logged; what else is known is still told."""
    seen = await _seen(_down, MemoryLedger(), records=1)
    assert seen.keys() >= {"RecordsUnflushed", "KillSwitch"}
    assert "HumanOverturned" not in seen
    assert "dynamodb:Query" in caplog.text


async def test_a_fault_hides_nothing_else_either(caplog: pytest.LogCaptureFixture) -> None:
    """What is kept in a form that nobody can read stops no sweep, and is logged with where it happened."""
    seen = await _seen(_unreadable, MemoryLedger())
    assert "KillSwitch" in seen
    assert "no number" in caplog.text


async def test_a_worker_that_does_nothing_has_no_ledger() -> None:
    """Without a queue of follow-ups nothing is told of actions."""
    seen = await _seen(_two, None)
    assert seen.keys() == {"RecordsUnflushed", "UnflushedAge", "HumanOverturned"}
    assert seen["UnflushedAge"] == [0]


def test_measuring_goes_on_after_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    """A look that fails is logged, and the next one comes all the same, until the worker ends."""
    looks: list[float] = []

    async def measured() -> None:
        clock = VirtualClock()

        async def look() -> None:
            looks.append(clock.monotonic())
            raise ValueError("a fault")

        async with _measuring(look, Run(AsyncExitStack(), clock, asyncio.Event(), Troubles())):
            await clock.sleep(MEASURE_SECONDS * 2.5)

    virtual_time.run(measured())
    assert len(looks) == 2
    assert "measuring failed" in caplog.text
