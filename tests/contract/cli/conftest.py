"""A stack of a test's own, as people at a terminal meet it."""

from collections.abc import Callable

import pytest

from autocloudops.sandbox import SandboxResources


@pytest.fixture
def deployed(
    foundation: SandboxResources, point_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> SandboxResources:
    """Return a stack, with the environment set to it, its state table and its audit."""
    point_at(foundation.endpoint_url)
    monkeypatch.setenv("AWS_REGION", foundation.region)
    monkeypatch.setenv("AWS_DEFAULT_REGION", foundation.region)
    monkeypatch.setenv("AUTOCLOUDOPS_STATE_TABLE", foundation.state_table)
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_LOCATION", f"s3://{foundation.audit_bucket}")
    return foundation
