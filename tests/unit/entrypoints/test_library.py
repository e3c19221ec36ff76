from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from autocloudops.clock import SystemClock
from autocloudops.entrypoints.library import open_embedder, open_runbooks
from autocloudops.errors import SettingsInvalid
from autocloudops.settings import KnowledgeSettings


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are opened in some region."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


async def test_without_a_library_there_is_no_source() -> None:
    """A team that keeps no runbooks is asked for nothing."""
    async with AsyncExitStack() as stack:
        assert await open_runbooks(stack, KnowledgeSettings(), SystemClock()) is None


async def test_the_source_names_what_it_may_read(tmp_path: Path) -> None:
    """Its permissions are those of its library and its endpoint, and no more."""
    async with AsyncExitStack() as stack:
        folder = await open_runbooks(stack, KnowledgeSettings(library=str(tmp_path)), SystemClock())
        settings = KnowledgeSettings(library="s3://bucket/runbooks", endpoints=("sagemaker://retrieval",))
        bucket = await open_runbooks(stack, settings, SystemClock())
    assert folder is not None
    assert folder.permissions == frozenset()
    assert bucket is not None
    assert bucket.permissions == {"s3:GetObject", "s3:ListBucket", "sagemaker:InvokeEndpoint"}


async def test_texts_go_only_where_data_may_go() -> None:
    """An embedding endpoint obeys the hosts that the model settings allow."""
    async with AsyncExitStack() as stack:
        settings = KnowledgeSettings(endpoints=("https://embeddings.example/v1",))
        with pytest.raises(SettingsInvalid, match=r"embeddings\.example"):
            await open_embedder(stack, settings, SystemClock())
