"""What the tests of the embedded Automation share: a held clock, a client, and runbooks in a few lines."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from virtual_time import START

from autocloudops.sandbox import foundation
from autocloudops.sandbox.automation import EmbeddedAutomation

ROOT = "arn:aws:iam::111122223333:root"
LOOK_SECONDS = 30.0


class HeldClock:
    """A `Clock` that stands still; who sleeps wakes when `forward` has gone past the end of the sleep."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            awake = asyncio.Event()
            self.sleepers.append((self.seconds + seconds, awake))
            await awake.wait()

    def forward(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.seconds += seconds
        for until, awake in self.sleepers:
            if until <= self.seconds:
                awake.set()


@dataclass
class Automation:
    """A running stand-in, its clock, and a client of it; each answer is checked against botocore's output shape."""

    server: EmbeddedAutomation
    clock: HeldClock
    client: Any

    async def __call__(self, operation: str, **request: object) -> dict[str, Any]:
        answer: dict[str, Any] = await getattr(self.client, operation)(**request)
        del answer["ResponseMetadata"]
        model = self.client.meta.service_model
        shape = model.operation_model(self.client.meta.method_to_api_mapping[operation]).output_shape
        report = ParamValidator().validate(answer, shape).generate_report()
        assert not report, report
        return answer

    async def refused(self, operation: str, **request: object) -> tuple[str, str]:
        """Return the code and message of an operation that is refused."""
        with pytest.raises(ClientError) as caught:
            await self(operation, **request)
        return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]

    async def create(self, name: str, *steps: Mapping[str, object], **more: object) -> None:
        """Create a document of these steps."""
        await self("create_document", Name=name, Content=content(*steps, **more), DocumentType="Automation")

    async def start(self, name: str, **more: object) -> str:
        """Start a document and return the execution's id."""
        return str((await self("start_automation_execution", DocumentName=name, **more))["AutomationExecutionId"])

    async def shown(self, identity: str, *statuses: str) -> dict[str, Any]:
        """Return an execution as soon as its status is one of these, or an ending."""
        async with asyncio.timeout(LOOK_SECONDS):
            await self.server.world.executions[identity].until(*statuses)
        got = await self("get_automation_execution", AutomationExecutionId=identity)
        execution: dict[str, Any] = got["AutomationExecution"]
        return execution

    async def ran(self, name: str, *steps: Mapping[str, object], **more: object) -> dict[str, Any]:
        """Create and start a document of these steps, and return the execution when it has ended."""
        await self.create(name, *steps, **more)
        return await self.shown(await self.start(name))


@asynccontextmanager
async def running(aws_url: str) -> AsyncIterator[Automation]:
    """Run a stand-in before an embedded AWS."""
    clock = HeldClock()
    async with EmbeddedAutomation(aws_url, clock) as server, foundation.client("ssm", server.url) as client:
        yield Automation(server, clock, client)


def content(*steps: Mapping[str, object], **more: object) -> str:
    """Return the text of a runbook of these steps."""
    return json.dumps({"schemaVersion": "0.3", "mainSteps": list(steps), **more})


def step(name: str, action: str, inputs: Mapping[str, object], **more: object) -> dict[str, object]:
    """Return one step."""
    return {"name": name, "action": f"aws:{action}", "inputs": dict(inputs), **more}


def call(name: str, service: str, api: str, inputs: Mapping[str, object], **more: object) -> dict[str, object]:
    """Return a step that makes one AWS call."""
    return step(name, "executeAwsApi", {"Service": service, "Api": api, **inputs}, **more)


def statuses(execution: Mapping[str, Any]) -> dict[str, str]:
    """Return the status of each step of an execution."""
    return {each["StepName"]: each["StepStatus"] for each in execution["StepExecutions"]}
