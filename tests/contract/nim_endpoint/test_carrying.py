"""Each row of the create-or-reuse state machine, over HTTP against the simulated control plane."""

import asyncio

import pytest
from control_plane import DURATIONS, KIND, ROLE
from deploying import OTHER_KIND, SERVICES, DeployAccount, spec

from autocloudops.errors import ModelBrokeOff, ServiceFailed, ServiceUnavailable, Throttled
from autocloudops.sandbox.control_plane import EndpointStatus
from nim_endpoint.found import Status
from nim_endpoint.planning import Action, Verdict
from nim_endpoint.reading import Reader

pytestmark = pytest.mark.filterwarnings("ignore")
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/nim/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
CREATED = [Action.CREATE_MODEL, Action.CREATE_CONFIG, Action.CREATE_ENDPOINT]


async def scaled(account: DeployAccount) -> None:
    """Let the endpoint be scaled between one and two instances, as the autoscaling stack does."""
    call = account.clients["application-autoscaling"]
    await call.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=2)
    await call.put_scaling_policy(
        **TARGET,
        PolicyName="requests-at-once",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 16.0},
    )


async def test_an_endpoint_that_is_not_there_is_created(account: DeployAccount) -> None:
    """Model, configuration and endpoint are made, waited for, tagged as ours, and leased to the consumer."""
    deployer = account.deployer()
    done = await deployer.ensure()
    assert (done.verdict, done.refusal) == (Verdict.CREATE, None)
    assert deployer.actions() == CREATED
    found = await account.found()
    assert (found.status, found.owned, list(found.leases)) == (Status.IN_SERVICE, True, ["team-a"])
    assert (found.instance_type, found.instances) == (KIND, 1)
    assert done.elapsed_seconds >= DURATIONS.create_endpoint_seconds


async def test_what_is_as_wanted_is_reused(account: DeployAccount) -> None:
    """The same spec again changes nothing, and nothing is left to plan."""
    await account.deployer().ensure()
    before = len(account.plane.calls)
    again = account.deployer()
    done = await again.ensure()
    assert (done.verdict, again.actions()) == (Verdict.REUSE, [])
    assert not [each for each in account.plane.calls[before:] if not each.startswith(("Describe", "List"))]


async def test_a_second_consumer_reuses_it_and_holds_a_lease(account: DeployAccount) -> None:
    """Another consumer of the same spec writes its lease and nothing else."""
    await account.deployer().ensure()
    other = account.deployer()
    assert (await other.ensure(consumer="team-b")).verdict is Verdict.REUSE
    assert other.actions() == [Action.LEASE]
    assert list((await account.found()).leases) == ["team-a", "team-b"]


async def test_another_spec_updates_it_by_a_new_configuration(account: DeployAccount) -> None:
    """The endpoint changes to a new configuration, whose predecessor is not deleted while it could be in use."""
    await account.deployer().ensure()
    deployer = account.deployer()
    old = (await account.found()).config_name
    done = await deployer.ensure(spec(context_tokens=8_192))
    assert done.verdict is Verdict.UPDATE
    assert deployer.actions() == [Action.CREATE_MODEL, Action.CREATE_CONFIG, Action.UPDATE_ENDPOINT]
    assert (await account.found()).config_name != old
    assert not account.plane.hazards


async def test_an_update_that_fails_is_told_with_its_reason(account: DeployAccount) -> None:
    """SageMaker goes back to what served; the run says so and does not try again."""
    await account.deployer().ensure()
    old = (await account.found()).config_name
    account.plane.fail_next("UpdateEndpoint", "health_check")
    with pytest.raises(ServiceFailed, match=r"rolled back: .*did not pass the ping health check"):
        await account.deployer().ensure(spec(context_tokens=8_192))
    found = await account.found()
    assert (found.status, found.config_name) == (Status.IN_SERVICE, old)
    assert account.plane.calls.count("UpdateEndpoint") == 1


