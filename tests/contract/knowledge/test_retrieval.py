from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import pytest
from triage import database_alarm
from word_vectors import runbook

from autocloudops import aws
from autocloudops.cli.knowledge.opening import open_local
from autocloudops.clock import SystemClock
from autocloudops.diagnosis.gathering import Subject
from autocloudops.entrypoints.library import open_files
from autocloudops.knowledge.embedding import Questions
from autocloudops.knowledge.index import Indexer, IndexFile, runbook_passages
from autocloudops.knowledge.library import Library
from autocloudops.knowledge.runbooks import Runbooks, Search, Searching
from autocloudops.sandbox.endpoint import HashEmbeddingEngine

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

ALARM = database_alarm()
SUBJECT = Subject(
    incident_id=UUID(int=1), resource=ALARM.resource, alarm=ALARM, alarms=(ALARM,), at=datetime(2026, 3, 1, tzinfo=UTC)
)
CLOCK = SystemClock()


@pytest.mark.usefixtures("emulator")
async def test_runbooks_in_a_bucket_are_found_by_match_and_by_likeness(stack: AsyncExitStack) -> None:
    """Library and index in S3, and an embedding endpoint over HTTP: what the worker does, against both emulators."""
    context = aws.session().create_client("s3", config=aws.config(read_timeout_seconds=10))
    client = cast("S3Client", await stack.enter_async_context(context))
    bucket = f"library-{uuid4()}"
    await client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    files = await open_files(stack, f"s3://{bucket}/runbooks")
    owner = ALARM.resource.owner
    await files.write("db/own.md", runbook("For this owner", "Ring Ada.", f"{{owner: '{owner}'}}"))
    await files.write("db/like.md", runbook(ALARM.key.name, ALARM.reason))
    await files.write("other.md", runbook("Bees", "They swarm in May."))
    embedder = await open_local(stack, HashEmbeddingEngine(), CLOCK)
    library, file = Library(files), IndexFile(files)
    passages = runbook_passages((await library.shelf()).runbooks)
    progress = [each async for each in Indexer(file, embedder, CLOCK).update(passages, await file.load())]
    assert (progress[0].done, progress[-1].done) == (0, 3)
    search = Search(library, file, Questions(embedder, CLOCK), CLOCK, Searching(seconds=10))
    exact, like = await Runbooks(search, files.permissions).read(SUBJECT)
    assert exact.text.startswith('file: "db/own.md"')
    assert "written for this: owner match" in exact.text
    assert like.text.startswith('file: "db/like.md"')
