"""The wire of the simulated control plane: checks, lists, tags, faults and waiters."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession
from botocore.exceptions import ClientError, WaiterError
from botocore.session import get_session
from control_plane import (
    ARN,
    PLACE,
    Account,
    aws_client,
    opened_account,
)

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.control_plane import SERVICES, SimulatedControlPlane


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    """An account without any endpoint."""
    async with opened_account() as opened:
        yield opened


async def test_boto3_waiters_see_the_transitions(account: Account) -> None:
    """The waiters for in service and deleted return, and the first fails on a Failed endpoint."""
    await account.model()
    await account.config()
    account.clock.step_seconds = 10
    quickly = {"Delay": 0, "MaxAttempts": 60}
    for fault, ending in (("", "InService"), ("health_check", "Failed")):
        if fault:
            account.plane.fail_next("CreateEndpoint", fault)
        await account("create_endpoint", EndpointName="nim", EndpointConfigName="nim-1")
        waiter = account.client("sagemaker").get_waiter("endpoint_in_service")
        waiting = asyncio.to_thread(waiter.wait, EndpointName="nim", WaiterConfig=quickly)
        if fault:
            with pytest.raises(WaiterError, match="terminal failure"):
                await waiting
        else:
            await waiting
        assert (await account.endpoint())[0] == ending
        await account("delete_endpoint", EndpointName="nim")
        gone = account.client("sagemaker").get_waiter("endpoint_deleted")
        await asyncio.to_thread(gone.wait, EndpointName="nim", WaiterConfig=quickly)
    assert await account.refused("describe_endpoint", EndpointName="nim") == (
        "ValidationException",
        f'Could not find endpoint "{ARN}:endpoint/nim".',
    )


async def test_tags_live_as_long_as_what_they_are_on(account: Account) -> None:
    """Tags of the create call, added and deleted ones are listed; those of a deleted endpoint are gone."""
    await account.model()
    await account.config()
    owner = [{"Key": "owner", "Value": "autocloudops"}]
    made = await account("create_endpoint", EndpointName="nim", EndpointConfigName="nim-1", Tags=owner)
    arn = made["EndpointArn"]
    await account("add_tags", ResourceArn=arn, Tags=[{"Key": "spec", "Value": "1"}, {"Key": "lease", "Value": "a"}])
    await account("delete_tags", ResourceArn=arn, TagKeys=["lease", "absent"])
    assert (await account("list_tags", ResourceArn=arn))["Tags"] == [*owner, {"Key": "spec", "Value": "1"}]
    account.clock.forward(100)
    await account("delete_endpoint", EndpointName="nim")
    account.clock.forward(20)
    assert (await account.refused("list_tags", ResourceArn=arn))[0] == "ValidationException"
    await account("delete_model", ModelName="llm")
    assert (await account.refused("list_tags", ResourceArn=f"{ARN}:model/llm"))[0] == "ValidationException"


async def test_lists_are_filtered_sorted_and_paged(account: Account) -> None:
    """Newest first by default; name, status and time filters hold; pages join to the whole; a bad token is refused."""
    await account.model()
    await account.config()
    for name in ("a-1", "a-2", "b-1"):
        await account("create_endpoint", EndpointName=name, EndpointConfigName="nim-1")
        account.clock.forward(50)
    listed = account.client("sagemaker").get_paginator("list_endpoints")

    def names(**request: object) -> list[str]:
        return [each["EndpointName"] for page in listed.paginate(**request) for each in page["Endpoints"]]

    assert await asyncio.to_thread(names, MaxResults=2) == ["b-1", "a-2", "a-1"]
    assert await asyncio.to_thread(names, SortBy="Name", SortOrder="Ascending") == ["a-1", "a-2", "b-1"]
    assert await asyncio.to_thread(names, NameContains="A-") == ["a-2", "a-1"]
    assert await asyncio.to_thread(names, StatusEquals="Creating") == ["b-1"]
    after = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert await asyncio.to_thread(names, CreationTimeAfter=after) == ["b-1", "a-2"]
    assert await asyncio.to_thread(names, CreationTimeBefore=after) == []
    assert (await account.refused("list_endpoints", NextToken="bm9uZQ=="))[0] == "ValidationException"
    assert [each["ModelName"] for each in (await account("list_models"))["Models"]] == ["llm"]
    configs = await account("list_endpoint_configs", SortBy="CreationTime")
    assert [each["EndpointConfigName"] for each in configs["EndpointConfigs"]] == ["nim-1"]


async def test_requests_are_checked_against_the_api(account: Account) -> None:
    """What boto3 would not send is refused by the server too, in AWS's words."""
    asked: tuple[tuple[dict[str, object], str], ...] = (
        (
            {"EndpointName": "nim"},
            "Value null at 'endpointConfigName' failed to satisfy constraint: Member must not be",
        ),
        ({"EndpointName": "_", "EndpointConfigName": "c"}, "Member must satisfy regular expression pattern"),
        ({"EndpointName": "n" * 64, "EndpointConfigName": "c"}, "Member must have length less than or equal to 63"),
        ({"EndpointName": 1, "EndpointConfigName": "c"}, "endpointName is no string"),
    )
    for body, words in asked:
        status, said = await _post(account.plane.url, "SageMaker.CreateEndpoint", json.dumps(body))
        assert (status, words in said["message"]) == (400, True)
    for target, text, code in (
        ("SageMaker.CreateEndpoint", "{", "SerializationException"),
        ("SageMaker.CreateEndpoint", "[]", "SerializationException"),
        ("SageMaker.CreateCluster", "{}", "UnknownOperationException"),
        ("", "{}", "UnknownOperationException"),
    ):
        status, said = await _post(account.plane.url, target, text)
        assert (status, said["__type"]) == (400, code)


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("throttled", "ThrottlingException", 400),
        ("internal", "InternalFailure", 500),
        ("unavailable", "ServiceUnavailable", 503),
        ("access_denied", "AccessDeniedException", 400),
    ],
)
async def test_a_call_can_be_made_to_fail_once(account: Account, fault: str, code: str, status: int) -> None:
    """The next call of the operation is refused, and the one after that is not."""
    account.plane.fail_next("ListModels", fault)
    with pytest.raises(ClientError) as caught:
        await account("list_models")
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert await account("list_models") == {"Models": []}


