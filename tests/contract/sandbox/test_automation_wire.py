"""The wire of the stand-in for Systems Manager: starts, lists, documents, calendars, OpsItems, faults, the proxy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import ClientSession
from aiohttp.client_exceptions import ClientConnectorError
from botocore.exceptions import ClientError, HTTPClientError
from embedded_automation import LOOK_SECONDS, ROOT, Automation, call, content, running, step

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox import SandboxResources, foundation
from autocloudops.sandbox.automation import OPERATIONS, EmbeddedAutomation
from autocloudops.sandbox.automation.interpreter import Interpreter

NAME = "AutoCloudOps-Small"
TOKEN = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
LISTS = call("list", "ecs", "ListClusters", {})


@pytest.fixture
async def automation(embedded_aws: SandboxResources) -> AsyncIterator[Automation]:
    """A stand-in without documents."""
    async with running(embedded_aws.endpoint_url) as opened:
        yield opened


async def test_a_repeated_start_gives_the_first_execution(automation: Automation) -> None:
    """The same token with the same input starts nothing; with other input it is refused; another token starts."""
    await automation.create(NAME, LISTS, parameters={"Why": {"type": "String", "default": ""}})
    first = await automation.start(NAME, ClientToken=TOKEN)
    assert await automation.start(NAME, ClientToken=TOKEN.upper()) == first
    code, _ = await automation.refused(
        "start_automation_execution", DocumentName=NAME, ClientToken=TOKEN, Parameters={"Why": ["x"]}
    )
    assert code == "IdempotentParameterMismatch"
    assert len(automation.server.world.executions) == 1
    assert await automation.start(NAME, ClientToken=str(uuid4())) != first


async def test_a_start_whose_answer_is_lost_was_made_and_is_found_again(automation: Automation) -> None:
    """The caller sees a broken connection; the same token, and the tag, both lead to the one execution."""
    await automation.create(NAME, LISTS)
    tags = [{"Key": "autocloudops:claim-1", "Value": "yes"}]
    automation.server.fault("StartAutomationExecution", "lost_reply")
    with pytest.raises(HTTPClientError):
        await automation.start(NAME, ClientToken=TOKEN, Tags=tags)
    (made,) = automation.server.world.executions
    asked = [{"Key": "TagKey", "Values": ["autocloudops:claim-1"]}]
    listed = await automation("describe_automation_executions", Filters=asked)
    assert [each["AutomationExecutionId"] for each in listed["AutomationExecutionMetadataList"]] == [made]
    assert await automation.start(NAME, ClientToken=TOKEN, Tags=tags) == made


async def test_a_start_whose_request_is_lost_was_not_made(automation: Automation) -> None:
    """The caller sees the same broken connection, and nothing was done."""
    await automation.create(NAME, LISTS)
    automation.server.fault("StartAutomationExecution", "lost_request")
    with pytest.raises(HTTPClientError):
        await automation.start(NAME, ClientToken=TOKEN)
    assert not automation.server.world.executions


async def test_refusals_come_as_often_as_they_were_asked_for(automation: Automation) -> None:
    """Each fault is one call's; the first that is not faulted is answered."""
    await automation.create(NAME, LISTS)
    automation.server.fault("StartAutomationExecution", "throttled", times=2)
    automation.server.fault("StartAutomationExecution", "limit_exceeded")
    said = [(await automation.refused("start_automation_execution", DocumentName=NAME))[0] for _ in range(3)]
    assert said == ["ThrottlingException"] * 2 + ["AutomationExecutionLimitExceededException"]
    assert not automation.server.world.executions
    assert await automation.start(NAME)
    with pytest.raises(SandboxFailed, match="no operation is called GetParameter"):
        automation.server.fault("GetParameter", "throttled")


