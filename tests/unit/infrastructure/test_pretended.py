"""What the emulator makes but never runs has the shape that its API takes."""

import json
from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from emulated_stacks import BOUND, resources_of, with_functions_that_run
from templates import TEMPLATES, evaluated, load, names

PRETENDED: Mapping[str, tuple[str, str]] = {
    "AWS::CodeBuild::Project": ("codebuild", "CreateProject"),
    "AWS::ECS::Service": ("ecs", "CreateService"),
    "AWS::ECS::TaskDefinition": ("ecs", "RegisterTaskDefinition"),
    "AWS::Lambda::Function": ("lambda", "CreateFunction"),
}
"""Types of which ministack 1.5.33 keeps a record and runs nothing, as no container runs here, and what makes them."""
GIVEN: Mapping[str, object] = {"ImageUri": "image", "Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"]}


def _lowered(node: Any, *, below: str = "") -> Any:  # noqa: ANN401 - YAML of any depth
    """Return properties with names as an API of the first kind has them, and numbers where it wants text."""
    if isinstance(node, list):
        return [_lowered(each) for each in node]
    if isinstance(node, dict) and below != "options":
        made = {name[0].lower() + name[1:]: each for name, each in node.items()}
        return {name: _lowered(each, below=name) for name, each in made.items()}
    return node


def _pretended() -> list[tuple[str, str]]:
    found = [(name, resources_of((TEMPLATES / f"{name}.yaml").read_text())) for name in names()]
    return [(template, name) for template, kinds in found for name, kind in kinds.items() if kind in PRETENDED]


def test_what_is_only_pretended_is_known() -> None:
    """These and no others are made by the emulator without anything behind them."""
    assert set(_pretended()) == {
        ("image", "Build"),
        ("worker-ecs", "WorkerTask"),
        ("worker-ecs", "Worker"),
        ("worker-ecs", "DigestTask"),
        ("worker-lambda", "Worker"),
        ("worker-lambda", "Digest"),
    }


@pytest.mark.parametrize(("template", "name"), _pretended(), ids=str)
def test_what_is_pretended_is_what_its_api_takes(template: str, name: str) -> None:
    """Members and types are those of the call that CloudFormation makes."""
    kind = resources_of((TEMPLATES / f"{template}.yaml").read_text())[name]
    service, operation = PRETENDED[kind]
    properties = evaluated(load(template), GIVEN)[name]
    request = properties if service == "lambda" else _lowered(properties)
    shape = botocore.session.Session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    wrong = ParamValidator().validate(_as_api(kind, request), shape).generate_report()
    assert not wrong


def _as_api(kind: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return a request under the names that differ between CloudFormation and the API."""
    if kind == "AWS::CodeBuild::Project":
        build_spec = request["source"].pop("buildSpec")
        return request | {"source": request["source"] | {"buildspec": build_spec}}
    if kind == "AWS::Lambda::Function":
        # CloudFormation makes text of numbers there.
        texts = {name: str(said) for name, said in request["Environment"]["Variables"].items()}
        return request | {"Environment": {"Variables": texts}}
    return request


def test_functions_of_the_worker_can_be_run_from_their_code() -> None:
    """Where tests run them, both functions keep their settings and get code in the place of an image."""
    text, count = with_functions_that_run((TEMPLATES / "worker-lambda.yaml").read_text(), {"HERE": json.dumps("x")})
    assert (count, text.count("ZipFile"), text.count("PackageType"), text.count("HERE")) == (2, 2, 0, 2)
    assert BOUND[1] in text
    assert "from autocloudops.entrypoints.lambda_handler import handler as called" in text
