"""The demo that acts: a worker in mode active scales services of the embedded AWS, until the kill switch stops it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

from autocloudops.cli.demo.child import WorkerProcess, running_worker
from autocloudops.cli.demo.outside import Observer, observing
from autocloudops.cli.demo.sending import send
from autocloudops.cli.engines import EngineName, described
from autocloudops.cli.output import Output, note, print_json, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.cli.sandbox import sandbox_with
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Control, Helped
from autocloudops.decisions.modes import Mode
from autocloudops.sandbox import Sandbox
from autocloudops.sandbox.foundation import client
from autocloudops.sandbox.samples import Sample
from autocloudops.sandbox.samples import read as read_samples
from autocloudops.sandbox.seeding import seed
from autocloudops.state.claims import DynamoLedger
from autocloudops.values import Value

POLICY = """# What this demo lets the worker do: one action, in one account and region, without asking anybody.
mode: active
accounts: {"111122223333": active}
regions: [us-east-1]
actions: {scale_out_service: {mode: active}}
approval: {approvers: ["arn:aws:iam::111122223333:role/on-call"]}
"""
CLUSTER = "shop"
DESIRED, SCALED = 4, 6
"""How many tasks the seeded services want, and half as many more."""
LOOK_SECONDS = 0.5
STEP_SECONDS = 120.0
BRISK = {
    "AUTOCLOUDOPS_QUEUE_WAIT_SECONDS": "1",
    "AUTOCLOUDOPS_INCIDENT_QUIET_SECONDS": "1",
    "AUTOCLOUDOPS_EVIDENCE_CALL_SECONDS": "10",
    "AUTOCLOUDOPS_EVIDENCE_WALL_SECONDS": "20",
    "AUTOCLOUDOPS_ACTION_CALL_SECONDS": "10",
    "AUTOCLOUDOPS_ACTION_FACTS_SECONDS": "20",
    "AUTOCLOUDOPS_ACTION_FIRST_LOOK_SECONDS": "1",
    "AUTOCLOUDOPS_ACTION_OK_PERIODS": "1",
    "AUTOCLOUDOPS_ACTION_VERIFY_WITHIN_SECONDS": "20",
    "AUTOCLOUDOPS_SAFETY_MODE": "active",
}
"""How this worker differs from a default one: it looks sooner, and it was told that it may act."""


class Step(Value):
    """One thing that the demo shows: what has to happen, and what was seen."""

    step: str
    wanted: str
    seen: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """What the steps share."""

    local: Sandbox
    worker: WorkerProcess
    observer: Observer
    ledger: DynamoLedger
    ecs: Any
    cloudwatch: Any
    claims: dict[str, UUID] = field(default_factory=dict)

    async def desired(self, service: str) -> int:
        """Return how many tasks a service wants."""
        found = await self.ecs.describe_services(cluster=CLUSTER, services=[service])
        return int(found["services"][0]["desiredCount"])

    def executions(self) -> int:
        """Return how many runbooks were begun."""
        return len(self.local.automation.world.executions)

    async def claimed(self, service: str) -> bool:
        """Keep the claim on a service, and return whether there is one; it is listed while verification is not over."""
        found = {each.request.target.id: each.claim_id for each in await self.ledger.unfinished()}
        self.claims.update({target.partition("/")[2]: claim_id for target, claim_id in found.items()})
        return service in self.claims

    async def outcome(self, service: str) -> Helped | None:
        """Wait for what verification finds of the action on a service, and return it."""

        async def over() -> bool:
            return await self.claimed(service) and await self._helped(service) is not None

        await until(over)
        return await self._helped(service)

    async def _helped(self, service: str) -> Helped | None:
        claim = await self.ledger.find(self.claims[service]) if service in self.claims else None
        return claim.helped if claim else None

    async def send(self, name: str) -> None:
        """Send a sample whose times are counted from now."""
        await self.send_again(sample_of(name))

    async def send_again(self, sample: Sample) -> None:
        """Send a sample as it is."""
        async for each in send([sample], self.local.resources):
            note(f"sent: {each.name}")

    async def settle(self) -> None:
        """Wait until the alarm queue has been idle for a while."""
        await until(lambda: self._calm(5))

    async def _calm(self, looks: int) -> bool:
        for _ in range(looks):
            self.worker.require_alive()
            if not (await self.observer.look(0)).idle:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True


def sample_of(name: str) -> Sample:
    """Return one of the samples of this demo."""
    file = files("autocloudops.sandbox.samples") / "acts" / "scaling.json"
    return next(sample for sample in read_samples(file, datetime.now(UTC)) if sample.name == name)


async def until(holds: Callable[[], Awaitable[bool]]) -> bool:
    """Look until something holds, and return whether it did in time."""
    try:
        async with asyncio.timeout(STEP_SECONDS):
            while not await holds():  # noqa: ASYNC110 - another process changes what is looked at
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        return False
    return True


async def scales_once(stage: Stage, alarm: Sample) -> Step:
    """An alarm makes the worker scale its service out."""
    await stage.send_again(alarm)

    async def scaled() -> bool:
        return await stage.claimed("basket") and await stage.desired("basket") == SCALED

    await until(scaled)
    desired = await stage.desired("basket")
    return Step(
        step="an alarm is acted on",
        wanted=f"desired count {DESIRED} -> {SCALED}, by one execution",
        seen=f"desired count {desired}, {stage.executions()} execution(s)",
        holds=desired == SCALED and stage.executions() == 1,
    )


async def repeats_nothing(stage: Stage, again: Sample) -> Step:
    """The same alarm once more does nothing."""
    await stage.send_again(again)
    await stage.settle()
    desired = await stage.desired("basket")
    return Step(
        step="a second delivery does nothing",
        wanted=f"desired count {SCALED}, still one execution",
        seen=f"desired count {desired}, {stage.executions()} execution(s)",
        holds=desired == SCALED and stage.executions() == 1,
    )


async def verifies(stage: Stage) -> Step:
    """The alarm is OK again, and stays so: the action helped."""
    await stage.cloudwatch.set_alarm_state(
        AlarmName="basket-service-cpu-high", StateValue="OK", StateReason="the demo says so"
    )
    await stage.send("basket-ok")
    helped = await stage.outcome("basket")
    return Step(
        step="it is verified after the alarm is OK",
        wanted=Helped.VERIFIED.value,
        seen=helped.value if helped else "nothing is known",
        holds=helped is Helped.VERIFIED,
    )


async def rolls_back(stage: Stage) -> Step:
    """An alarm that stays in ALARM lets the action be taken back."""
    helped, desired = await stage.outcome("pricing"), await stage.desired("pricing")
    return Step(
        step="an action that did not help is rolled back",
        wanted=f"{Helped.ROLLED_BACK}, desired count {DESIRED} again",
        seen=f"{helped or 'nothing is known'}, desired count {desired}",
        holds=helped is Helped.ROLLED_BACK and desired == DESIRED,
    )


async def stops(stage: Stage) -> Step:
    """The kill switch stops the next action."""
    before = stage.executions()
    now = SystemClock().now()
    await stage.ledger.set_control(Control(mode=Mode.DRY_RUN, reason="the demo's kill switch", by="demo", at=now))
    await stage.send("search-alarm")
    told = len(stage.observer.told)

    async def heard() -> bool:
        await stage.observer.look(0)
        return any("search" in each.subject for each in stage.observer.told[told:])

    await until(heard)
    await stage.settle()
    desired, begun = await stage.desired("search"), stage.executions() - before
    return Step(
        step="the kill switch stops the next",
        wanted=f"desired count {DESIRED}, 0 executions",
        seen=f"desired count {desired}, {begun} execution(s)",
        holds=desired == DESIRED and begun == 0,
    )


def run_acting(folder: Path, output: Output) -> ExitCode:
    """Run the demo that acts, print what was seen, and return CHECK_FAILED where something else was wanted.

    Args:
        folder: where the policy and the worker's log go.
        output: how to print the steps.

    Raises:
        SandboxFailed: a stand-in or the worker did not start or ended by itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    steps = asyncio.run(_acted(folder))
    if output is Output.JSON:
        print_json([step.model_dump() for step in steps])
    else:
        print_rows(output, [step.model_dump() for step in steps], ("step", "wanted", "seen", "holds"))
    note(f"took {time.monotonic() - started:.1f} s; the worker's log is {folder / 'worker.log'}")
    return ExitCode.OK if all(step.holds for step in steps) else ExitCode.CHECK_FAILED


