"""From settings to the runbook library, to what embeds, and to what is found with it."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.diagnosis.gathering import Source
from autocloudops.entrypoints.models import open_model
from autocloudops.entrypoints.wiring import CALL_SECONDS, open_client
from autocloudops.errors import SettingsInvalid
from autocloudops.inference.dialects import MemoryDialects
from autocloudops.knowledge.embedding import Batching, Embedder, Questions
from autocloudops.knowledge.files import Files, FolderFiles, S3Files
from autocloudops.knowledge.index import IndexFile
from autocloudops.knowledge.library import Library
from autocloudops.knowledge.likeness import Likeness, PastStore, RememberedByLikeness
from autocloudops.knowledge.past import Past
from autocloudops.knowledge.runbooks import Runbooks, Search, Searching
from autocloudops.settings import EvidenceSettings, KnowledgeSettings, ModelSettings

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

    from autocloudops.entrypoints.stored import State

INVOKE = "sagemaker:InvokeEndpoint"
QUESTION_SECONDS = 5.0
"""Nobody waits as long for the vector of a question; a later one may."""


async def open_files(stack: AsyncExitStack, location: str | None) -> Files:
    """Open a library's files: `s3://bucket[/prefix]`, or a folder.

    Raises:
        SettingsInvalid: no location is known.
    """
    if not location:
        raise SettingsInvalid(
            "AUTOCLOUDOPS_KNOWLEDGE_LIBRARY: no library is named", "set it to s3://BUCKET[/PREFIX] or a folder"
        )
    if not location.startswith("s3://"):
        return FolderFiles(Path(location))
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=2)
    client = cast("S3Client", await open_client(stack, "s3", calls))
    return S3Files(client, bucket, f"{prefix.rstrip('/')}/" if prefix else "")


async def open_embedder(
    stack: AsyncExitStack, settings: KnowledgeSettings, clock: Clock, batching: Batching | None = None
) -> Embedder | None:
    """Open the embedding endpoints as one, None where the settings name none.

    They obey what AUTOCLOUDOPS_MODEL_* says of regions, hosts and keys.

    Raises:
        SettingsInvalid: a URL names no endpoint, or sends data where the settings do not allow it.
    """
    if not settings.endpoints:
        return None
    asked = ModelSettings(endpoints=settings.endpoints, name=settings.model)
    return Embedder(await open_model(stack, asked, clock, MemoryDialects()), batching)


async def open_retrieval(
    stack: AsyncExitStack, settings: KnowledgeSettings, evidence: EvidenceSettings, state: "State", clock: Clock
) -> Sequence[Source]:
    """Open the sources of earlier incidents and, where the settings name a library, of runbooks.

    Both look for something with one vector of each question.

    Raises:
        SettingsInvalid: as `open_embedder`.
    """
    embedder = await open_embedder(stack, settings, clock, Batching(seconds=QUESTION_SECONDS))
    questions = Questions(embedder, clock) if embedder else None
    searching = Searching(evidence.call_seconds, settings.least_score)
    likeness = Likeness(state.likeness, questions, clock, searching) if questions else None
    past = Past(state.past, likeness, searching.seconds)
    if settings.library is None:
        return (past,)
    files = await open_files(stack, settings.library)
    search = Search(Library(files), IndexFile(files), questions, clock, searching)
    invoked = {INVOKE} if any(url.startswith("sagemaker://") for url in settings.endpoints) else set()
    return (past, Runbooks(search, files.permissions | invoked))


async def open_remembering(
    stack: AsyncExitStack, settings: KnowledgeSettings, state: "State", clock: Clock
) -> PastStore:
    """Open what remembers decisions and gives each its vector.

    Raises:
        SettingsInvalid: as `open_embedder`.
    """
    embedder = await open_embedder(stack, settings, clock)
    if embedder is None:
        return state.past
    remembering = RememberedByLikeness(state.past, state.likeness, embedder)
    stack.push_async_callback(remembering.aclose)
    return remembering