async def test_a_slow_call_is_done_at_once_and_answered_late(automation: Automation) -> None:
    """The execution exists while the answer is still held back by the clock."""
    await automation.create(NAME, LISTS)
    automation.server.fault("StartAutomationExecution", "slow", seconds=30)
    starting = asyncio.create_task(automation.start(NAME))
    async with asyncio.timeout(LOOK_SECONDS):
        while not automation.clock.sleepers:
            await automation("list_documents")
    (made,) = automation.server.world.executions
    assert not starting.done()
    automation.clock.forward(30)
    assert await starting == made


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "Missing required parameter: Action in user inputs."),
        ({"Action": ["install"]}, 'Parameter "Action" has value "install" not found in [Install, Uninstall].'),
        ({"Action": ["Install"], "Other": ["x"]}, "The document has no parameter Other."),
        ({"Action": ["Install", "Uninstall"]}, 'Parameter "Action" of type String has 2 values.'),
        ({"Action": ["Install"], "Count": ["three"]}, 'Parameter "Count" has value "three" that is no Integer.'),
        ({"Action": ["Install"], "Sure": ["maybe"]}, 'Parameter "Sure" has value "maybe" that is no Boolean.'),
        (
            {"Action": ["Install"], "Name": ["a b"]},
            'Parameter "Name" has value "a b" not matching the pattern ^[a-z]*$.',
        ),
        ({"Action": ["Install"], "Names": ["a", "b", "c"]}, 'Parameter "Names" has 3 items.'),
        ({"Action": ["Install"], "Name": ["abcdef"]}, 'Parameter "Name" has 6 characters.'),
    ],
)
async def test_parameters_that_do_not_fit_are_refused(
    automation: Automation, parameters: dict[str, list[str]], said: str
) -> None:
    """A start with a missing, unknown, mistyped or forbidden parameter starts nothing and says which one."""
    declared = {
        "Action": {"type": "String", "allowedValues": ["Install", "Uninstall"]},
        "Count": {"type": "Integer", "default": 1},
        "Sure": {"type": "Boolean", "default": True},
        "Name": {"type": "String", "allowedPattern": "^[a-z]*$", "maxChars": 5, "default": ""},
        "Names": {"type": "StringList", "maxItems": 2, "default": []},
    }
    await automation.create(NAME, LISTS, parameters=declared)
    given = {"Parameters": parameters} if parameters else {}
    refused = await automation.refused("start_automation_execution", DocumentName=NAME, **given)
    assert refused == ("InvalidAutomationExecutionParametersException", said)
    assert not automation.server.world.executions


async def test_what_is_not_done_here_is_refused(automation: Automation) -> None:
    """Starts in other places, with six tags, of no document or of no version of it each have their error."""
    await automation.create(NAME, LISTS)
    tags = [{"Key": f"k{number}", "Value": "v"} for number in range(6)]
    elsewhere = [{"Accounts": ["111122223333"], "Regions": ["eu-west-1"]}]
    wrong = "InvalidAutomationExecutionParametersException"
    for request, code in (
        ({"DocumentName": NAME, "TargetLocations": elsewhere}, wrong),
        ({"DocumentName": NAME, "Tags": tags}, wrong),
        ({"DocumentName": "Missing"}, "AutomationDefinitionNotFoundException"),
        ({"DocumentName": NAME, "DocumentVersion": "9"}, "AutomationDefinitionVersionNotFoundException"),
    ):
        assert (await automation.refused("start_automation_execution", **request))[0] == code
    assert (await automation.refused("get_automation_execution", AutomationExecutionId=TOKEN))[0] == (
        "AutomationExecutionNotFoundException"
    )


async def test_executions_are_listed_newest_first_by_filter_and_page(automation: Automation) -> None:
    """Name prefix, status, tag key and time choose; pages hold what was asked for, and a token leads to the next."""
    await automation.create(NAME, LISTS)
    await automation.create("Other-Document", step("ask", "approve", {"Approvers": [ROOT]}))
    made = [await automation.start(name) for name in (NAME, NAME, "Other-Document")]
    await automation.shown(made[0])
    await automation.shown(made[2], "Waiting")
    await automation(
        "add_tags_to_resource", ResourceType="Automation", ResourceId=made[1], Tags=[{"Key": "mine", "Value": "1"}]
    )
    for key, value, expected in (
        ("DocumentNamePrefix", "AutoCloudOps-", [made[1], made[0]]),
        ("ExecutionStatus", "Waiting", [made[2]]),
        ("CurrentAction", "aws:approve", [made[2]]),
        ("TagKey", "mine", [made[1]]),
        ("ExecutionId", made[0], [made[0]]),
        ("StartTimeAfter", "2030-01-01T00:00:00Z", []),
    ):
        got = await automation("describe_automation_executions", Filters=[{"Key": key, "Values": [value]}])
        assert [each["AutomationExecutionId"] for each in got["AutomationExecutionMetadataList"]] == expected
    paged = automation.client.get_paginator("describe_automation_executions").paginate(MaxResults=2)
    sizes = [len(each["AutomationExecutionMetadataList"]) async for each in paged]
    assert sizes == [2, 1]
    code, _ = await automation.refused("describe_automation_executions", NextToken="nonsense")
    assert code == "InvalidNextToken"
    steps = await automation(
        "describe_automation_step_executions",
        AutomationExecutionId=made[2],
        Filters=[{"Key": "StepExecutionStatus", "Values": ["Waiting"]}],
    )
    assert [each["StepName"] for each in steps["StepExecutions"]] == ["ask"]


