"""Leases, deletion, quotas, and deployers who meet: over HTTP against the simulated control plane."""

import asyncio

import pytest
from control_plane import DURATIONS, KIND
from deploying import COMPONENT, DeployAccount, deploy_account, spec

from autocloudops.errors import ServiceFailed
from nim_endpoint.found import Found, Status
from nim_endpoint.leases import MARK
from nim_endpoint.planning import Action, Verdict
from nim_endpoint.reading import Reader
from nim_endpoint.wanted import wanted

pytestmark = pytest.mark.filterwarnings("ignore")


async def test_two_deployers_end_in_one_endpoint(account: DeployAccount) -> None:
    """Both start at once, one creation wins, and both end with the endpoint in service and a lease on it."""
    first, second = account.deployer(), account.deployer()
    done = await asyncio.gather(first.ensure(consumer="team-a"), second.ensure(consumer="team-b"))
    assert [each.refusal for each in done] == [None, None]
    found = await account.found()
    assert (found.status, list(found.leases)) == (Status.IN_SERVICE, ["team-a", "team-b"])
    assert len((await account.clients["sagemaker"].list_endpoints())["Endpoints"]) == 1


async def test_two_deployers_update_it_once(account: DeployAccount) -> None:
    """Both want the same change at once: one begins it, and both end with it."""
    await account.deployer().ensure(consumer="team-a")
    changed = spec(context_tokens=8_192)
    both = (account.deployer().ensure(changed, consumer=each, disturb=True) for each in ("team-a", "team-b"))
    assert [each.refusal for each in await asyncio.gather(*both)] == [None, None]
    found = await account.found()
    assert (found.config_name, list(found.leases)) == (wanted(changed).config_name, ["team-a", "team-b"])


async def test_a_deployer_with_another_spec_does_not_change_what_another_uses(account: DeployAccount) -> None:
    """An update of a shared endpoint names those who use it, and needs a word of its own."""
    await account.deployer().ensure(consumer="team-a")
    other = spec(context_tokens=8_192)
    refused = await account.deployer().ensure(other, consumer="team-b")
    assert refused.refusal
    assert "team-a use nim as it is" in refused.refusal
    assert "UpdateEndpoint" not in account.plane.calls
    assert (await account.deployer().ensure(other, consumer="team-b", disturb=True)).verdict is Verdict.UPDATE


async def test_deletion_is_refused_while_another_holds_a_lease(account: DeployAccount) -> None:
    """The refusal names who holds one; after the release the deletion goes on, and nothing is left."""
    await account.deployer().ensure(consumer="team-a")
    await account.deployer().ensure(consumer="team-b")
    refused = await account.deployer().remove(consumer="team-a")
    assert refused.refusal
    assert "team-b" in refused.refusal
    assert "DeleteEndpoint" not in account.plane.calls
    found = await account.found()
    assert await account.deployer().ports.leases.release(found.arn, "team-b")
    assert (await account.deployer().remove(consumer="team-a")).verdict is Verdict.DELETE
    assert (await account.found()).status is None
    assert not (await account.clients["sagemaker"].list_models())["Models"]
    assert not (await account.clients["sagemaker"].list_endpoint_configs())["EndpointConfigs"]


async def test_what_is_not_there_needs_no_deletion(account: DeployAccount) -> None:
    """Deleting twice is as good as once."""
    assert (await account.deployer().remove()).verdict is Verdict.NOTHING


async def test_a_foreign_endpoint_is_never_deleted(account: DeployAccount) -> None:
    """Its owner deletes it."""
    await account.foreign()
    done = await account.deployer().remove()
    assert done.refusal
    assert "DeleteEndpoint" not in account.plane.calls


async def test_a_lease_taken_while_a_deletion_begins_stops_the_deletion(account: DeployAccount) -> None:
    """The lease comes between the look and the mark: the mark is taken back, and the endpoint stays."""
    await account.deployer().ensure(consumer="team-a")
    arn = (await account.found()).arn
    deployer = account.deployer()
    leases = account.deployer().ports.leases
    add_tags = account.clients["sagemaker"].add_tags

    async def taken_meanwhile(**request: object) -> object:
        account.clients["sagemaker"].add_tags = add_tags
        assert await leases.take(arn, "team-b")
        return await add_tags(**request)

    account.clients["sagemaker"].add_tags = taken_meanwhile
    done = await deployer.remove(consumer="team-a")
    assert done.refusal
    assert "team-b" in done.refusal
    assert MARK not in await account.deployer().ports.reader.tags(arn)
    assert "DeleteEndpoint" not in account.plane.calls


async def test_a_lease_is_not_taken_on_an_endpoint_that_is_about_to_go(account: DeployAccount) -> None:
    """Whoever comes after the mark gives way, and leaves no tag behind."""
    await account.deployer().ensure(consumer="team-a")
    arn = (await account.found()).arn
    leases = account.deployer().ports.leases
    assert await leases.mark(arn, "team-a")
    assert not await leases.take(arn, "team-b")
    assert list((await account.found()).leases) == ["team-a"]
    done = await account.deployer().ensure(consumer="team-b")
    assert done.refusal
    assert "about to delete" in done.refusal


