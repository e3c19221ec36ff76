from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from memory_dynamodb import MemoryDynamo

from autocloudops.clock import SystemClock
from autocloudops.diagnosis.gathering import Source
from autocloudops.entrypoints.library import open_embedder, open_retrieval
from autocloudops.entrypoints.stored import open_past, state_of
from autocloudops.errors import SettingsInvalid
from autocloudops.knowledge.likeness import RememberedByLikeness
from autocloudops.settings import EvidenceSettings, KnowledgeSettings


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are opened in some region."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


async def opened(stack: AsyncExitStack, settings: KnowledgeSettings) -> dict[str, Source]:
    """Open the sources by their kind."""
    state = state_of(stack, MemoryDynamo().client, "state", SystemClock())
    return {
        source.kind: source
        for source in await open_retrieval(stack, settings, EvidenceSettings(), state, SystemClock())
    }


async def test_without_a_library_there_is_no_source_of_runbooks() -> None:
    """A team that keeps no runbooks is asked for nothing; earlier incidents are found all the same."""
    async with AsyncExitStack() as stack:
        assert list(await opened(stack, KnowledgeSettings(endpoints=("sagemaker://retrieval",)))) == ["past"]


async def test_decisions_get_vectors_where_something_embeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an embedding endpoint decisions are only remembered; with one each gets its vector."""
    async with AsyncExitStack() as stack:
        state = state_of(stack, MemoryDynamo().client, "state", SystemClock())
        assert await open_past(stack, state, SystemClock()) is state.past
        monkeypatch.setenv("AUTOCLOUDOPS_KNOWLEDGE_ENDPOINTS", "sagemaker://retrieval")
        assert isinstance(await open_past(stack, state, SystemClock()), RememberedByLikeness)


async def test_the_source_names_what_it_may_read(tmp_path: Path) -> None:
    """Its permissions are those of its library and its endpoint, and no more."""
    async with AsyncExitStack() as stack:
        folder = await opened(stack, KnowledgeSettings(library=str(tmp_path)))
        settings = KnowledgeSettings(library="s3://bucket/runbooks", endpoints=("sagemaker://retrieval",))
        bucket = await opened(stack, settings)
    assert folder["runbook"].permissions == frozenset()
    assert bucket["runbook"].permissions == {"s3:GetObject", "s3:ListBucket", "sagemaker:InvokeEndpoint"}


async def test_texts_go_only_where_data_may_go() -> None:
    """An embedding endpoint obeys the hosts that the model settings allow."""
    async with AsyncExitStack() as stack:
        settings = KnowledgeSettings(endpoints=("https://embeddings.example/v1",))
        with pytest.raises(SettingsInvalid, match=r"embeddings\.example"):
            await open_embedder(stack, settings, SystemClock())
