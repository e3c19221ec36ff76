import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import yaml
from command_line import typed

from autocloudops.cli.program import ExitCode
from autocloudops.cli.runbooks.documents import folder, texts
from autocloudops.sandbox import SandboxResources, foundation
from autocloudops.sandbox.automation import EmbeddedAutomation


@pytest.fixture
async def automation(
    embedded_aws: SandboxResources, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[EmbeddedAutomation]:
    """A stand-in for SSM without documents, which the command line is pointed at."""
    async with EmbeddedAutomation(embedded_aws.endpoint_url) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", server.url)
        monkeypatch.setenv("AWS_REGION", foundation.REGION)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", foundation.DUMMY_CREDENTIAL)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", foundation.DUMMY_CREDENTIAL)
        yield server


async def checked(*arguments: str) -> tuple[int, dict[str, str]]:
    """Return the exit code of `runbooks test --live`, and the problem of each document."""
    result = await asyncio.to_thread(typed, "runbooks", "test", *arguments, "--live", "--output", "json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, {row["runbook"]: row["problem"] for row in rows}


async def test_documents_that_aws_has_pass(automation: EmbeddedAutomation) -> None:
    """What was deployed from these files is found to be the same, whatever form SSM answers in."""
    automation.load(folder())
    assert await checked() == (ExitCode.OK, {})


async def test_documents_as_cloudformation_writes_them_pass(automation: EmbeddedAutomation) -> None:
    """CloudFormation may make texts of numbers and booleans, and JSON of YAML: that is the same document."""
    written = yaml.safe_load(texts(folder())["AutoCloudOps-ScaleOutGroup"])
    for step in written["mainSteps"]:
        step.update({key: str(value).lower() for key, value in step.items() if isinstance(value, (bool, int))})
    async with foundation.client("ssm", automation.url) as ssm:
        await ssm.create_document(
            Name="AutoCloudOps-ScaleOutGroup", Content=json.dumps(written), DocumentType="Automation"
        )
    assert await checked("scale_out_group") == (ExitCode.OK, {})


@pytest.mark.usefixtures("automation")
async def test_documents_that_aws_lacks_are_named() -> None:
    """A runbook that nobody deployed is a failed check that says what to deploy."""
    code, found = await checked("clean_logs")
    assert (code, [*found]) == (ExitCode.CHECK_FAILED, ["AutoCloudOps-CleanLogs"])
    assert "deploy infrastructure/cloudformation/runbooks.yaml" in found["AutoCloudOps-CleanLogs"]
    assert {*(await checked())[1]} == {*texts(folder())}


async def test_another_content_is_named(automation: EmbeddedAutomation) -> None:
    """A document that somebody changed in AWS is not what was reviewed here."""
    automation.load(folder())
    changed = texts(folder())["AutoCloudOps-Notify"].replace("timeoutSeconds: 1800", "timeoutSeconds: 3600")
    async with foundation.client("ssm", automation.url) as ssm:
        await ssm.update_document(
            Name="AutoCloudOps-Notify", Content=changed, DocumentFormat="YAML", DocumentVersion="$LATEST"
        )
        await ssm.update_document_default_version(Name="AutoCloudOps-Notify", DocumentVersion="2")
    code, found = await checked()
    assert (code, [*found]) == (ExitCode.CHECK_FAILED, ["AutoCloudOps-Notify"])
    assert "another content" in found["AutoCloudOps-Notify"]