@pytest.mark.parametrize(("operation", "fault"), [("ListModels", "health_check"), ("CreateModle", "throttled")])
async def test_a_fault_that_could_never_happen_is_refused(account: Account, operation: str, fault: str) -> None:
    """A test that plants one learns of its mistake at once."""
    with pytest.raises(SandboxFailed, match=r"meets no fault health_check|no operation is called CreateModle"):
        account.plane.fail_next(operation, fault)


async def test_the_environment_points_every_client_here(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore itself reads the variables, for each service that is served."""
    for name, value in account.plane.environment().items():
        monkeypatch.setenv(name, value)
    for service in SERVICES.values():
        made = get_session().create_client(
            service.name, region_name=PLACE.region, aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        assert made.meta.endpoint_url == account.plane.url
        made.close()


async def test_a_lost_reply_leaves_what_was_done(account: Account) -> None:
    """The connection closes after the model was created: botocore's own retry then meets an existing name."""
    account.plane.fail_next("CreateModel", "lost_reply")
    retrying = aws_client("sagemaker", account.plane.url, attempts=2)
    account.clients["retrying"] = retrying
    with pytest.raises(ClientError, match="Cannot create already existing model"):
        await asyncio.to_thread(retrying.create_model, ModelName="llm", PrimaryContainer={"Image": "nim:1"})
    assert account.plane.calls == ("CreateModel", "CreateModel")
    assert (await account("describe_model", ModelName="llm"))["PrimaryContainer"] == {"Image": "nim:1"}


def test_every_operation_exists_in_the_api() -> None:
    """The table of operations holds no name that botocore does not know, under the right target prefix."""
    for prefix, service in SERVICES.items():
        model = get_session().get_service_model(service.name)
        assert model.metadata["targetPrefix"] == prefix
        assert set(service.operations) <= set(model.operation_names)


async def test_it_listens_on_loopback_and_only_while_it_runs() -> None:
    """The address is a loopback one; before and after there is none."""
    plane = SimulatedControlPlane()
    with pytest.raises(SandboxFailed, match="not running"):
        _ = plane.url
    async with plane:
        assert plane.url.startswith("http://127.0.0.1:")
        assert plane.instances("absent") == plane.copies("absent") == 0
    with pytest.raises(SandboxFailed, match="not running"):
        _ = plane.url


async def _post(url: str, target: str, body: str) -> tuple[int, dict[str, str]]:
    async with ClientSession() as session, session.post(url, data=body, headers={"X-Amz-Target": target}) as answer:
        return answer.status, json.loads(await answer.read())
