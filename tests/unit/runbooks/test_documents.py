import re
from collections.abc import Mapping
from uuid import UUID

import pytest
from triage import (
    cpu_alarm,
    database_alarm,
    disk_alarm,
    error_alarm,
    group_alarm,
    memory_alarm,
    metric,
    resource,
    under,
)

from autocloudops.actions.runbook import RunbookSetup
from autocloudops.alarms.model import Alarm
from autocloudops.catalogue import ACTIONS, Action, ActionRequest
from autocloudops.catalogue.matching import KINDS
from autocloudops.catalogue.model import Capacity
from autocloudops.cli.runbooks.checking import COMMON, Problem, problems
from autocloudops.cli.runbooks.documents import Document, document_of, folder, texts
from autocloudops.cli.runbooks.flow import unguarded

TEXTS = texts(folder())
DOCUMENTS = {name: document_of(name, text) for name, text in TEXTS.items()}
RUNNING = "arn:aws:ecs:eu-west-1:111122223333:task-definition/orders:7"
RUN = {name: action for name, action in ACTIONS.items() if action.executes}
STORAGE = metric("AWS/RDS", "FreeStorageSpace", {"DBInstanceIdentifier": "orders-db"})
POOL_USE = metric("Shop", "DatabaseConnections", {"ClusterName": "shop", "ServiceName": "orders-api"})
ALARMS = (
    cpu_alarm(),
    group_alarm(),
    memory_alarm(),
    error_alarm(),
    database_alarm(),
    disk_alarm("/"),
    disk_alarm("/var/log/"),
    disk_alarm("/data/app.2/logs"),
    cpu_alarm().model_copy(update={"metric": POOL_USE}),
    cpu_alarm().model_copy(
        update={"resource": resource("rds:db-instance", "orders-db"), "metric": STORAGE, "condition": under(5e9)}
    ),
)


def asked(action: Action, alarm: Alarm) -> ActionRequest | None:
    """Return what an action would do about an alarm, bounded where it is scaled."""
    binding = action.bind(alarm)
    if binding is None:
        return None
    request = action.request(binding.target, binding.parameters)
    bounded = action.bound(request, Capacity(desired=4, running=4)) if action.bound else request
    assert isinstance(bounded, ActionRequest)
    pinned = action.pinned(bounded, {"TaskDefinition": RUNNING}) if action.pinned else bounded
    assert isinstance(pinned, ActionRequest)
    return pinned


ASKED = [request for action in RUN.values() for alarm in ALARMS if (request := asked(action, alarm))]


def fits(document: Document, name: str, value: str) -> bool:
    """Tell whether a parameter of a document takes a value."""
    parameter = document.parameters[name]
    if parameter.type == "Integer":
        return value.isdecimal()
    if parameter.allowed_values is not None:
        return value in parameter.allowed_values
    assert parameter.allowed_pattern is not None
    return re.fullmatch(parameter.allowed_pattern, value) is not None


def test_every_document_is_right() -> None:
    """Form, ways, references, guards and every AWS call: what `runbooks test` looks at has no fault."""
    assert problems(TEXTS) == ()


def test_catalogue_and_documents_name_each_other() -> None:
    """Every action that runs something has its document, and no document is run by nobody."""
    assert {action.runbook for action in RUN.values()} == {*DOCUMENTS}
    without = {name: text for name, text in TEXTS.items() if name != "AutoCloudOps-Notify"}
    assert [problem.document for problem in problems(without)] == ["AutoCloudOps-Notify"]
    more = {**TEXTS, "AutoCloudOps-Terminate": TEXTS["AutoCloudOps-Notify"]}
    assert problems(more) == (Problem("AutoCloudOps-Terminate", "", "no action of the catalogue runs it"),)


@pytest.mark.parametrize("request_", ASKED, ids=lambda each: f"{each.action}-{each.target.type}")
def test_document_takes_what_the_action_gives(request_: ActionRequest) -> None:
    """Each parameter of an action is one of its document, of its type and form; and no needed one is missing."""
    document = DOCUMENTS[request_.runbook]
    for name, value in request_.parameters.items():
        assert fits(document, name, value), f"{name}={value}"
    needed = {name for name, each in document.parameters.items() if each.default is None} - {*COMMON}
    assert needed <= {*request_.parameters}
    assert not {*request_.parameters} & {*COMMON}


@pytest.mark.parametrize("approval", [False, True])
def test_document_takes_what_it_is_started_with(approval: bool) -> None:
    """Whatever the dispatcher adds to an action's parameters is taken by every document too, and nothing is missing."""
    setup = RunbookSetup(
        role="arn:aws:iam::{account}:role/{runbook}",
        table="autocloudops-state",
        approvers=("arn:aws:iam::111122223333:role/on-call",),
        topic="arn:aws:sns:eu-west-1:111122223333:autocloudops-decisions",
    )
    for request in ASKED:
        document = DOCUMENTS[request.runbook]
        given = setup.parameters(request, UUID(int=7), approval=approval)
        assert {name for name, each in document.parameters.items() if each.default is None} <= {*given}
        for name, values in given.items():
            listed = document.parameters[name].type == "StringList"
            assert listed or (len(values) == 1 and fits(document, name, values[0])), f"{name}={values}"