async def _acted(folder: Path) -> Sequence[Step]:
    note(f"Starting stand-ins for AWS and for the model: {described(EngineName.RULES)}.")
    policy = folder / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    async with AsyncExitStack() as stack:
        local = await stack.enter_async_context(sandbox_with(EngineName.RULES))
        await seed(local.resources, [sample_of(f"{name}-alarm") for name in ("basket", "pricing", "search")])
        ecs, cloudwatch, dynamodb = [
            await stack.enter_async_context(client(name, local.resources.endpoint_url))
            for name in ("ecs", "cloudwatch", "dynamodb")
        ]
        clock = SystemClock()
        ledger = DynamoLedger(dynamodb, local.resources.state_table, clock)
        await ledger.set_control(Control(mode=Mode.ACTIVE, reason="the demo", by="demo", at=clock.now()))
        observer = await stack.enter_async_context(observing(local))
        environment = local.environment() | BRISK | {"AUTOCLOUDOPS_SAFETY_POLICY": str(policy.resolve())}
        worker = await stack.enter_async_context(running_worker(environment, folder / "worker.log"))
        stage = Stage(local, worker, observer, ledger, ecs, cloudwatch)
        return await _steps(stage)


async def _steps(stage: Stage) -> Sequence[Step]:
    """Make every step; what will not help is begun before what did is verified, since both take a while."""
    await stage.send("feed")
    again = sample_of("basket-alarm")
    steps = [await scales_once(stage, again), await repeats_nothing(stage, again)]
    await stage.send("pricing-alarm")
    return [*steps, await verifies(stage), await rolls_back(stage), await stops(stage)]