async def test_a_roll_back_that_fails_is_told_and_left_to_a_person(account: DeployAccount) -> None:
    """The run that began the change raises it; the next one reports the status, and changes nothing."""
    await account.deployer().ensure()
    account.plane.fail_next("UpdateEndpoint", "rollback_failed")
    with pytest.raises(ServiceFailed, match=r"sagemaker:UpdateEndpoint .* is UpdateRollbackFailed: .* serves a mix"):
        await account.deployer().ensure(spec(context_tokens=8_192))
    done = await account.deployer().ensure(spec(context_tokens=8_192), recreate=True)
    assert done.refusal
    assert "serves a mix" in done.refusal
    assert "DeleteEndpoint" not in account.plane.calls


async def test_another_instance_type_of_what_is_scaled_is_refused_first(account: DeployAccount) -> None:
    """SageMaker refuses it while a scalable target is there; without the target it is an update like any other."""
    await account.deployer().ensure()
    await scaled(account)
    done = await account.deployer().ensure(spec(instance_type=OTHER_KIND))
    assert done.refusal
    assert "delete the stack endpoint-autoscaling, run this again" in done.refusal
    assert (await account.found()).targets == (TARGET["ResourceId"],)
    await account.clients["application-autoscaling"].deregister_scalable_target(**TARGET)
    assert (await account.deployer().ensure(spec(instance_type=OTHER_KIND))).verdict is Verdict.UPDATE
    assert (await account.found()).instance_type == OTHER_KIND


async def test_a_foreign_endpoint_is_refused_unless_it_is_adopted(account: DeployAccount) -> None:
    """What was not made here is neither used nor changed without the operator's word."""
    await account.foreign()
    before = len(account.plane.calls)
    done = await account.deployer().ensure()
    assert done.refusal
    assert "not made here" in done.refusal
    assert not [each for each in account.plane.calls[before:] if not each.startswith(("Describe", "List"))]


async def test_a_foreign_endpoint_is_adopted_after_a_probe_and_never_written_to(account: DeployAccount) -> None:
    """Adopting asks it once, and writes nothing: no tag, no update."""
    await account.foreign()
    before = len(account.plane.calls)
    deployer = account.deployer()
    assert (await deployer.ensure(adopt=True)).verdict is Verdict.ADOPT
    assert deployer.probes == 1
    assert not [each for each in account.plane.calls[before:] if not each.startswith(("Describe", "List"))]


async def test_a_foreign_endpoint_that_does_not_answer_is_not_adopted(account: DeployAccount) -> None:
    """A probe that fails ends the run with what the endpoint said."""
    await account.foreign()
    deployer = account.deployer()
    deployer.answers = False
    with pytest.raises(ModelBrokeOff):
        await deployer.ensure(adopt=True)


@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "SYSTEM_UPDATING", "ROLLING_BACK"])
async def test_a_passing_status_is_waited_for(account: DeployAccount, status: str) -> None:
    """Nothing is created or updated while AWS itself is at work."""
    await account.deployer().ensure()
    account.plane.interrupt("nim", EndpointStatus[status], seconds=100)
    deployer = account.deployer()
    assert (await deployer.ensure()).verdict is Verdict.REUSE
    assert deployer.actions() == []
    assert any(status.title().replace("_", "") in each.said for each in deployer.told)


async def test_a_run_gives_up_waiting_and_says_how_to_go_on(account: DeployAccount) -> None:
    """A status that does not pass ends the run after its time limit; what was made stays."""
    await account.deployer().ensure()
    account.plane.interrupt("nim", EndpointStatus.SYSTEM_UPDATING)
    with pytest.raises(ServiceUnavailable, match="it goes on from here"):
        await account.deployer(timeout_seconds=300.0).ensure()
    assert (await account.found()).status is Status.SYSTEM_UPDATING


async def test_a_deployment_that_fails_is_told_with_its_reason(account: DeployAccount) -> None:
    """The run that created it raises SageMaker's FailureReason, and deletes nothing, whatever it may."""
    account.plane.fail_next("CreateEndpoint", "insufficient_capacity")
    with pytest.raises(ServiceFailed, match="InsufficientInstanceCapacity"):
        await account.deployer().ensure(recreate=True)
    assert (await account.found()).status is Status.FAILED


