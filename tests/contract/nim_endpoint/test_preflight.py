"""What stops a deployment before it costs anything: model packages and names, over HTTP against the control plane."""

from collections.abc import AsyncIterator

import pytest
from control_plane import KIND, PACKAGE
from deploying import OTHER_KIND, SPEC, DeployAccount, deploy_account, spec

from autocloudops.errors import ServiceFailed
from nim_endpoint.found import Found
from nim_endpoint.planning import Verdict
from nim_endpoint.reading import Reader
from nim_endpoint.specs import Spec

pytestmark = pytest.mark.filterwarnings("ignore")
LISTED = {**SPEC, "route": "marketplace", "package": PACKAGE, "instance_type": OTHER_KIND}
LISTING = spec({key: value for key, value in LISTED.items() if key not in {"image", "weights", "context_tokens"}})


@pytest.fixture
async def subscribed(hands: str) -> AsyncIterator[DeployAccount]:
    """An account that is subscribed to a package, which is listed for one instance type."""
    async with deploy_account(hands, packages={PACKAGE: (OTHER_KIND,)}) as made:
        yield made


def with_type(instance_type: str) -> Spec:
    """Return the spec of the listing on an instance type."""
    return LISTING.model_copy(update={"instance_type": instance_type})


async def test_a_model_package_is_deployed(subscribed: DeployAccount) -> None:
    """Route A: the package alone, without a variable, and without a way to the internet."""
    assert (await subscribed.deployer().ensure(LISTING)).verdict is Verdict.CREATE
    names = await subscribed.clients["sagemaker"].list_models()
    model = await subscribed.clients["sagemaker"].describe_model(ModelName=names["Models"][0]["ModelName"])
    assert model["PrimaryContainer"] == {"ModelPackageName": PACKAGE}
    assert model["EnableNetworkIsolation"] is True


async def test_a_listing_that_nobody_subscribed_to_is_refused_with_what_to_do(account: DeployAccount) -> None:
    """The refusal says what SageMaker said, and where the subscription is made; nothing is created."""
    done = await account.deployer().ensure(LISTING)
    assert done.refusal
    assert "not subscribed to the marketplace offering" in done.refusal
    assert "subscribe this account to the listing in AWS Marketplace" in done.refusal
    assert not [each for each in account.plane.calls if each.startswith("Create")]


async def test_an_instance_type_that_a_listing_lacks_is_refused_with_those_it_has(subscribed: DeployAccount) -> None:
    """A package runs on the types of its inference specification only."""
    done = await subscribed.deployer().ensure(with_type(KIND))
    assert done.refusal
    assert f"does not have {KIND}: take one of {OTHER_KIND}" in done.refusal
    assert "CreateModel" not in subscribed.plane.calls


async def test_a_package_that_may_not_be_read_is_left_to_sagemaker(account: DeployAccount) -> None:
    """A role without DescribeModelPackage hears of the missing subscription from CreateModel, with what to do."""
    account.plane.fail_next("DescribeModelPackage", "access_denied")
    with pytest.raises(ServiceFailed, match=r"sagemaker:CreateModel .*subscribe this account to the listing"):
        await account.deployer().ensure(LISTING)


async def test_a_name_in_other_letters_is_refused(account: DeployAccount) -> None:
    """A second endpoint whose name differs in case only cannot be made, and the first is invoked as it is written."""
    await account.deployer().ensure()
    done = await account.deployer().ensure(spec(endpoint="NIM"))
    assert done.refusal
    assert "called nim, and not NIM" in done.refusal


class BlindReader(Reader):
    """Sees no endpoint under the name, as SageMaker may where names differ in case."""

    async def endpoint(self, name: str) -> Found:
        del name
        return Found(status=None)


async def test_a_name_that_is_taken_by_what_is_not_seen_ends_the_run(account: DeployAccount) -> None:
    """What is refused as existing and never shows is told after three minutes, and not tried until the time is up."""
    await account.deployer().ensure()
    sagemaker, scaling, quotas = account.clients.values()
    blind = BlindReader(sagemaker, scaling, quotas, account.clock)
    with pytest.raises(ServiceFailed, match=r"already existing .* may differ from it in case only"):
        await account.deployer(reader=blind).ensure()
    assert account.plane.calls.count("CreateEndpoint") < 10
