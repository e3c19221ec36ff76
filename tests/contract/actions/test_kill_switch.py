"""The page about the kill switch, call by call: what it says is what is sent."""

import asyncio
import json
import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import boto3
import pytest
from acting import LIMITS, REQUEST, claim_of
from botocore.model import OperationModel
from state_tables import new_table
from virtual_time import VirtualClock

from autocloudops.actions.accounts import ActionClients
from autocloudops.actions.execution import Phase
from autocloudops.actions.executions import Executions
from autocloudops.clock import SystemClock
from autocloudops.decisions.claims import Control, NotClaimed, Refused
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints import wiring
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.automation.server import EmbeddedAutomation
from autocloudops.state.claims import DynamoLedger

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "kill-switch.md").read_text("utf-8")
OF_THE_CLI = {"query", "output"}
ROLE = "autocloudops-worker"


def calls_on_page() -> list[list[str]]:
    """Return the words of every `aws …` line on the page, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line)[1:] for line in lines]


CALLS = calls_on_page()


def call_of(operation: str) -> list[str]:
    """Return the one call of an operation, as `dynamodb update-item`."""
    (found,) = (words for words in CALLS if " ".join(words[:2]) == operation)
    return found


def arguments_of(words: list[str], model: OperationModel) -> Mapping[str, Any]:
    """Return a command line's options as the API takes them, as the AWS CLI does: by name, and JSON by shape."""
    assert model.input_shape is not None
    members = {name.lower(): (name, shape) for name, shape in model.input_shape.members.items()}
    given: dict[str, Any] = {}
    for option, value in zip(words[2::2], words[3::2], strict=True):
        if option.removeprefix("--") in OF_THE_CLI:
            continue
        name, shape = members[option.removeprefix("--").replace("-", "")]
        given[name] = json.loads(value) if shape.type_name in {"structure", "list", "map"} else value
    return given


def client_of(service: str, url: str) -> Any:  # noqa: ANN401 - there are no stubs for most of them
    """Return a client of an emulator."""
    client = boto3.client(
        service,
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    return cast("Any", client)


def sent(url: str, words: list[str], **names: str) -> Mapping[str, Any]:
    """Send a call of the page with other names in the place of those on the page, and return its answer."""
    words = [names.get(word, word) for word in words]
    client = client_of(words[0], url)
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[words[1].replace("-", "_")])
    answer: Mapping[str, Any] = getattr(client, words[1].replace("-", "_"))(**arguments_of(words, model))
    return answer


def test_the_page_has_the_calls_that_are_tested_here() -> None:
    """A call that is added to the page needs a test of its own."""
    assert [" ".join(words[:2]) for words in CALLS] == [
        "dynamodb update-item",
        "dynamodb delete-item",
        "ssm describe-automation-executions",
        "ssm stop-automation-execution",
        "iam put-role-policy",
        "iam delete-role-policy",
        "iam detach-role-policy",
    ]


@dataclass
class Switched:
    """A ledger whose control item says `active`, and where its table is."""

    ledger: DynamoLedger
    url: str
    table: str

    async def refused(self) -> Refused | None:
        """Try to claim something, and return why not."""
        answer = await self.ledger.claim(claim_of(), LIMITS, VirtualClock().now())
        return answer.which if isinstance(answer, NotClaimed) else None

    async def sent(self, operation: str) -> None:
        """Send a call of the page, about this table."""
        await in_thread(sent, self.url, call_of(operation), **{"autocloudops-state": self.table})


@pytest.fixture
async def switched(emulator: str, stack: AsyncExitStack) -> Switched:
    """A ledger of this test's own."""
    client = await wiring.open_table(stack)
    table = await new_table(client)
    ledger = DynamoLedger(client, table, SystemClock())
    await ledger.set_control(Control(mode=Mode.ACTIVE, reason="a test", by="a test", at=SystemClock().now()))
    return Switched(ledger, emulator, table)


async def test_the_control_item_as_the_page_writes_it_stops_every_claim(switched: Switched) -> None:
    """After lever 1 nothing is claimed, and the item says who and why."""
    await switched.sent("dynamodb update-item")
    assert await switched.refused() is Refused.KILLED
    control = await switched.ledger.control()
    assert control is not None
    assert (control.mode, control.by, control.reason) == (Mode.OFF, "ana", "INC-1234: scales what it should not")


