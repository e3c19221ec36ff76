import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from verified_world import TARGET, World, restart
from virtual_time import START

from autocloudops.actions.accounts import ActionClients
from autocloudops.actions.facts.reading import Reads
from autocloudops.actions.ops_items import SsmOpsItems
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Claim, Finding, Helped
from autocloudops.errors import ServiceUnavailable
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.automation import EmbeddedAutomation
from autocloudops.sandbox.foundation import client


@pytest.fixture
async def automation(
    embedded_aws: SandboxResources, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[EmbeddedAutomation]:
    """The stand-in for Systems Manager, where workers look for it."""
    async with EmbeddedAutomation(embedded_aws.endpoint_url) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", running.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        yield running


@pytest.fixture
def ops_items(automation: EmbeddedAutomation, stack: AsyncExitStack) -> SsmOpsItems:
    """OpsItems as a worker opens them."""
    assert automation.url
    return SsmOpsItems(Reads(ActionClients(stack, SystemClock(), TARGET.account), call_seconds=10))


@pytest.fixture
async def claim() -> Claim:
    """A claim that did not help."""
    found = Finding(helped=Helped.NOT_VERIFIED, at=START, why="the alarm is in ALARM since 12:00:00Z")
    return (await World().done(restart())).model_copy(update={"found": found})


async def _standing(automation: EmbeddedAutomation, identity: str) -> Any:  # noqa: ANN401 - an answer has no type here
    async with client("ssm", automation.url) as ssm:
        return (await ssm.get_ops_item(OpsItemId=identity))["OpsItem"]


async def test_an_opsitem_says_what_was_done_and_found(
    automation: EmbeddedAutomation, ops_items: SsmOpsItems, claim: Claim
) -> None:
    """Title, story, the resource, the execution, and the claim as its deduplication string."""
    made = await _standing(automation, await ops_items.open(claim))
    assert made["Title"] == "restart_service of shop/orders did not help: orders-cpu"
    assert made["Source"] == "AutoCloudOps"
    assert "found: the alarm is in ALARM since 12:00:00Z" in made["Description"].splitlines()
    data = {key: each["Value"] for key, each in made["OperationalData"].items()}
    assert json.loads(data["/aws/dedup"]) == {"dedupString": str(claim.claim_id)}
    assert json.loads(data["/aws/resources"]) == [{"arn": TARGET.arn}]
    assert json.loads(data["/aws/automations"])[0]["automationId"] == claim.execution_id
    assert data["autocloudops-incident"] == str(claim.incident_id)


async def test_a_claim_has_one_opsitem(automation: EmbeddedAutomation, ops_items: SsmOpsItems, claim: Claim) -> None:
    """Opened again it is the same one, although its answer was lost the first time."""
    automation.fault("CreateOpsItem", "lost_reply")
    with pytest.raises(ServiceUnavailable):
        await ops_items.open(claim)
    first = await ops_items.open(claim)
    assert await ops_items.open(claim) == first
    assert list(automation.world.ops_items) == [first]


async def test_long_texts_are_cut(automation: EmbeddedAutomation, ops_items: SsmOpsItems, claim: Claim) -> None:
    """Whatever an alarm is called and whatever was found: Systems Manager takes it."""
    long = claim.model_copy(
        update={
            "alarm": claim.alarm.model_copy(update={"name": "a" * 255}),
            "before": {f"name{number}": "x" * 100 for number in range(50)},
            "found": claim.found and claim.found.model_copy(update={"why": "why " * 2000}),
        }
    )
    made = await _standing(automation, await ops_items.open(long))
    assert len(made["Title"]) <= 1024
    assert len(made["Description"]) <= 2048


async def test_a_target_without_an_arn_is_not_named_as_one(
    automation: EmbeddedAutomation, ops_items: SsmOpsItems, claim: Claim
) -> None:
    """A related resource is an ARN or nothing."""
    bare = claim.model_copy(
        update={"request": claim.request.model_copy(update={"target": TARGET.model_copy(update={"arn": None})})}
    )
    made = await _standing(automation, await ops_items.open(bare))
    assert "/aws/resources" not in made["OperationalData"]