async def test_a_failed_endpoint_is_explained_and_kept(account: DeployAccount) -> None:
    """Without the operator's word a failed endpoint of ours is not deleted."""
    account.plane.fail_next("CreateEndpoint", "image_missing")
    with pytest.raises(ServiceFailed):
        await account.deployer().ensure()
    done = await account.deployer().ensure()
    assert done.refusal
    assert "does not exist or the execution role has no permission" in done.refusal
    assert "--recreate" in done.refusal
    assert "DeleteEndpoint" not in account.plane.calls


async def test_a_failed_endpoint_of_ours_is_made_anew_when_allowed(account: DeployAccount) -> None:
    """Delete, wait until it is gone, create: once."""
    account.plane.fail_next("CreateEndpoint", "image_missing")
    with pytest.raises(ServiceFailed):
        await account.deployer().ensure()
    deployer = account.deployer()
    assert (await deployer.ensure(recreate=True)).verdict is Verdict.RECREATE
    assert deployer.actions() == [Action.DELETE_ENDPOINT, Action.CREATE_ENDPOINT]
    assert (await account.found()).status is Status.IN_SERVICE


async def test_an_endpoint_that_is_going_is_waited_for_and_made_anew(account: DeployAccount) -> None:
    """The name is free only when the deletion is complete."""
    await account.deployer().ensure()
    await account.clients["sagemaker"].delete_endpoint(EndpointName="nim")
    deployer = account.deployer()
    assert (await deployer.ensure()).verdict is Verdict.CREATE
    assert (await account.found()).status is Status.IN_SERVICE


@pytest.mark.parametrize("status", ["OUT_OF_SERVICE", "UPDATE_ROLLBACK_FAILED"])
async def test_a_status_that_only_a_person_can_mend_is_reported(account: DeployAccount, status: str) -> None:
    """Nothing is done, and the reason is told."""
    await account.deployer().ensure()
    account.plane.interrupt("nim", EndpointStatus[status], reason="disk gone")
    done = await account.deployer().ensure(recreate=True)
    assert done.refusal
    assert "disk gone" in done.refusal
    assert "DeleteEndpoint" not in account.plane.calls


async def test_an_endpoint_whose_configuration_is_lost_is_not_updated(account: DeployAccount) -> None:
    """SageMaker cannot update it any more: the refusal says what can be done."""
    await account.deployer().ensure()
    name = (await account.found()).config_name
    await account.clients["sagemaker"].delete_endpoint_config(EndpointConfigName=name)
    done = await account.deployer().ensure(spec(context_tokens=8_192))
    assert done.refusal
    assert "configuration of nim was deleted" in done.refusal


@pytest.mark.parametrize(
    "operation", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint", "DescribeEndpoint", "ListTags"]
)
async def test_a_throttled_call_is_repeated(account: DeployAccount, operation: str) -> None:
    """One throttle costs no more than a moment."""
    account.plane.fail_next(operation, "throttled")
    assert (await account.deployer().ensure()).refusal is None


@pytest.mark.parametrize("operation", ["UpdateEndpoint", "AddTags", "DescribeScalableTargets", "ListServiceQuotas"])
async def test_a_throttled_call_of_an_update_is_repeated(account: DeployAccount, operation: str) -> None:
    """So it is with the calls that only a change of what is there makes."""
    await account.deployer().ensure()
    account.plane.fail_next(operation, "throttled")
    changed = await account.deployer().ensure(spec(context_tokens=8_192), consumer="team-b", disturb=True)
    assert changed.verdict is Verdict.UPDATE


async def test_a_reply_that_is_lost_ends_in_one_endpoint(account: DeployAccount) -> None:
    """The creation happened although its answer was lost: the repeated call meets its own endpoint."""
    account.plane.fail_next("CreateEndpoint", "lost_reply")
    assert (await account.deployer().ensure()).refusal is None
    assert (await account.found()).status is Status.IN_SERVICE


async def test_a_call_that_is_refused_for_good_is_raised(account: DeployAccount) -> None:
    """A permission that is missing is named, with the operation."""
    account.plane.fail_next("CreateModel", "access_denied")
    with pytest.raises(ServiceFailed, match="sagemaker:CreateModel"):
        await account.deployer().ensure()


