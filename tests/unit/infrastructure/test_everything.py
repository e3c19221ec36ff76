"""A grant on everything does not slip in: however it is written, it needs a reason beside it."""

from collections.abc import Iterator

import pytest
import yaml
from templates import TEMPLATES, names

TEMPLATE = """\
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyDocument:
            Statement:
"""


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _mappings(each)


def _scalars(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _scalars(each)
    else:
        for _, value in node.value:
            yield from _scalars(value)


def too_much(template: str) -> list[str]:
    """Return what is wrong with the grants of a template, each with the number of its line.

    Args:
        template: CloudFormation as YAML. A resource `*` is explained by a comment right before its statement or in it.
    """
    lines = template.splitlines()
    wrong = []
    root = yaml.compose(template)
    assert root is not None
    for statement in _mappings(root):
        said = {key.value: value for key, value in statement.value}
        if "Effect" not in said or said["Effect"].value != "Allow":
            continue
        first, last = statement.start_mark.line, statement.end_mark.line
        number = first + 1
        wrong += [f"{number}: {name}" for name in ("NotAction", "NotResource") if name in said]
        wrong += (
            [f"{number}: {action}" for action in _scalars(said["Action"]) if "*" in action] if "Action" in said else []
        )
        explained = any(line.lstrip().startswith("#") for line in lines[max(first - 1, 0) : last])
        if "Resource" in said and "*" in _scalars(said["Resource"]) and not explained:
            wrong.append(f"{number}: *")
    return wrong


@pytest.mark.parametrize("name", names())
def test_everything_is_granted_nowhere_without_a_reason(name: str) -> None:
    """No action is a pattern, nothing is granted by exclusion, and each resource `*` is explained."""
    assert not too_much((TEMPLATES / f"{name}.yaml").read_text())


@pytest.mark.parametrize(
    "statement",
    [
        '- {Effect: Allow, Action: "s3:GetObject", Resource: "*"}',
        "- {Effect: Allow, Action: ['s3:*'], Resource: 'arn:aws:s3:::shop/*'}",
        "- Effect: Allow\n  Action: s3:GetObject\n  Resource:\n    - arn:aws:s3:::shop/a\n    - '*'",
        "- Effect: Allow\n  Action: s3:GetObject\n  Resource: !If [All, '*', !Ref Bucket]",
        "- Effect: Allow\n  NotAction: iam:CreateUser\n  Resource: arn:aws:s3:::shop/a",
        "- Effect: Allow\n  Action: s3:GetObject\n  NotResource: arn:aws:s3:::shop/a",
    ],
)
def test_a_grant_on_everything_is_found_in_every_form(statement: str) -> None:
    """Planted in a template, each is found; a reason helps only the resource."""
    indented = "".join(f"              {line}\n" for line in statement.splitlines())
    assert len(too_much(TEMPLATE + indented)) == 1
    explained = too_much(f"{TEMPLATE}              # The call has no resource.\n{indented}")
    assert len(explained) == ("'*'" not in statement and '"*"' not in statement)
