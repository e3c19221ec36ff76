"""Endpoints that hold inference components, and may sleep: over HTTP against the simulated control plane."""

import asyncio

import pytest
from control_plane import DURATIONS
from deploying import COMPONENT, DeployAccount, spec

from autocloudops.errors import ServiceFailed
from nim_endpoint.found import Status
from nim_endpoint.planning import Action, Verdict

pytestmark = pytest.mark.filterwarnings("ignore")
EMBEDDING = {**COMPONENT, "model": "nv-embedqa-1b", "context_tokens": None, "component": {"name": "embedding"}}


async def test_an_endpoint_and_its_component_are_created(account: DeployAccount) -> None:
    """The endpoint comes first, then the component on it; its lower bound of no instance reaches SageMaker as 0."""
    deployer = account.deployer()
    assert (await deployer.ensure(spec(COMPONENT))).verdict is Verdict.CREATE
    assert deployer.actions() == [
        Action.CREATE_CONFIG,
        Action.CREATE_ENDPOINT,
        Action.CREATE_MODEL,
        Action.CREATE_COMPONENT,
    ]
    found = await account.found()
    config = await account.clients["sagemaker"].describe_endpoint_config(EndpointConfigName=found.config_name)
    assert config["ProductionVariants"][0]["ManagedInstanceScaling"]["MinInstanceCount"] == 0
    assert [(each.name, each.status, each.copies) for each in found.components] == [("nim-llm", Status.IN_SERVICE, 1)]


@pytest.mark.parametrize("least", [0, 1])
async def test_what_walls_components_in_reaches_sagemaker(account: DeployAccount, least: int) -> None:
    """The configuration of the endpoint and the model both say network and isolation, whoever sends them."""
    bounds = {"initial": 1, "least": least, "most": 2}
    vpc = {"subnets": ("subnet-a",), "security_groups": ("sg-a",)}
    done = await account.deployer().ensure(spec(COMPONENT, vpc=vpc, instances=bounds))
    call = account.clients["sagemaker"]
    config = await call.describe_endpoint_config(EndpointConfigName=done.found.config_name)
    model = await call.describe_model(ModelName=done.found.components[0].model_name)
    for said in (config, model):
        assert said["VpcConfig"] == {"Subnets": ["subnet-a"], "SecurityGroupIds": ["sg-a"]}
        assert said["EnableNetworkIsolation"] is True


async def test_a_second_model_joins_the_same_endpoint(account: DeployAccount) -> None:
    """A spec with the same instances and another component finds the endpoint, and only adds its component."""
    await account.deployer().ensure(spec(COMPONENT))
    deployer = account.deployer()
    done = await deployer.ensure(spec(EMBEDDING), consumer="team-b")
    assert done.verdict is Verdict.UPDATE
    assert deployer.actions() == [Action.LEASE, Action.CREATE_MODEL, Action.CREATE_COMPONENT]
    assert sorted(each.name for each in (await account.found()).components) == ["nim-embedding", "nim-llm"]
    assert account.plane.instances("nim") == 2


async def test_two_models_that_are_deployed_at_once_share_one_endpoint(account: DeployAccount) -> None:
    """Whoever creates the endpoint, both wait for it, and each adds its own component."""
    runs = (account.deployer().ensure(spec(each), consumer=str(each["model"])) for each in (COMPONENT, EMBEDDING))
    assert [done.refusal for done in await asyncio.gather(*runs)] == [None, None]
    found = await account.found()
    assert sorted((each.name, each.status) for each in found.components) == [
        ("nim-embedding", Status.IN_SERVICE),
        ("nim-llm", Status.IN_SERVICE),
    ]
    assert list(found.leases) == ["nemotron-nano-8b", "nv-embedqa-1b"]


async def test_other_bounds_are_an_update_of_the_endpoint_under_its_components(account: DeployAccount) -> None:
    """More instances are another configuration; the component stays as it is."""
    await account.deployer().ensure(spec(COMPONENT))
    deployer = account.deployer()
    await deployer.ensure(spec(COMPONENT, instances={"initial": 1, "least": 0, "most": 3}))
    assert deployer.actions() == [Action.CREATE_CONFIG, Action.UPDATE_ENDPOINT]
    assert [each.status for each in (await account.found()).components] == [Status.IN_SERVICE]


