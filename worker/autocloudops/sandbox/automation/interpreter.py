"""What leads one execution from its first step to its end."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from autocloudops.clock import Clock
from autocloudops.sandbox.automation.calls import Calls, Credentials, assumed
from autocloudops.sandbox.automation.executions import (
    CANCELLED,
    CANCELLING,
    FAILED,
    IN_PROGRESS,
    SUCCESS,
    TIMED_OUT,
    Execution,
    StepExecution,
)
from autocloudops.sandbox.automation.references import StepFailed, resolved
from autocloudops.sandbox.automation.runbook import STEP_PREFIX, Step
from autocloudops.sandbox.automation.steps import ACTIONS, Doing, Done

CANCELLING_SECONDS = 120.0
COMPLETE = "Complete"


class StepTimedOut(StepFailed):
    """A step, with all its attempts, took longer than it may."""


class Stopped(StepFailed):
    """Somebody asked for the end of the execution."""


@dataclass(slots=True, kw_only=True)
class Interpreter:
    """Runs one execution.

    Args:
        execution: what is run; how far it is stands in it.
        connect: makes the AWS calls that are signed with the credentials.
        clock: the time of all waiting.
        constants: what `global:…` and `automation:…` stand for.
        poll_seconds: the pause between two looks at a property that is waited for.
    """

    execution: Execution
    connect: Callable[[Credentials], Calls]
    clock: Clock
    constants: Mapping[str, str]
    poll_seconds: float
    _ending: str = field(default=SUCCESS, init=False)
    _stoppable: bool = field(default=True, init=False)

    async def run(self) -> None:
        """Run the steps, and write down how it ended."""
        execution = self.execution
        execution.turn(IN_PROGRESS)
        try:
            doing = await self._ready()
            await self._walk(execution.runbook.steps[0].name, doing)
        except Stopped:
            self._ending = SUCCESS if execution.stop == COMPLETE else CANCELLED
        except StepFailed as failed:
            self._ending, execution.failure = FAILED, failed.message
        execution.ended_at = self.clock.now()
        execution.turn(self._ending)

    async def _ready(self) -> Doing:
        calls = self.connect(Credentials())
        if role_arn := str(resolved(self.execution.runbook.assume_role, self._names())):
            calls = self.connect(await assumed(calls, role_arn, self.execution.id))
        return Doing(self.execution, calls, self.clock, self.poll_seconds)

    async def _walk(self, name: str | None, doing: Doing) -> None:
        while name is not None:
            name = await self._step(self.execution.runbook.step(name), doing)

    async def _step(self, step: Step, doing: Doing) -> str | None:
        """Run one step, and return the name of the next; None at the end."""
        shown = self.execution.steps[step.name]
        self.execution.current = step.name
        shown.status, shown.started_at = IN_PROGRESS, self.clock.now()
        try:
            done = await self._attempts(step, doing)
        except Stopped:
            self._end(shown, SUCCESS if self.execution.stop == COMPLETE else CANCELLED)
            await self._clean_up(step, doing)
            raise
        except StepFailed as failed:
            self._end(shown, TIMED_OUT if isinstance(failed, StepTimedOut) else FAILED, failed.message)
            return self._after_failure(step, shown)
        shown.outputs = done.outputs
        self._end(shown, SUCCESS)
        return done.next_step or self.execution.runbook.after(step)

    async def _attempts(self, step: Step, doing: Doing) -> Done:
        for _ in range(step.max_attempts - 1):
            try:
                return await self._attempt(step, doing)
            except Stopped:
                raise
            except StepFailed:
                continue
        return await self._attempt(step, doing)

    async def _attempt(self, step: Step, doing: Doing) -> Done:
        inputs = resolved(step.inputs, self._names())
        self.execution.steps[step.name].inputs = inputs
        try:
            return await self._raced(ACTIONS[step.action](step, inputs, doing), step.limit_seconds)
        except (KeyError, TypeError, ValueError) as error:
            raise StepFailed(f"The inputs of the step do not fit {step.action}: {error!r}") from error

    async def _raced(self, action: Coroutine[Any, Any, Done], limit_seconds: float | None) -> Done:
        """Return what `action` gives, unless its time is up or somebody asks for the end before."""
        doing = asyncio.ensure_future(action)
        others: list[asyncio.Future[Any]] = []
        if self._stoppable:
            others.append(asyncio.ensure_future(self.execution.stopped.wait()))
        if limit_seconds is not None:
            others.append(asyncio.ensure_future(self.clock.sleep(limit_seconds)))
        try:
            await asyncio.wait([doing, *others], return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
            if self._stoppable and self.execution.stopped.is_set():
                raise Stopped("Somebody stopped the execution.")
            raise StepTimedOut(f"Step timed out after {limit_seconds:g} seconds.")
        finally:
            for each in (doing, *others):
                each.cancel()
            await asyncio.gather(doing, *others, return_exceptions=True)

    async def _clean_up(self, step: Step, doing: Doing) -> None:
        """Go where the step says on cancelling, within the two minutes that AWS gives."""
        if self.execution.stop == COMPLETE or not step.on_cancel.startswith(STEP_PREFIX):
            return
        self._stoppable = False
        self.execution.turn(CANCELLING)
        await self._raced(self._cleaned(step.on_cancel.removeprefix(STEP_PREFIX), doing), CANCELLING_SECONDS)

    async def _cleaned(self, name: str, doing: Doing) -> Done:
        await self._walk(name, doing)
        return Done()

    def _after_failure(self, step: Step, shown: StepExecution) -> str | None:
        if step.is_critical:
            self._ending, self.execution.failure = shown.status, shown.failure
        if step.on_failure.startswith(STEP_PREFIX):
            return step.on_failure.removeprefix(STEP_PREFIX)
        return self.execution.runbook.after(step) if step.on_failure == "Continue" else None

    def _end(self, shown: StepExecution, status: str, failure: str | None = None) -> None:
        shown.status, shown.failure, shown.ended_at = status, failure, self.clock.now()

    def _names(self) -> dict[str, Any]:
        steps = self.execution.steps.items()
        outputs = {f"{name}.{key}": value for name, each in steps for key, value in each.outputs.items()}
        return {**self.constants, **self.execution.parameters, **outputs}
