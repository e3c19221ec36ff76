"""Facts as the sandbox serves them: the embedded AWS, the stand-in for Systems Manager, the simulated control plane."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from fact_sources import REGION, request_about

from autocloudops import aws
from autocloudops.actions.facts.reader import ActionFactReader
from autocloudops.catalogue import ACTIONS
from autocloudops.catalogue.model import Capacity
from autocloudops.decisions.facts import Unknown
from autocloudops.decisions.model import Policy
from autocloudops.sandbox.automation import EmbeddedAutomation
from autocloudops.sandbox.aws import ACCOUNT
from autocloudops.sandbox.control_plane import SimulatedControlPlane

ReaderOf = Callable[..., ActionFactReader]
RUNBOOKS = Path(__file__).parents[4] / "infrastructure" / "runbooks"
CLOSED = (
    "BEGIN:VCALENDAR",
    "PRODID:-//AWS//Change Calendar 1.0//EN",
    "VERSION:2.0",
    "X-CALENDAR-TYPE:DEFAULT_CLOSED",
    "END:VCALENDAR",
    "",
)
"""A change calendar that is always closed."""


@pytest.fixture
async def automation(
    ministack: str, point_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[EmbeddedAutomation]:
    """The sandbox's servers, with the environment set to them and every runbook of this version created."""
    point_at(ministack)
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(SimulatedControlPlane())
        made = await stack.enter_async_context(EmbeddedAutomation(ministack))
        monkeypatch.setenv("AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING", plane.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", made.url)
        ssm = await stack.enter_async_context(aws.session().create_client("ssm"))
        for path in sorted(RUNBOOKS.glob("*.yaml")):
            await ssm.create_document(
                Name=path.stem, Content=path.read_text(), DocumentType="Automation", DocumentFormat="YAML"
            )
        await ssm.create_document(
            Name="freeze", Content="\r\n".join(CLOSED), DocumentType="ChangeCalendar", DocumentFormat="TEXT"
        )
        yield made


async def service() -> str:
    """Make an ECS service and return its id."""
    cluster = f"t{uuid4().hex[:12]}"
    async with aws.session().create_client("ecs") as ecs:
        await ecs.create_cluster(clusterName=cluster)
        container = {"name": "app", "image": "registry.example/orders:1.2", "memory": 128}
        await ecs.register_task_definition(family="orders", containerDefinitions=[container])
        await ecs.create_service(cluster=cluster, serviceName="orders", taskDefinition="orders", desiredCount=2)
    return f"{cluster}/orders"


async def test_every_fact_is_known_in_the_sandbox(automation: EmbeddedAutomation, reader_of: ReaderOf) -> None:
    """No fact about an ECS service is unknown there, and every shipped runbook passes its preflight."""
    name, reader = await service(), reader_of(ACCOUNT)
    for action in (each for each in ACTIONS.values() if each.runbook):
        request = request_about("ecs:service", name, ACCOUNT, action=action.name)
        request = request.model_copy(update={"parameters": {}})
        facts = await reader.read(request, Policy(calendars=("freeze",)))
        assert not {field: value for field, value in facts if isinstance(value, Unknown)}
        assert facts.missing == ()
        assert facts.calendars == {"freeze": False}
        assert facts.capacity == (Capacity(desired=2, running=2) if action.bound else None)
        assert isinstance(facts.state, Mapping)
        assert REGION in facts.state["TaskDefinition"]
    assert set(automation.calls) >= {"DescribeDocument", "GetCalendarState"}


async def test_a_runbook_that_nobody_created_is_missing_in_the_sandbox(
    automation: EmbeddedAutomation, reader_of: ReaderOf
) -> None:
    """The stand-in refuses as Systems Manager does."""
    assert automation.url
    request = request_about("ecs:service", await service(), ACCOUNT)
    request = request.model_copy(update={"runbook": "AutoCloudOps-Nothing"})
    facts = await reader_of(ACCOUNT).read(request, Policy(calendars=("nothing",)))
    assert isinstance(facts.missing, tuple)
    assert "create it there" in facts.missing[0]
    assert isinstance(facts.calendars, Unknown)
    assert "calendar nothing" in facts.calendars.unknown