async def test_documents_have_versions_and_one_is_the_default(automation: Automation) -> None:
    """An update makes the next version and changes nothing that runs until it is made the default."""
    await automation.create(NAME, LISTS, description="first", parameters={"Why": {"type": "String", "default": "x"}})
    second = content(LISTS, description="second")
    with_second = {"Name": NAME, "Content": second, "DocumentVersion": "$LATEST"}
    updated = await automation("update_document", **with_second)
    assert updated["DocumentDescription"]["DocumentVersion"] == "2"
    assert (await automation("describe_document", Name=NAME))["Document"]["Description"] == "first"
    await automation("update_document_default_version", Name=NAME, DocumentVersion="2")
    described = (await automation("describe_document", Name=NAME))["Document"]
    assert (described["Description"], described["DefaultVersion"], described["Status"]) == ("second", "2", "Active")
    first = await automation("get_document", Name=NAME, DocumentVersion="1", DocumentFormat="YAML")
    assert "description: first" in first["Content"]
    assert (await automation.refused("update_document", **with_second))[0] == "DuplicateDocumentContent"
    listed = await automation("list_documents", Filters=[{"Key": "Name", "Values": ["AutoCloudOps-"]}])
    assert [each["Name"] for each in listed["DocumentIdentifiers"]] == [NAME]
    await automation("delete_document", Name=NAME)
    assert await automation.refused("describe_document", Name=NAME) == (
        "InvalidDocument",
        f"Document with name {NAME} does not exist.",
    )


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{", "InvalidDocumentContent"),
        ('{"schemaVersion": "2.2", "mainSteps": []}', "InvalidDocumentSchemaVersion"),
        (content(), "InvalidDocumentContent"),
        (content(step("run", "executeScript", {})), "InvalidDocumentContent"),
        (content(LISTS, LISTS), "InvalidDocumentContent"),
        (content({**LISTS, "nextStep": "nowhere"}), "InvalidDocumentContent"),
        (content({**LISTS, "onFailure": "step:nowhere"}), "InvalidDocumentContent"),
        (content({**LISTS, "onfailure": "Abort"}), "InvalidDocumentContent"),
        (content(step("go", "branch", {"Choices": [{"NextStep": "nowhere"}]})), "InvalidDocumentContent"),
        (content({**LISTS, "outputs": [{"Name": "Arn", "Selector": "clusterArns"}]}), "InvalidDocumentContent"),
        (content(LISTS, parameters={"Why": {"type": "String", "allowedPattern": "["}}), "InvalidDocumentContent"),
    ],
)
async def test_a_document_that_cannot_be_run_is_refused(automation: Automation, written: str, code: str) -> None:
    """What no execution could follow is refused when the document is created, and nothing is kept."""
    request = {"Name": NAME, "Content": written, "DocumentType": "Automation"}
    assert (await automation.refused("create_document", **request))[0] == code
    assert not automation.server.world.documents


