import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from autocloudops.entrypoints import spot
from autocloudops.entrypoints.spot import METADATA, StoppedTask, log_notice, stopped_task

TASK = {
    "Cluster": "prod",
    "TaskARN": "arn:aws:ecs:eu-west-1:111122223333:task/prod/158d1c8083dd49d6b527399fd6414f5c",
    "LaunchType": "FARGATE",
    "DesiredStatus": "STOPPED",
    "AvailabilityZone": "eu-west-1a",
}


@pytest.fixture
async def agent(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[object]]:
    """ECS's metadata endpoint on loopback, as the environment of a task names it."""
    app = web.Application()
    server = TestServer(app)

    said: list[object] = [TASK]

    async def task(_: web.Request) -> web.Response:
        return web.json_response(said[-1])

    app.router.add_get("/v4/abc/task", task)
    async with server:
        monkeypatch.setenv(METADATA, f"http://127.0.0.1:{server.port}/v4/abc")
        yield said


@pytest.mark.usefixtures("agent")
async def test_the_task_that_is_stopped_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads the log finds the task, where it ran, and where ECS says why."""
    with caplog.at_level(logging.WARNING):
        await log_notice()
    (line,) = caplog.messages
    assert all(word in line for word in (TASK["TaskARN"], "FARGATE", "STOPPED", "eu-west-1a", "SpotInterruption"))


async def test_outside_ecs_nothing_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Ctrl-C on a laptop logs no task."""
    monkeypatch.delenv(METADATA, raising=False)
    await log_notice()
    assert caplog.messages == []


@pytest.mark.parametrize("answer", [{}, [], "no task"])
async def test_an_agent_that_says_something_else_does_not_keep_the_worker_from_draining(
    agent: list[object], answer: object
) -> None:
    """What cannot be read is no task, and no error."""
    agent.append(answer)
    assert await stopped_task() is None


async def test_an_agent_that_is_not_there_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notice is a courtesy: the drain does not depend on it."""
    monkeypatch.setenv(METADATA, "http://127.0.0.1:9/v4/abc")
    assert await stopped_task() is None


async def test_an_error_that_nobody_foresaw_does_not_end_the_drain(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The notice is written beside the drain, which a failure of it would cancel: it is logged, and that is all."""

    async def broken() -> StoppedTask | None:
        raise KeyError("TaskARN")

    monkeypatch.setattr(spot, "stopped_task", broken)
    await log_notice()
    assert caplog.messages == ["the task's metadata cannot be read"]


def test_fields_are_read_as_ecs_writes_them() -> None:
    """Names are those of the task metadata endpoint, version 4; what it leaves out is empty."""
    assert StoppedTask.model_validate({"TaskARN": "arn"}).launch_type == ""
