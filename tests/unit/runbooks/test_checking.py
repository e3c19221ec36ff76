from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from autocloudops.cli.runbooks.checking import problems_of
from autocloudops.cli.runbooks.documents import folder, texts
from autocloudops.errors import InputUnreadable

SCALE, CLEAN, ROLL = "AutoCloudOps-ScaleOutService", "AutoCloudOps-CleanLogs", "AutoCloudOps-RollBackDeployment"
TEXTS = texts(folder())
Mutation = Callable[[dict[str, Any]], object]


def step(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one step of a document, to be changed in place."""
    (found,) = [each for each in document["mainSteps"] if each["name"] == name]
    assert isinstance(found, dict)
    return found


def inputs(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the inputs of one step, to be changed in place."""
    found = step(document, name)["inputs"]
    assert isinstance(found, dict)
    return found


def said_of(mutation: Mutation, name: str = SCALE) -> list[str]:
    """Return what is said of a document after one change."""
    document = yaml.safe_load(TEXTS[name])
    mutation(document)
    return [f"{problem.where}: {problem.what}" for problem in problems_of(name, yaml.safe_dump(document))]


def without_guard(document: dict[str, Any]) -> None:
    """Let the unapproved way go around the assertion of the mode."""
    inputs(document, "chooseApproval")["Default"] = "readBefore"


def script(document: dict[str, Any]) -> None:
    """Put code into a runbook."""
    step(document, "readBefore").update(action="aws:executeScript", inputs={"Script": "print(1)"})


MUTATIONS: dict[str, tuple[Mutation, str]] = {
    "another schema": (lambda d: d.update(schemaVersion="2.2"), "schemaVersion"),
    "a fixed role": (lambda d: d.update(assumeRole="arn:aws:iam::1:role/admin"), "assumeRole"),
    "a key of no document": (lambda d: d.update(files={}), "files"),
    "no steps": (lambda d: d.update(mainSteps=[]), "mainSteps"),
    "code": (script, "action"),
    "a key of no step": (lambda d: step(d, "setCount").update(onCancel="Abort"), "onCancel"),
    "an action that is none": (lambda d: step(d, "setCount").update(action="aws:executeAwsAPI"), "action"),
    "no step of that name": (lambda d: step(d, "readBefore").update(nextStep="gone"), "goes on to gone"),
    "a loop": (lambda d: step(d, "setCount").update(nextStep="readBefore"), "which is no step below it"),
    "a step twice": (lambda d: step(d, "serviceIsActive").update(name="setCount"), "same name"),
    "no end": (lambda d: step(d, "waitForTasks").pop("isEnd"), "neither or both of nextStep and isEnd"),
    "an end in the middle": (lambda d: step(d, "setCount").pop("nextStep"), "neither or both"),
    "a step that nothing leads to": (
        lambda d: step(d, "readBefore").update(nextStep="countIsAsExpected"),
        "serviceIsActive: is never reached",
    ),
    "a failure that is not said": (lambda d: step(d, "setCount").pop("onFailure"), "does not say onFailure"),
    "a change that may fail": (lambda d: step(d, "setCount").update(onFailure="Continue"), "only the last wait may"),
    "an assertion that may fail": (
        lambda d: step(d, "countIsAsExpected").update(onFailure="Continue"),
        "only the last wait may",
    ),
    "a wait for ever": (lambda d: step(d, "waitForTasks").pop("timeoutSeconds"), "waits without timeoutSeconds"),
    "an approval for ever": (lambda d: step(d, "approve").pop("timeoutSeconds"), "waits without timeoutSeconds"),
    "an approval by nobody": (lambda d: inputs(d, "approve").pop("Approvers"), "lacks the input Approvers"),
    "an approval with more": (lambda d: inputs(d, "approve").update(Quorum=2), "does not take the input Quorum"),
    "a branch without a default": (lambda d: inputs(d, "chooseApproval").pop("Default"), "has no Default"),
    "an operator that is none": (
        lambda d: inputs(d, "chooseApproval")["Choices"][1].update(StringMatches="x"),
        "one Variable by one operator",
    ),
    "a choice of nothing": (
        lambda d: inputs(d, "chooseApproval")["Choices"][1].pop("NextStep"),
        "a choice without NextStep",
    ),
    "a service that AWS lacks": (lambda d: inputs(d, "setCount").update(Service="ECS2"), "no API that AWS has"),
    "an API in the wrong case": (lambda d: inputs(d, "setCount").update(Api="update_service"), "no API that AWS has"),
    "an input in the wrong case": (
        lambda d: inputs(d, "setCount").update(DesiredCount="{{ DesiredCount }}"),
        'Unknown parameter in input: "DesiredCount"',
    ),
    "an input of the wrong type": (
        lambda d: inputs(d, "setCount").update(desiredCount="{{ Service }}"),
        "Invalid type for parameter desiredCount",
    ),
    "an input that is missing": (
        lambda d: inputs(d, "setCount").pop("service"),
        'Missing required parameter in input: "service"',
    ),
    "an output that AWS lacks": (
        lambda d: step(d, "setCount")["outputs"][0].update(Selector="$.services[0].desiredCount"),
        "is not in the answer of UpdateService",
    ),
    "an output of another type": (
        lambda d: step(d, "readBefore")["outputs"][0].update(Type="String"),
        "is a integer, and no String",
    ),
    "a property that AWS lacks": (
        lambda d: inputs(d, "serviceIsActive").update(PropertySelector="$.services[0].state"),
        "is not in the answer of DescribeServices",
    ),
    "a property of no list": (
        lambda d: inputs(d, "serviceIsActive").update(PropertySelector="$.services.status"),
        "is not in the answer of DescribeServices",
    ),
    "nothing that is wanted": (lambda d: inputs(d, "serviceIsActive").update(DesiredValues=[]), "no list of values"),
    "a reference to nothing": (
        lambda d: inputs(d, "setCount").update(cluster="{{ ClusterName }}"),
        "refers to ClusterName",
    ),
    "a reference to a later step": (
        lambda d: inputs(d, "serviceIsActive").update(cluster="{{ setCount.DesiredCount }}"),
        "refers to setCount.DesiredCount",
    ),
    "an output of nothing": (lambda d: d["outputs"].append("readBefore.Status"), "readBefore.Status is no output"),
    "a parameter without use": (
        lambda d: d["parameters"].update(Reason={"type": "String", "description": "x", "allowedValues": ["a"]}),
        "Reason: no step uses it",
    ),
    "a parameter without a form": (
        lambda d: d["parameters"]["Service"].pop("allowedPattern"),
        "Service: takes any text",
    ),
    "a form that is not bound": (
        lambda d: d["parameters"]["Service"].update(allowedPattern="[a-z]+"),
        "not bound to the whole text",
    ),
    "a form that is none": (
        lambda d: d["parameters"]["Service"].update(allowedPattern="^[a-z$"),
        "its allowedPattern is none",
    ),
    "a default of another form": (
        lambda d: d["parameters"]["Service"].update(default="a b"),
        "its default does not fit",
    ),
    "a default that is not allowed": (
        lambda d: d["parameters"]["RequireApproval"].update(default="maybe"),
        "none of its allowedValues",
    ),
    "a common parameter that is missing": (lambda d: d["parameters"].pop("ClaimId"), "ClaimId: every runbook has"),
    "a common parameter of another type": (
        lambda d: d["parameters"]["Approvers"].update(type="String", default="", allowedValues=[""]),
        "Approvers: every runbook has this parameter, as StringList",
    ),
    "no look at the control item": (without_guard, "setCount: changes something, and on some way"),
    "the control item of somebody else": (
        lambda d: inputs(d, "modeIsActive").update(Key={"pk": {"S": "MINE"}, "sk": {"S": "CONTROL"}}),
        "setCount: changes something",
    ),
    "an old control item": (lambda d: inputs(d, "modeIsActive").pop("ConsistentRead"), "setCount: changes something"),
    "a table of somebody else": (
        lambda d: inputs(d, "modeIsActive").update(TableName="mine"),
        "setCount: changes something",
    ),
    "dry-run is enough": (
        lambda d: inputs(d, "modeIsActive").update(DesiredValues=["active", "dry-run"]),
        "setCount: changes something",
    ),
    "approve is enough without approval": (
        lambda d: inputs(d, "modeIsActive").update(DesiredValues=["active", "approve"]),
        "modeIsActive: lets a mode pass",
    ),
    "approval goes around its question": (
        lambda d: inputs(d, "chooseApproval").update(Default="modeAllowsApproved"),
        "modeAllowsApproved: lets a mode pass",
    ),
}


@pytest.mark.parametrize(("mutation", "said"), MUTATIONS.values(), ids=MUTATIONS.keys())
def test_what_is_wrong_is_said(mutation: Mutation, said: str) -> None:
    """A document with one fault is refused, and the fault is named with its place."""
    found = said_of(mutation)
    assert any(said in each for each in found), found


@pytest.mark.parametrize("name", TEXTS)
def test_documents_survive_being_written_again(name: str) -> None:
    """The mutations fail by what they change, and not because a document is read and written."""
    assert said_of(lambda _: None, name) == []


def test_an_output_of_one_way_is_not_used_on_another() -> None:
    """What only one branch reads may not be used where the other one leads too."""
    wrong = said_of(lambda d: inputs(d, "waitForDeployment").update(cluster="{{ readPrevious.TaskDefinition }}"), ROLL)
    (said,) = wrong
    assert said.startswith("waitForDeployment: refers to readPrevious.TaskDefinition, which is no parameter")


def test_every_way_to_a_change_is_guarded() -> None:
    """A way around the control item is found wherever a branch leads it to."""
    wrong = said_of(lambda d: inputs(d, "chooseApproval").update(Default="chooseKind"), CLEAN)
    assert {each.partition(":")[0] for each in wrong if "changes something" in each} == {
        "deleteRotated",
        "shortenRetention",
    }


def test_text_that_is_no_document_is_refused_alone() -> None:
    """Where a file is no YAML or no mapping, that is all that is said of it."""
    assert [each.what[:20] for each in problems_of(SCALE, "a: [")] == ["while parsing a flow"]
    assert len(problems_of(SCALE, "- a list")) == 1


def test_folder_without_documents_is_refused(tmp_path: Path) -> None:
    """An empty folder is a slip of whoever named it, and not nine missing runbooks."""
    with pytest.raises(InputUnreadable, match="there is no runbook"):
        texts(tmp_path)
