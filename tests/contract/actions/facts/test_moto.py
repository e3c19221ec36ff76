"""Facts that moto alone has: scalable targets of ECS services, and Automation documents."""

from collections.abc import Callable

from emulated_account import Account, fresh

from autocloudops.actions.facts.reader import ActionFactReader
from autocloudops.catalogue.model import Capacity
from autocloudops.decisions.model import Policy

ReaderOf = Callable[..., ActionFactReader]
RUNBOOK = """
schemaVersion: "0.3"
parameters: {parameters}
mainSteps: [{{name: wait, action: "aws:sleep", inputs: {{Duration: PT1S}}}}]
"""


async def test_limits_and_runbooks_are_read_as_moto_keeps_them(
    moto: str, point_at: Callable[[str], None], reader_of: ReaderOf
) -> None:
    """A registered scalable target bounds the capacity; a document is missing, of another version, or well."""
    point_at(moto)
    here, name = Account(moto), fresh()
    request = here.service(name)
    scaling = here.client("application-autoscaling")
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{name}/orders",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=5, **target)
    scaling.put_scaling_policy(PolicyName="cpu", PolicyType="TargetTrackingScaling", **target)
    reader = reader_of(here.number)
    request = request.model_copy(update={"runbook": f"AutoCloudOps-{name}"})
    facts = await reader.read(request, Policy())
    assert isinstance(facts.capacity, Capacity)
    assert (facts.capacity.least, facts.capacity.most, facts.capacity.scaled_by) == (1, 5, ("cpu",))
    assert isinstance(facts.missing, tuple)
    assert "create it there" in facts.missing[0]
    _document(here, request.runbook, "{Extra: {type: String}}")
    facts = await reader.read(request, Policy())
    assert isinstance(facts.missing, tuple)
    assert "it takes no AutomationAssumeRole, ClaimId, RequireApproval, StateTable" in facts.missing[0]


async def test_a_runbook_of_this_version_is_not_missing(
    moto: str, point_at: Callable[[str], None], reader_of: ReaderOf
) -> None:
    """A document that takes every parameter that it will be given passes the preflight."""
    point_at(moto)
    here, name = Account(moto), fresh()
    request = here.instance().model_copy(update={"runbook": f"AutoCloudOps-{name}"})
    taken = ("Extra", "AutomationAssumeRole", "ClaimId", "RequireApproval", "StateTable")
    _document(here, request.runbook, "{" + ", ".join(f"{each}: {{type: String}}" for each in taken) + "}")
    assert (await reader_of(here.number).read(request, Policy())).missing == ()


def _document(here: Account, name: str, parameters: str) -> None:
    content = RUNBOOK.format(parameters=parameters)
    here.client("ssm").create_document(Name=name, DocumentType="Automation", DocumentFormat="YAML", Content=content)
