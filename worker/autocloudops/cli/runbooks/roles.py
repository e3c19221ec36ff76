"""What the role of each runbook may do, from the template that makes it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import yaml

from autocloudops.cli.runbooks.documents import infrastructure
from autocloudops.values import Value

TEMPLATE = "runbooks.yaml"
COMMON_POLICY = "CommonPolicy"


class Statement(Value):
    """One statement of a role's policy, as far as people read it. `tagged`: for resources with the tag alone."""

    sid: str
    actions: tuple[str, ...]
    resource: str
    tagged: bool


class _Reader(yaml.SafeLoader):
    """Reads a template; `!Sub text` and its like are the text."""


def _untagged(reader: _Reader, _: str, node: yaml.Node) -> Any:  # noqa: ANN401 - whatever YAML holds
    if isinstance(node, yaml.ScalarNode):
        return reader.construct_scalar(node)
    return reader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else None


_Reader.add_multi_constructor("!", _untagged)


@cache
def template() -> Mapping[str, Any]:
    """Return the template of documents and roles; what its short functions are given stands for them."""
    text = (infrastructure() / "cloudformation" / TEMPLATE).read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = yaml.load(text, Loader=_Reader)  # noqa: S506 - a SafeLoader with text for tags
    return loaded


def statements_of(runbook: str) -> tuple[Statement, ...]:
    """Return what the role of a runbook may do, what every role may do first; nothing where it has no role.

    Args:
        runbook: the name of its document.
    """
    resources = template()["Resources"]
    return tuple(
        _statement(each)
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Role" and resource["Properties"]["RoleName"] == runbook
        for each in (*_common(resources), *_own(resource["Properties"].get("Policies", ())))
    )


def _common(resources: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = resources[COMMON_POLICY]["Properties"]["PolicyDocument"]["Statement"]
    return found


def _own(policies: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for policy in policies:
        yield from policy["PolicyDocument"]["Statement"]


def _statement(written: Mapping[str, Any]) -> Statement:
    return Statement(
        sid=written["Sid"],
        actions=tuple(written["Action"]),
        resource=str(written["Resource"]),
        tagged="aws:ResourceTag/autocloudops:allow" in str(written.get("Condition", "")),
    )