def test_every_action_was_asked_for_every_type_of_its_targets() -> None:
    """The samples above leave no action and no type of target out."""
    types: Mapping[str, set[str]] = {name: set() for name in RUN}
    for each in ASKED:
        types[each.action].add(each.target.type)
    assert all({*action.targets} <= types[name] and types[name] for name, action in RUN.items())


def test_kinds_are_those_of_the_targets() -> None:
    """A document that serves several types of resource takes exactly the kinds of its action's targets."""
    of_several = {name: document for name, document in DOCUMENTS.items() if "Kind" in document.parameters}
    assert len(of_several) == 3
    for action in RUN.values():
        if action.runbook in of_several:
            kinds = [KINDS[target] for target in action.targets]
            assert sorted(of_several[action.runbook].parameters["Kind"].allowed_values or ()) == sorted(kinds)


HOSTILE = (
    "{{ssm:/prod/password}}",
    "{{ ClaimId }}",
    "orders api",
    "orders;reboot",
    "$(reboot)",
    "orders'",
    'orders"',
    "",
    "/var/log' -o -name '*",
    "orders\n",
    "*",
)


@pytest.mark.parametrize("value", HOSTILE)
def test_no_parameter_takes_what_is_no_name(value: str) -> None:
    """Whatever somebody puts into a parameter, references, quotes and shell characters are refused by SSM itself."""
    for request_ in ASKED:
        document = DOCUMENTS[request_.runbook]
        for name in request_.parameters:
            optional = value == "" and document.parameters[name].default == ""
            assert optional or not fits(document, name, value), f"{request_.runbook} {name}"


@pytest.mark.parametrize("path", ["/var/log/../../etc", "/..", "/.", "var/log", "//", "/var//log", "/var/.hidden"])
def test_path_does_not_climb(path: str) -> None:
    """The logs are cleaned under a mount, and nothing that a path can say leads out of it."""
    assert not fits(DOCUMENTS["AutoCloudOps-CleanLogs"], "Path", path)


def test_documents_share_their_beginning() -> None:
    """Approval and mode are asked for in the same words everywhere, before the first step of a document's own."""
    of_parameters = {str([document.parameters[name] for name in COMMON]) for document in DOCUMENTS.values()}
    assert len(of_parameters) == 1
    begin = ["chooseApproval", "approve", "approveAndTell", "modeAllowsApproved", "modeIsActive"]
    for document in DOCUMENTS.values():
        assert [step.name for step in document.main_steps[:5]] == begin
        first = document.main_steps[5].name
        assert [step.next_step for step in document.main_steps[3:5]] == [first, first]
    keys = {str(document.main_steps[4].inputs) for document in DOCUMENTS.values()}
    assert len(keys) == 1


def test_what_changes_a_count_asserts_it_first() -> None:
    """Right before a count is set, the runbook asserts that it still is what it was when that was decided."""
    for name in ("AutoCloudOps-ScaleOutService", "AutoCloudOps-ScaleOutGroup"):
        steps = DOCUMENTS[name].main_steps
        (change,) = [number for number, step in enumerate(steps) if step.changes]
        before = steps[change - 1]
        assert (before.action, before.next_step) == ("aws:assertAwsResourceProperty", steps[change].name)
        assert before.inputs["DesiredValues"] == ["{{ ExpectedDesiredCount }}"]
        assert "{{ DesiredCount }}" in steps[change].inputs.values()


def test_a_deployment_is_rolled_back_only_where_it_still_runs() -> None:
    """On every way to a change the runbook asserts the task definition that was decided about: not a newer one."""
    steps = DOCUMENTS["AutoCloudOps-RollBackDeployment"].main_steps
    free = unguarded(steps, lambda step: step.inputs.get("DesiredValues") == ["{{ ExpectedTaskDefinition }}"])
    changes = {step.name for step in steps if step.changes}
    assert len(changes) == 2
    assert not changes & free


def test_a_target_is_looked_at_before_it_is_changed() -> None:
    """On every way to a change, an assertion about the target itself stands behind the one about the mode."""
    for action in RUN.values():
        steps = DOCUMENTS[action.runbook].main_steps
        free = unguarded(steps, lambda step: step.action.startswith("aws:assert") and step.inputs["Api"] != "GetItem")
        changes = {step.name for step in steps if step.changes}
        assert bool(changes & free) == (not action.targets), action.runbook


def test_snapshot_changes_nothing() -> None:
    """The diagnostics call only what reads."""
    document = DOCUMENTS["AutoCloudOps-CollectDiagnostics"]
    assert not [step.name for step in document.main_steps if step.changes]
