"""`sandbox`: the local stand-ins, for as long as somebody wants them."""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from autocloudops.cli.engines import EngineName, described
from autocloudops.cli.output import Output, note, print_json, print_lines
from autocloudops.cli.runbooks.documents import folder
from autocloudops.sandbox import Sandbox, sandbox
from autocloudops.sandbox.endpoint.llama import llama_engine


def run_sandbox(engine: EngineName, output: Output) -> None:
    """Start the sandbox, print how to reach it, and stop it at SIGINT or SIGTERM.

    Args:
        engine: what answers as the model.
        output: how to print the variables.

    Raises:
        SandboxFailed: it did not start.
    """
    asyncio.run(_run(engine, output))


@asynccontextmanager
async def sandbox_with(engine: EngineName) -> AsyncIterator[Sandbox]:
    """Start the sandbox with `engine` as its model and our runbooks in it, and stop all of it on leaving.

    Raises:
        SandboxFailed: it did not start.
    """
    async with AsyncExitStack() as stack:
        generating = None if engine is EngineName.RULES else await stack.enter_async_context(llama_engine())
        local = await stack.enter_async_context(sandbox(generating))
        local.automation.load(folder())
        yield local


async def _run(engine: EngineName, output: Output) -> None:
    async with sandbox_with(engine) as local:
        if output is Output.JSON:
            print_json(local.environment())
        else:
            print_lines(Output.TEXT, exports(local))
        sys.stdout.flush()
        note(f"The sandbox runs until Ctrl-C. Its model is {described(engine)}.")
        await until_stopped()
    note("The sandbox has stopped.")


def exports(local: Sandbox) -> list[str]:
    """Return the lines that point another shell at the sandbox."""
    environment = local.environment()
    misleading = [name for name in os.environ if name.startswith("AWS_") and name not in environment]
    return [
        *(f"unset {name}" for name in misleading),
        *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
    ]


async def until_stopped() -> None:
    """Return at the first SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        await stopped.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