async def test_a_lease_taken_while_a_deletion_begins_keeps_the_components_too(account: DeployAccount) -> None:
    """A component goes first, so that the announcement and the look for leases come before it."""
    await account.deployer().ensure(spec(COMPONENT), consumer="team-a")
    arn = (await account.found()).arn
    reader = account.deployer().ports.reader
    await account.deployer().ports.leases.take(arn, "team-b")

    class Late(Reader):
        """Sees the other's lease only when it is asked once more."""

        async def endpoint(self, name: str) -> Found:
            found = await super().endpoint(name)
            return found if "AddTags" in account.plane.calls[before:] else found.model_copy(update={"leases": {}})

    before = len(account.plane.calls)
    late = Late(reader.sagemaker, reader.scaling, reader.quotas, account.clock)
    done = await account.deployer(reader=late).remove(consumer="team-a")
    assert done.refusal
    assert "team-b" in done.refusal
    assert not [each for each in account.plane.calls if each.startswith("DeleteInference")]
    found = await account.found()
    assert (found.is_marked, [each.status for each in found.components]) == (False, [Status.IN_SERVICE])


async def test_a_deletion_that_is_refused_takes_its_announcement_back(account: DeployAccount) -> None:
    """Whoever may not delete the endpoint does not keep others from it."""
    await account.deployer().ensure(consumer="team-a")
    account.plane.fail_next("DeleteEndpoint", "access_denied")
    with pytest.raises(ServiceFailed, match="sagemaker:DeleteEndpoint"):
        await account.deployer().remove(consumer="team-a")
    assert not (await account.found()).is_marked
    assert (await account.deployer().ensure(consumer="team-b")).verdict is Verdict.REUSE


async def test_a_deletion_that_was_given_up_blocks_nobody_for_long(account: DeployAccount) -> None:
    """The mark of an interrupted deletion holds for a quarter of an hour."""
    await account.deployer().ensure(consumer="team-a")
    assert await account.deployer().ports.leases.mark((await account.found()).arn, "team-a")
    account.clock.forward(16 * 60)
    assert (await account.deployer().ensure(consumer="team-b")).verdict is Verdict.REUSE


async def test_the_quota_is_named_before_anything_is_made(hands: str) -> None:
    """A new account has no GPU for endpoints: that is said at once, with the quota's name, and nothing is created."""
    async with deploy_account(hands, quotas={KIND: 0}) as account:
        done = await account.deployer().ensure()
        assert done.refusal
        assert f"'{KIND} for endpoint usage' is 0" in done.refusal
        assert "CreateModel" not in account.plane.calls


async def test_the_doubled_quota_of_an_update_is_named_before(hands: str) -> None:
    """An update holds two fleets: with a quota for one it is refused before it begins."""
    async with deploy_account(hands, quotas={KIND: 1}) as account:
        await account.deployer().ensure()
        done = await account.deployer().ensure(spec(context_tokens=8_192))
        assert done.refusal
        assert done.refusal.startswith(f"2 x {KIND} are needed at once")
        assert "UpdateEndpoint" not in account.plane.calls


async def test_a_quota_that_others_have_used_up_is_told_by_sagemaker(hands: str) -> None:
    """The quota would do, but other endpoints hold it: SageMaker's refusal is passed on with what to do."""
    async with deploy_account(hands, quotas={KIND: 1}) as account:
        await account.deployer().ensure()
        with pytest.raises(ServiceFailed, match=r"current utilization of 1 .* request an increase in Service Quotas"):
            await account.deployer().ensure(spec(endpoint="second"))


async def test_a_quota_that_may_not_be_read_stops_nothing(account: DeployAccount) -> None:
    """A role without Service Quotas deploys as before."""
    account.plane.fail_next("ListServiceQuotas", "access_denied")
    assert (await account.deployer().ensure()).verdict is Verdict.CREATE


async def test_a_configuration_that_is_not_seen_at_once_is_waited_for(hands: str) -> None:
    """CreateEndpoint may not know a configuration that was just made: it is tried again."""
    durations = DURATIONS.model_copy(update={"config_visible_seconds": 40.0})
    async with deploy_account(hands, durations=durations) as account:
        deployer = account.deployer()
        await deployer.ensure()
        assert account.plane.calls.count("CreateEndpoint") > 1
        assert (await account.found()).status is Status.IN_SERVICE


async def test_a_configuration_that_is_never_seen_ends_the_run(hands: str) -> None:
    """After three minutes it is no delay any more."""
    durations = DURATIONS.model_copy(update={"config_visible_seconds": 100_000.0})
    async with deploy_account(hands, durations=durations) as account:
        with pytest.raises(ServiceFailed, match="sagemaker:CreateEndpoint on nim"):
            await account.deployer().ensure()


async def test_leases_of_many_writers_do_not_overwrite_each_other(account: DeployAccount) -> None:
    """Each consumer writes a key of its own."""
    await account.deployer().ensure(consumer="team-0")
    arn = (await account.found()).arn
    leases = account.deployer().ports.leases
    await asyncio.gather(*(leases.take(arn, f"team-{number}") for number in range(1, 8)))
    assert len((await account.found()).leases) == 8


async def test_plans_of_a_deletion_name_the_lease_before_the_status(account: DeployAccount) -> None:
    """Also a failed endpoint is kept for those who hold a lease on it."""
    account.plane.fail_next("CreateEndpoint", "health_check")
    with pytest.raises(ServiceFailed):
        await account.deployer().ensure(consumer="team-a")
    done = await account.deployer().ensure(consumer="team-b", recreate=True)
    assert done.refusal
    assert "team-a would lose it" in done.refusal
    assert Action.DELETE_ENDPOINT not in account.deployer().actions()
