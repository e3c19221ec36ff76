"""From settings to the runbook library and what searches it."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, cast

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.entrypoints.models import open_model
from autocloudops.entrypoints.wiring import CALL_SECONDS, open_client
from autocloudops.errors import SettingsInvalid
from autocloudops.inference.dialects import MemoryDialects
from autocloudops.knowledge.embedding import Embedder
from autocloudops.knowledge.files import Files, FolderFiles, S3Files
from autocloudops.knowledge.index import IndexFile
from autocloudops.knowledge.library import Library
from autocloudops.knowledge.runbooks import Runbooks, Search, Searching
from autocloudops.settings import KnowledgeSettings, ModelSettings

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

INVOKE = "sagemaker:InvokeEndpoint"


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


async def open_embedder(stack: AsyncExitStack, settings: KnowledgeSettings, clock: Clock) -> Embedder | None:
    """Open the embedding endpoints as one, None where the settings name none.

    They obey what AUTOCLOUDOPS_MODEL_* says of regions, hosts and keys.

    Raises:
        SettingsInvalid: a URL names no endpoint, or sends data where the settings do not allow it.
    """
    if not settings.endpoints:
        return None
    asked = ModelSettings(endpoints=settings.endpoints, name=settings.model, streaming=False)
    return Embedder(await open_model(stack, asked, clock, MemoryDialects()))


async def open_runbooks(stack: AsyncExitStack, settings: KnowledgeSettings, clock: Clock) -> Runbooks | None:
    """Open the source of runbooks, None where the settings name no library.

    Raises:
        SettingsInvalid: as `open_embedder`.
    """
    if settings.library is None:
        return None
    files = await open_files(stack, settings.library)
    embedder = await open_embedder(stack, settings, clock)
    searching = Searching(least_score=settings.least_score)
    search = Search(Library(files), IndexFile(files), embedder, clock, searching)
    invoked = {INVOKE} if any(url.startswith("sagemaker://") for url in settings.endpoints) else set()
    return Runbooks(search, files.permissions | invoked)