async def test_calendars_are_open_when_all_of_them_are(automation: Automation) -> None:
    """Events turn the default around, in any zone; one closed calendar closes all; an unknown one is an error."""
    frozen = (
        "BEGIN:VCALENDAR\r\nX-CALENDAR-TYPE:DEFAULT_OPEN\r\nBEGIN:VEVENT\r\nDTSTART;TZID=Europe/Berlin:20260301T140000\r\n"
        "DTEND:20260301T150000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    await automation(
        "create_document", Name="Freeze", Content=frozen, DocumentType="ChangeCalendar", DocumentFormat="TEXT"
    )
    automation.server.set_calendar("Always", "OPEN")
    said = await automation("get_calendar_state", CalendarNames=["Freeze", "Always"])
    assert said == {"State": "OPEN", "AtTime": "2026-03-01T12:00:00Z", "NextTransitionTime": "2026-03-01T13:00:00Z"}
    automation.clock.forward(2 * 3600)
    said = await automation("get_calendar_state", CalendarNames=["arn:aws:ssm:us-east-1:111122223333:document/Freeze"])
    assert (said["State"], said["NextTransitionTime"]) == ("CLOSED", "2026-03-01T15:00:00Z")
    later = await automation("get_calendar_state", CalendarNames=["Freeze"], AtTime="2026-03-02T00:00:00Z")
    assert later["State"] == "OPEN"
    automation.server.set_calendar("Always", "CLOSED")
    later = {"CalendarNames": ["Freeze", "Always"], "AtTime": "2026-03-02T00:00:00Z"}
    assert (await automation("get_calendar_state", **later))["State"] == "CLOSED"
    assert (await automation.refused("get_calendar_state", CalendarNames=["Unknown"]))[0] == "InvalidDocument"
    await automation.create(NAME, LISTS)
    assert (await automation.refused("get_calendar_state", CalendarNames=[NAME]))[0] == "InvalidDocumentType"


async def test_one_ops_item_is_open_for_each_deduplication_text(automation: Automation) -> None:
    """A second with the same text names the first; when the first is resolved, another may be opened."""
    dedup = {"/aws/dedup": {"Type": "SearchableString", "Value": '{"dedupString":"incident-1"}'}}
    request = {"Title": "disk full", "Description": "see", "Source": "AutoCloudOps", "OperationalData": dedup}
    first = (await automation("create_ops_item", **request))["OpsItemId"]
    with pytest.raises(ClientError) as caught:
        await automation("create_ops_item", **request)
    assert caught.value.response["Error"]["Code"] == "OpsItemAlreadyExistsException"
    assert dict(caught.value.response)["OpsItemId"] == first
    assert (await automation("get_ops_item", OpsItemId=first))["OpsItem"]["Title"] == "disk full"
    await automation("update_ops_item", OpsItemId=first, Status="Resolved")
    assert (await automation("create_ops_item", **request))["OpsItemId"] != first
    asked = [{"Key": "Status", "Values": ["Open"], "Operator": "Equal"}]
    listed = await automation("describe_ops_items", OpsItemFilters=asked)
    assert [each["Title"] for each in listed["OpsItemSummaries"]] == ["disk full"]
    reserved = {**request, "OperationalData": {"aws-key": {"Value": "x", "Type": "String"}}}
    assert (await automation.refused("create_ops_item", **reserved))[0] == "OpsItemInvalidParameterException"
    assert (await automation.refused("get_ops_item", OpsItemId="oi-000000000000"))[0] == "OpsItemNotFoundException"


async def test_tags_are_kept_here_and_those_of_parameters_in_the_embedded_aws(automation: Automation) -> None:
    """Tags of a document can be added, listed and removed; a parameter and its tags are the embedded AWS's."""
    await automation.create(NAME, LISTS)
    parameter = f"/t/{uuid4().hex}"
    await automation("put_parameter", Name=parameter, Value="on", Type="String")
    assert (await automation("get_parameter", Name=parameter))["Parameter"]["Value"] == "on"
    for resource in (
        {"ResourceType": "Document", "ResourceId": NAME},
        {"ResourceType": "Parameter", "ResourceId": parameter},
    ):
        await automation("add_tags_to_resource", **resource, Tags=[{"Key": "k", "Value": "v"}])
        assert (await automation("list_tags_for_resource", **resource))["TagList"] == [{"Key": "k", "Value": "v"}]
        await automation("remove_tags_from_resource", **resource, TagKeys=["k"])
        assert (await automation("list_tags_for_resource", **resource))["TagList"] == []
    missing = {"ResourceType": "Document", "ResourceId": "Missing"}
    assert (await automation.refused("list_tags_for_resource", **missing))[0] == "InvalidResourceId"


