"""Fixtures that every room's tests may use: an AWS of our own.

    embedded_aws   one emulator for the whole run, with a foundation stack named `autocloudops`: shared by all tests
    foundation     a foundation stack of this test's own in it: queues, topics, bucket and table that are empty

Both are `SandboxResources`. `autocloudops.sandbox.foundation.client(service, resources.endpoint_url)` makes a client.
"""

import gc
import logging
from collections.abc import AsyncIterator, Iterator
from functools import cache
from uuid import uuid4

import pytest
import pytest_asyncio
from quicker_clients import quicker_clients
from typer.main import get_command

from autocloudops.sandbox import EmbeddedAws, SandboxResources
from autocloudops.sandbox.foundation import deploy
from autocloudops.telemetry import JsonLines

YOUNG_OBJECTS = 20_000


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later garbage collection: a seventh of a simulated schedule's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured: a bound that holds says less than by how much."""
    measured = [
        (each.nodeid, *told) for each in terminalreporter.stats.get("passed", []) for told in each.user_properties
    ]
    for test, name, value in measured:
        terminalreporter.write_line(f"{test}: {name} {value}")


@pytest.fixture(scope="session", autouse=True)
def worked_out_once() -> Iterator[None]:
    """Keep what is the same each time: the command line for each line that a test types, and parts of AWS clients."""
    with pytest.MonkeyPatch.context() as patched, quicker_clients():
        patched.setattr("typer.testing._get_command", cache(get_command))
        yield


@pytest.fixture(autouse=True)
def unconfigured_logging() -> Iterator[None]:
    """Take out what a command has configured: it writes to a stream that is closed with its test."""
    yield
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if not isinstance(each.formatter, JsonLines)]
    logging.getLogger("autocloudops").setLevel(logging.NOTSET)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def embedded_aws() -> AsyncIterator[SandboxResources]:
    """Start the emulator once; it is a process of its own, so tests on any event loop may use it."""
    async with EmbeddedAws() as resources:
        yield resources


@pytest_asyncio.fixture
async def foundation(embedded_aws: SandboxResources) -> SandboxResources:
    """Deploy a stack under a prefix that no other test has."""
    return await deploy(embedded_aws.endpoint_url, prefix=f"t{uuid4().hex[:12]}")
