import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from audit_actions import entry
from embedded_automation import Automation, call, running
from reading_verbs import typed
from typer.testing import Result
from virtual_time import START

from autocloudops.actions.runbook import CLAIM_PARAMETER, CLAIM_TAG
from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.objects import FolderObjects
from autocloudops.cli.audit_reading import reconcile
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import ActionEntry, Claim, ClaimState, Step

RUNBOOK = "AutoCloudOps-ScaleOutService"
BROKEN = "AutoCloudOps-Broken"


@dataclass
class Site:
    """An account whose automations run in the stand-in, and an action log in a folder."""

    automation: Automation
    folder: Path
    account: str

    def claim(self, number: int = 0, claimed_at: datetime | None = None) -> Claim:
        """Return a claim about this account, made an hour ago."""
        claim = entry(number=number).claim
        target = claim.request.target.model_copy(update={"account": self.account, "region": "eu-west-1"})
        at = claimed_at or SystemClock().now() - timedelta(hours=1)
        request = claim.request.model_copy(update={"target": target})
        return claim.model_copy(update={"claim_id": uuid4(), "request": request, "claimed_at": at})

    async def log(self, step: Step, claim: Claim, **fields: object) -> None:
        """Keep an entry of the action log."""
        made = ActionEntry(step=step, at=claim.claimed_at, claim=claim.model_copy(update=fields))
        await ActionObjects(FolderObjects(self.folder)).write(made)

    async def begin(self, token: UUID, document: str = RUNBOOK) -> str:
        """Begin an automation for a claim, and return its id when it is over."""
        execution = await self.automation.start(
            document,
            ClientToken=str(token),
            Parameters={CLAIM_PARAMETER: [str(token)]},
            Tags=[{"Key": CLAIM_TAG, "Value": str(token)}],
        )
        await self.automation.shown(execution)
        return execution

    async def reconciled(self, *more: str) -> tuple[Result, list[Mapping[str, Any]]]:
        """Return what the verb says, and its findings."""
        result = await asyncio.to_thread(typed, "reconcile", "--location", str(self.folder), *more)
        assert result.exception is None, result.exception
        return result, [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
async def site(
    ministack: str, point_at: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """A stand-in with a runbook that works and one that fails."""
    point_at(ministack)
    account = str(boto3.client("sts").get_caller_identity()["Account"])
    async with running(ministack) as automation:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", automation.server.url)
        automation.clock.forward((SystemClock().now() - START).total_seconds())
        declared = {"parameters": {CLAIM_PARAMETER: {"type": "String"}}}
        await automation.create(RUNBOOK, call("look", "sts", "GetCallerIdentity", {}), **declared)
        missing = {"TableName": "no-such-table"}
        await automation.create(BROKEN, call("look", "dynamodb", "DescribeTable", missing), **declared)
        yield Site(automation, tmp_path, account)


async def test_a_log_that_agrees_has_no_findings(site: Site) -> None:
    """A claim that was begun, ran and ended as the log says is no finding; the exit code is 0."""
    claim = site.claim()
    await site.log(Step.INTENT, claim)
    execution = await site.begin(claim.claim_id)
    await site.log(Step.OUTCOME, claim, state=ClaimState.DONE, execution_id=execution)
    result, findings = await site.reconciled()
    assert (result.return_value, findings) == (0, [])
    assert f"1 claims, 1 executions in {site.account}/eu-west-1" in result.stderr
    assert result.stderr.strip().endswith("no findings.")


async def test_an_execution_that_no_intent_stands_for_is_found(site: Site) -> None:
    """Whoever begins a runbook with a claim's tag is found, with the execution's id; the exit code is 1."""
    token = uuid4()
    execution = await site.begin(token)
    result, (finding,) = await site.reconciled()
    assert result.return_value == 1
    assert (finding["kind"], finding["execution"], finding["claim_id"]) == ("no_intent", execution, str(token))


async def test_an_execution_without_our_tag_is_nobodys_business(site: Site) -> None:
    """What people run for themselves is not looked at."""
    execution = await site.automation.start(RUNBOOK, Parameters={CLAIM_PARAMETER: ["none"]})
    await site.automation.shown(execution)
    assert (await site.reconciled())[1] == []


async def test_what_the_log_and_the_execution_say_is_compared(site: Site) -> None:
    """A `done` whose execution failed is found, and so is an intent whose execution is long over."""
    first, second = site.claim(1), site.claim(2)
    await site.log(Step.INTENT, first)
    await site.log(Step.OUTCOME, first, state=ClaimState.DONE, execution_id=await site.begin(first.claim_id, BROKEN))
    await site.log(Step.INTENT, second)
    await site.begin(second.claim_id)
    _, findings = await site.reconciled()
    assert {finding["kind"]: finding["claim_id"] for finding in findings} == {
        "differs": str(first.claim_id),
        "no_outcome": str(second.claim_id),
    }


async def test_days_limit_what_is_judged(site: Site) -> None:
    """An intent of another day is not judged when the day is named, and is when its own is."""
    yesterday = SystemClock().now() - timedelta(days=1)
    await site.log(Step.INTENT, site.claim(1, yesterday))
    today, day = f"{SystemClock().now():%Y-%m-%d}", f"{yesterday:%Y-%m-%d}"
    assert (await site.reconciled("--from", today))[1] == []
    _, (finding,) = await site.reconciled("--from", day, "--to", day)
    assert finding["kind"] == "no_outcome"


async def test_more_executions_than_a_page_are_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page is read: one stranger more than fits on a page is found, too."""
    monkeypatch.setattr(reconcile, "PAGE", 2)
    for _ in range(3):
        await site.begin(uuid4())
    assert len((await site.reconciled())[1]) == 3


async def test_a_place_that_is_none_is_refused(site: Site) -> None:
    """A typing error in a place is told before anything is read."""
    result = await asyncio.to_thread(typed, "reconcile", "--location", str(site.folder), "--place", "eu-west-1")
    assert "is no place" in str(result.exception)