async def test_all_else_is_answered_by_the_embedded_aws(automation: Automation) -> None:
    """Calls of another service, with a path and a body of bytes, and errors of the emulator come through unchanged."""
    async with foundation.client("s3", automation.server.url) as s3:
        bucket = f"b{uuid4().hex}"
        await s3.create_bucket(Bucket=bucket)
        body = bytes(range(256))
        await s3.put_object(Bucket=bucket, Key="a b/ü", Body=body)
        got = await s3.get_object(Bucket=bucket, Key="a b/ü")
        assert await got["Body"].read() == body
    assert (await automation.refused("get_parameter", Name="/none"))[0] == "ParameterNotFound"


async def test_a_request_is_checked_before_anything_is_done(automation: Automation) -> None:
    """A body that is no JSON, one that does not fit the API's shape, and one that is not signed are refused."""
    headers = {"X-Amz-Target": "AmazonSSM.GetAutomationExecution", "Authorization": "AWS4 Credential=sandbox/2026"}
    async with ClientSession() as http:
        for body, sent, code in (
            ("{", headers, "SerializationException"),
            ("{}", headers, "ValidationException"),
            ("{}", {**headers, "Authorization": ""}, "MissingAuthenticationToken"),
        ):
            async with http.post(automation.server.url, data=body, headers=sent) as response:
                assert (response.status, (await response.json(content_type=None))["__type"]) == (400, code)


async def test_a_folder_of_runbooks_is_loaded_and_loaded_again(automation: Automation, tmp_path: Path) -> None:
    """Each file is a document of its name; a changed one becomes the default version; one that cannot run is named."""
    small = tmp_path / "AutoCloudOps-Small.yaml"
    small.write_text(content(LISTS, description="first"), encoding="utf-8")
    assert automation.server.load(tmp_path) == (NAME,)
    assert automation.server.load(tmp_path) == (NAME,)
    small.write_text(content(LISTS, description="second"), encoding="utf-8")
    automation.server.load(tmp_path)
    described = (await automation("describe_document", Name=NAME))["Document"]
    assert (described["Description"], described["LatestVersion"]) == ("second", "2")
    (tmp_path / "AutoCloudOps-Wrong.yaml").write_text("mainSteps: []", encoding="utf-8")
    with pytest.raises(SandboxFailed, match=r"AutoCloudOps-Wrong\.yaml cannot be interpreted"):
        automation.server.load(tmp_path)


async def test_it_listens_on_loopback_and_only_while_it_runs(embedded_aws: SandboxResources) -> None:
    """Its address is 127.0.0.1, no other address of the machine answers on its port, and none when it has ended."""
    server = EmbeddedAutomation(embedded_aws.endpoint_url)
    with pytest.raises(SandboxFailed, match="not running"):
        _ = server.url
    async with server, ClientSession() as http:
        url = server.url
        assert url.startswith("http://127.0.0.1:")
        with pytest.raises(ClientConnectorError):
            await http.get(url.replace("127.0.0.1", "127.0.0.2"))
    async with ClientSession() as http:
        with pytest.raises(ClientConnectorError):
            await http.get(url)


async def test_without_the_embedded_aws_nobody_is_known_and_nothing_else_answered() -> None:
    """A caller cannot be identified, and a request for the embedded AWS is refused as one that may pass later."""
    async with running("http://127.0.0.1:9") as alone:
        assert (await alone.refused("list_documents"))[0] == "UnrecognizedClientException"
        assert (await alone.refused("get_parameter", Name="/any"))[0] == "ServiceUnavailable"


async def test_what_an_execution_breaks_on_is_raised_at_the_end(
    embedded_aws: SandboxResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of the stand-in's own is not lost in a task that nobody awaits."""

    async def broken(_: Interpreter) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(Interpreter, "run", broken)
    opened = AsyncExitStack()
    automation = await opened.enter_async_context(running(embedded_aws.endpoint_url))
    await automation.create(NAME, LISTS)
    await automation.start(NAME)
    with pytest.raises(RuntimeError, match="a mistake"):
        await opened.aclose()


def test_the_operations_are_those_that_the_guide_names() -> None:
    """Every operation served here stands in the guide, so that nobody takes another for served."""
    guide = Path(__file__).parents[3] / "docs" / "sandbox.md"
    said = guide.read_text(encoding="utf-8")
    assert [each for each in OPERATIONS if f"`{each}`" not in said] == []