async def test_a_component_that_sleeps_is_reused_as_it_is(account: DeployAccount) -> None:
    """Scaled to no copy it is still what the spec says: ensuring it does not wake it."""
    await account.deployer().ensure(spec(COMPONENT))
    await account.clients["application-autoscaling"].register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId="inference-component/nim-llm",
        ScalableDimension="sagemaker:inference-component:DesiredCopyCount",
        MinCapacity=0,
        MaxCapacity=2,
    )
    account.plane.scale("inference-component/nim-llm", 0, "nobody asks")
    account.clock.forward(DURATIONS.update_component_seconds + DURATIONS.release_instance_seconds)
    assert account.plane.instances("nim") == 0
    deployer = account.deployer()
    assert (await deployer.ensure(spec(COMPONENT))).verdict is Verdict.REUSE
    assert (deployer.actions(), account.plane.copies("nim-llm")) == ([], 0)


async def test_another_model_updates_the_component_in_place(account: DeployAccount) -> None:
    """The endpoint stays; the component changes to the new model."""
    await account.deployer().ensure(spec(COMPONENT))
    deployer = account.deployer()
    await deployer.ensure(spec(COMPONENT, context_tokens=8_192))
    assert deployer.actions() == [Action.CREATE_MODEL, Action.UPDATE_COMPONENT]


async def test_an_update_of_a_component_that_fails_is_told(account: DeployAccount) -> None:
    """The component serves what it served, and the reason is raised."""
    await account.deployer().ensure(spec(COMPONENT))
    before = (await account.found()).components[0].model_name
    account.plane.fail_next("UpdateInferenceComponent", "start_failed")
    with pytest.raises(ServiceFailed, match="CannotStartContainerError"):
        await account.deployer().ensure(spec(COMPONENT, context_tokens=8_192))
    assert (await account.found()).components[0].model_name == before


async def test_a_component_without_room_fails_with_the_reason_and_is_made_anew_when_allowed(
    account: DeployAccount,
) -> None:
    """A failed component of ours is told with its reason, kept, and deleted only with the operator's word."""
    account.plane.fail_next("CreateInferenceComponent", "insufficient_capacity")
    with pytest.raises(ServiceFailed, match="InsufficientInstanceCapacity"):
        await account.deployer().ensure(spec(COMPONENT))
    kept = await account.deployer().ensure(spec(COMPONENT))
    assert kept.refusal
    assert "--recreate" in kept.refusal
    deployer = account.deployer()
    await deployer.ensure(spec(COMPONENT), recreate=True)
    assert deployer.actions() == [Action.DELETE_COMPONENT, Action.CREATE_COMPONENT]
    assert (await account.found()).components[0].status is Status.IN_SERVICE


async def test_deletion_takes_the_components_first(account: DeployAccount) -> None:
    """Components that outlive their endpoint would block its name."""
    await account.deployer().ensure(spec(COMPONENT))
    deployer = account.deployer()
    assert (await deployer.remove()).verdict is Verdict.DELETE
    assert deployer.actions() == [
        Action.DELETE_COMPONENT,
        Action.DELETE_ENDPOINT,
        Action.DELETE_CONFIG,
        Action.DELETE_MODEL,
    ]
    assert not (await account.found()).components


async def test_a_component_that_was_not_made_here_keeps_its_endpoint(account: DeployAccount) -> None:
    """Deleting the endpoint would take somebody else's component."""
    await account.deployer().ensure(spec(COMPONENT))
    call = account.clients["sagemaker"]
    model = (await account.found()).components[0].model_name
    needs = {"NumberOfAcceleratorDevicesRequired": 1, "MinMemoryRequiredInMb": 1024}
    await call.create_inference_component(
        InferenceComponentName="theirs",
        EndpointName="nim",
        VariantName="AllTraffic",
        Specification={"ModelName": model, "ComputeResourceRequirements": needs},
        RuntimeConfig={"CopyCount": 1},
    )
    done = await account.deployer().remove()
    assert done.refusal
    assert "theirs" in done.refusal
    assert "DeleteEndpoint" not in account.plane.calls
