"""What the verbs of `knowledge` open: the library, and what embeds."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, cast

from autocloudops.cli.knowledge import Embedding
from autocloudops.clock import Clock
from autocloudops.entrypoints.library import open_embedder, open_files
from autocloudops.environment import read
from autocloudops.errors import SettingsInvalid
from autocloudops.inference.sagemaker import SageMakerEndpoint
from autocloudops.knowledge.embedding import Embedder
from autocloudops.knowledge.files import Files
from autocloudops.sandbox import ENDPOINT_NAME, SimulatedEndpoint
from autocloudops.sandbox.endpoint import EmbeddingEngine, HashEmbeddingEngine
from autocloudops.sandbox.foundation import client
from autocloudops.settings import KnowledgeSettings

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime.client import SageMakerRuntimeClient


async def open_library_files(stack: AsyncExitStack, location: str | None) -> Files:
    """Open the files of the library at `location`, or of the one that the settings name.

    Raises:
        SettingsInvalid: neither names one.
    """
    return await open_files(stack, location or read(KnowledgeSettings).library)


async def open_embedding(stack: AsyncExitStack, chosen: Embedding, clock: Clock) -> Embedder | None:
    """Open what embeds; None where the endpoint was chosen and the settings name none.

    Raises:
        SandboxFailed: the small model is not installed.
        SettingsInvalid: a setting is wrong.
    """
    if chosen is Embedding.ENDPOINT:
        return await open_embedder(stack, read(KnowledgeSettings), clock)
    engine: EmbeddingEngine = HashEmbeddingEngine() if chosen is Embedding.HASH else _small_model()
    return await open_local(stack, engine, clock)


async def open_local(stack: AsyncExitStack, engine: EmbeddingEngine, clock: Clock) -> Embedder:
    """Serve `engine` in this process, and return what asks it over HTTP as a real endpoint is asked."""
    endpoint = SimulatedEndpoint(ENDPOINT_NAME, engine, latency_seconds=0)
    await stack.enter_async_context(endpoint)
    runtime = await stack.enter_async_context(client("sagemaker-runtime", endpoint.url))
    asked = SageMakerEndpoint(cast("SageMakerRuntimeClient", runtime), endpoint.name, endpoint.model, clock)
    return Embedder(asked)


def needed(embedder: Embedder | None) -> Embedder:
    """Return `embedder`.

    Raises:
        SettingsInvalid: there is none.
    """
    if embedder is None:
        raise SettingsInvalid(
            "AUTOCLOUDOPS_KNOWLEDGE_ENDPOINTS: no embedding endpoint is named",
            "set it to sagemaker://NAME or https://HOST/v1, or choose --embedding minilm",
        )
    return embedder


def _small_model() -> EmbeddingEngine:
    try:
        from autocloudops.sandbox.embedding import MiniLmEngine  # noqa: PLC0415 - an extra that few install
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"--embedding minilm needs {error.name}", "pip install '.[embedding]', or choose another"
        ) from error
    return MiniLmEngine()