async def test_what_was_made_before_an_interruption_is_not_made_again(account: DeployAccount) -> None:
    """A run that begins after model and configuration exist goes on with the endpoint."""
    account.plane.fail_next("CreateEndpoint", "access_denied")
    with pytest.raises(ServiceFailed):
        await account.deployer().ensure()
    deployer = account.deployer()
    await deployer.ensure()
    assert deployer.actions() == [Action.CREATE_ENDPOINT]


async def test_a_persistent_throttle_is_raised_as_one(account: DeployAccount) -> None:
    """Reading is tried four times; then the run ends, and can be run again."""
    for _ in range(4):
        account.plane.fail_next("DescribeEndpoint", "throttled")
    with pytest.raises(Throttled):
        await account.deployer().ensure()


async def test_the_role_of_the_model_is_the_one_of_the_spec(account: DeployAccount) -> None:
    """What reaches SageMaker is what the spec says, in the API's own names."""
    await account.deployer().ensure()
    names = await account.clients["sagemaker"].list_models()
    model = await account.clients["sagemaker"].describe_model(ModelName=names["Models"][0]["ModelName"])
    container = model["PrimaryContainer"]
    assert (model["ExecutionRoleArn"], model["EnableNetworkIsolation"]) == (ROLE, True)
    assert container["Environment"]["NIM_MAX_MODEL_LEN"] == "16384"
    assert container["ModelDataSource"]["S3DataSource"]["CompressionType"] == "None"


async def test_an_endpoint_that_is_scaled_keeps_its_count_through_an_update(account: DeployAccount) -> None:
    """What autoscaling has added is not taken away by a change of the model."""
    await account.deployer().ensure()
    await scaled(account)
    account.plane.scale(TARGET["ResourceId"], 2, "much to do")
    account.clock.forward(DURATIONS.rescale_endpoint_seconds)
    await account.deployer().ensure(spec(context_tokens=8_192))
    found = await account.found()
    assert (found.instances, found.targets) == (2, (TARGET["ResourceId"],))
    policies = await account.clients["application-autoscaling"].describe_scaling_policies(ServiceNamespace="sagemaker")
    assert [each["PolicyName"] for each in policies["ScalingPolicies"]] == ["requests-at-once"]


async def test_both_models_have_an_endpoint_of_their_own(account: DeployAccount) -> None:
    """The embedding model is made and reused as the language model is, and neither knows of the other."""
    embedding = spec(endpoint="nim-embedding", model="nv-embedqa-1b", context_tokens=None)
    for verdict in (Verdict.CREATE, Verdict.REUSE):
        done = [await account.deployer().ensure(each) for each in (spec(), embedding)]
        assert [(each.verdict, each.found.status) for each in done] == [(verdict, Status.IN_SERVICE)] * 2
    assert account.plane.calls.count("CreateEndpoint") == 2


class ForgetfulReader(Reader):
    """Sees no tags while the endpoint is created, as a service that is eventually consistent may."""

    async def tags(self, arn: str) -> dict[str, str]:
        said = await self.sagemaker.describe_endpoint(EndpointName="nim")
        return {} if said["EndpointStatus"] == "Creating" else await super().tags(arn)


@pytest.mark.parametrize("deployers", [1, 2])
async def test_tags_that_are_not_seen_at_once_make_nothing_foreign(account: DeployAccount, deployers: int) -> None:
    """What is created from our configuration is ours, whatever ListTags says in the first minutes."""
    sagemaker, scaling, quotas = (account.clients[each] for each in SERVICES)
    forgetful = ForgetfulReader(sagemaker=sagemaker, scaling=scaling, quotas=quotas, clock=account.clock)
    names = [f"team-{number}" for number in range(deployers)]
    runs = (account.deployer(reader=forgetful).ensure(consumer=name) for name in names)
    assert [done.refusal for done in await asyncio.gather(*runs)] == [None] * deployers
    assert list((await account.found()).leases) == names