async def test_without_a_control_item_nothing_is_claimed(switched: Switched) -> None:
    """Deleting the item as the page does is the same lever."""
    await switched.sent("dynamodb delete-item")
    assert await switched.refused() is Refused.CONTROL_MISSING


async def test_without_either_lever_something_is_claimed(switched: Switched) -> None:
    """The two tests above can fail."""
    assert await switched.refused() is None


RUNBOOK = """
schemaVersion: "0.3"
assumeRole: ""
parameters:
  ClaimId: {type: String}
mainSteps:
  - {name: wait, action: "aws:sleep", inputs: {Duration: PT1H}, isEnd: true}
"""


async def test_what_runs_is_found_by_its_tag_and_stopped(
    foundation: SandboxResources, point_at: Callable[[str], None], stack: AsyncExitStack, tmp_path: Path
) -> None:
    """Lever 2 lists our executions that are not over, no others, and ends each where it is."""
    point_at(foundation.endpoint_url)
    (tmp_path / f"{REQUEST.runbook}.yaml").write_text(RUNBOOK)
    automation = await stack.enter_async_context(EmbeddedAutomation(foundation.endpoint_url))
    automation.load(tmp_path)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_SSM", automation.url)
        executions = Executions(ActionClients(stack, SystemClock(), REQUEST.target.account))
        token = uuid4()
        begun = await executions.start(REQUEST, token, {"ClaimId": (str(token),)})
        await _foreign(executions)
        answer = await in_thread(sent, automation.url, call_of("ssm describe-automation-executions"))
        assert [each["AutomationExecutionId"] for each in answer["AutomationExecutionMetadataList"]] == [begun]
        await in_thread(sent, automation.url, call_of("ssm stop-automation-execution"), EXECUTION_ID=begun)
        while not (stopped := await executions.read(begun, REQUEST.target)).phase.over:
            pass
        assert stopped.phase is Phase.CANCELLED
        assert (await in_thread(sent, automation.url, call_of("ssm describe-automation-executions")))[
            "AutomationExecutionMetadataList"
        ] == []


async def _foreign(executions: Executions) -> None:
    """Begin an execution that is not ours: without the tag."""
    client = await executions._clients.client("ssm", REQUEST.target.account, REQUEST.target.region)
    await client.start_automation_execution(DocumentName=REQUEST.runbook, Parameters={"ClaimId": ["theirs"]})


async def in_thread(work: Callable[..., Mapping[str, Any]], *arguments: object, **named: str) -> Mapping[str, Any]:
    """Do blocking work while the server that it talks to answers."""
    return await asyncio.to_thread(work, *arguments, **named)


@pytest.fixture
def iam(emulator: str) -> tuple[Any, str, str]:
    """IAM with the worker's role and a managed policy on it."""
    client = client_of("iam", emulator)
    name = f"worker-{uuid4().hex[:8]}"
    client.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}]}
    arn = client.create_policy(PolicyName=name, PolicyDocument=json.dumps(allow))["Policy"]["Arn"]
    client.attach_role_policy(RoleName=name, PolicyArn=arn)
    return client, name, arn


def test_a_denial_is_put_on_the_role_and_taken_back(emulator: str, iam: tuple[Any, str, str]) -> None:
    """Lever 3 denies the worker's role what begins actions, here and in other accounts; its second call undoes it."""
    client, role, _ = iam
    sent(emulator, call_of("iam put-role-policy"), **{ROLE: role})
    kept = client.get_role_policy(RoleName=role, PolicyName="autocloudops-kill-switch")["PolicyDocument"]
    (statement,) = (json.loads(kept) if isinstance(kept, str) else kept)["Statement"]
    assert statement["Effect"] == "Deny"
    assert set(statement["Action"]) == {"ssm:StartAutomationExecution", "sts:AssumeRole"}
    sent(emulator, call_of("iam delete-role-policy"), **{ROLE: role})
    assert client.list_role_policies(RoleName=role)["PolicyNames"] == []


def test_the_permission_to_act_is_detached(emulator: str, iam: tuple[Any, str, str]) -> None:
    """The last call leaves the role without the managed policy."""
    client, role, arn = iam
    sent(
        emulator,
        call_of("iam detach-role-policy"),
        **{ROLE: role, "arn:aws:iam::ACCOUNT:policy/autocloudops-acting": arn},
    )
    assert client.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
