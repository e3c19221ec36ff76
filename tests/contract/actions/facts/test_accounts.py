"""Clients for other accounts, over HTTP to an STS that answers what a test says."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from fact_sources import ACCOUNT, OTHER, REGION
from scripted_aws import Fault, ScriptedAws, assumed_role
from turned_clock import TurnedClock
from virtual_time import START

from autocloudops.actions.accounts import REFUSED_SECONDS, AccountRole, ActionClients
from autocloudops.errors import AccessDenied, AccountUnread, ServiceUnavailable

HOUR = timedelta(hours=1)
THIRD = "333333333333"


@pytest.fixture
def sts(endpoint: ScriptedAws, point_at: Callable[[str], None]) -> ScriptedAws:
    """Everything goes to the endpoint, whose STS gives credentials for an hour."""
    point_at(endpoint.url)
    endpoint.answers = {
        "AssumeRole": assumed_role("FIRST", (START + HOUR).isoformat()),
        "ListClusters": {"clusterArns": []},
    }
    return endpoint


@pytest.fixture
def clock() -> TurnedClock:
    """Time as the test turns it."""
    return TurnedClock()


def clients_of(stack: AsyncExitStack, clock: TurnedClock, external_id: str = "") -> ActionClients:
    """Return clients of a worker in its own account, with a role for others."""
    return ActionClients(stack, clock, ACCOUNT, AccountRole("team/autocloudops-actor", external_id))


async def listed(clients: ActionClients, account: str, region: str = REGION) -> None:
    """Make one call in an account."""
    await (await clients.client("ecs", account, region)).list_clusters()


async def test_the_own_account_is_read_as_oneself(sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock) -> None:
    """No role is assumed where none is needed."""
    await listed(clients_of(stack, clock), ACCOUNT)
    assert [(each.operation, each.access_key) for each in sts.heard] == [("ListClusters", "testing")]


async def test_another_account_is_read_by_its_role(sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock) -> None:
    """The role's ARN has the account and the region's partition; its credentials sign, and are used again."""
    clients = clients_of(stack, clock, external_id="outside")
    await listed(clients, OTHER)
    await listed(clients, OTHER, "us-east-1")
    await listed(clients, THIRD, "cn-north-1")
    assert [each.access_key for each in sts.heard if each.operation == "ListClusters"] == ["FIRST"] * 3
    assumed = [each.form for each in sts.heard if each.operation == "AssumeRole"]
    assert [form["RoleArn"] for form in assumed] == [
        f"arn:aws:iam::{OTHER}:role/team/autocloudops-actor",
        f"arn:aws-cn:iam::{THIRD}:role/team/autocloudops-actor",
    ]
    assert {(form["RoleSessionName"], form["ExternalId"]) for form in assumed} == {("autocloudops", "outside")}


async def test_without_an_external_id_none_is_sent(sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock) -> None:
    """STS takes no empty one."""
    await listed(clients_of(stack, clock), OTHER)
    assert "ExternalId" not in sts.heard[0].form


async def test_a_role_is_assumed_once_for_all_who_want_it(
    sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock
) -> None:
    """Many readers at once cost one call of STS for each account."""
    clients = clients_of(stack, clock)
    await asyncio.gather(*(listed(clients, account) for account in (OTHER, THIRD) * 5))
    assert sts.count("AssumeRole") == 2
    assert sts.count("ListClusters") == 10


async def test_credentials_are_renewed_five_minutes_before_they_expire(
    sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock
) -> None:
    """A client that was opened once signs with the new credentials, which are fetched once."""
    clients = clients_of(stack, clock)
    await listed(clients, OTHER)
    sts.answers["AssumeRole"] = assumed_role("SECOND", (START + 2 * HOUR).isoformat())
    clock.seconds = timedelta(minutes=54, seconds=59).total_seconds()
    await listed(clients, OTHER)
    assert sts.count("AssumeRole") == 1
    clock.seconds += 2
    await asyncio.gather(*(listed(clients, OTHER) for _ in range(5)))
    assert sts.count("AssumeRole") == 2
    assert [each.access_key for each in sts.heard if each.operation == "ListClusters"] == ["FIRST"] * 2 + ["SECOND"] * 5


async def test_a_refused_role_is_named_and_not_asked_for_again_for_a_while(
    sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock
) -> None:
    """The error says which role and what to do; STS is not hammered, and a repaired trust policy is noticed."""
    clients = clients_of(stack, clock)
    sts.answers["AssumeRole"] = Fault("AccessDenied", "not authorized to perform: sts:AssumeRole", 403)
    arn = f"arn:aws:iam::{OTHER}:role/team/autocloudops-actor"
    for _ in range(3):
        with pytest.raises(AccessDenied, match=f"{arn} failed: AccessDenied: not authorized.*let it trust that role"):
            await listed(clients, OTHER)
    assert sts.count("AssumeRole") == 1
    sts.answers["AssumeRole"] = assumed_role("SECOND", (START + HOUR).isoformat())
    clock.seconds += REFUSED_SECONDS
    await listed(clients, OTHER)
    assert sts.heard[-1].access_key == "SECOND"


async def test_a_renewal_that_is_refused_is_an_error_of_the_call(
    sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock
) -> None:
    """Once the role is taken away, its old credentials are not used to the end, and the role is named."""
    clients = clients_of(stack, clock)
    await listed(clients, OTHER)
    sts.answers["AssumeRole"] = Fault("AccessDenied", "not any more", 403)
    clock.seconds += HOUR.total_seconds()
    with pytest.raises(AccessDenied, match="not any more"):
        await listed(clients, OTHER)


async def test_an_sts_that_fails_is_tried_again(sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock) -> None:
    """What may pass by itself does."""
    clients = clients_of(stack, clock)
    sts.answers["AssumeRole"] = Fault("InternalFailure", "it broke", 500)
    with pytest.raises(ServiceUnavailable, match="it broke"):
        await listed(clients, OTHER)
    assert sts.count("AssumeRole") == 1
    sts.answers["AssumeRole"] = assumed_role("SECOND", (START + HOUR).isoformat())
    clock.seconds += REFUSED_SECONDS
    await listed(clients, OTHER)


async def test_without_a_role_no_other_account_is_spoken_for(
    sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock
) -> None:
    """Nothing is sent anywhere, and the error names both accounts."""
    with pytest.raises(AccountUnread, match=f"no role to act in account {OTHER}, this worker's is {ACCOUNT}"):
        await ActionClients(stack, clock, ACCOUNT).client("ecs", OTHER, REGION)
    assert sts.heard == []


async def test_a_client_is_opened_once_for_each_account_and_region(
    sts: ScriptedAws, stack: AsyncExitStack, clock: TurnedClock
) -> None:
    """Opening costs CPU; who gives up waiting for it takes it from nobody."""
    assert sts.url
    clients = clients_of(stack, clock)
    impatient = asyncio.create_task(clients.client("ecs", ACCOUNT, REGION))
    wanted = asyncio.create_task(clients.client("ecs", ACCOUNT, REGION))
    await asyncio.sleep(0)
    impatient.cancel()
    first = await wanted
    assert await clients.client("ecs", ACCOUNT, REGION) is first
    assert await clients.client("ecs", ACCOUNT, "us-east-1") is not first
    assert await clients.client("ecs", OTHER, REGION) is not first
