"""A policy as it is written: YAML or JSON, where every unknown key is an error and every error has its line.

Every scalar is read as the text that stands there, so that `off` is a mode, and an account keeps its leading zeros.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import (
    ACCOUNT_PATTERN,
    APPROVER_PATTERN,
    TAG_PATTERN,
    TOPIC_PATTERN,
    ActionRule,
    AlarmRule,
    ApprovalRule,
    TagRule,
    did_you_mean,
)
from autocloudops.errors import SettingsInvalid
from autocloudops.values import Value

LONGEST_BYTES = 64 * 1024
NAMED_WHERE_IT_ACTS = ("accounts", "regions", "actions")
_PARTS: Mapping[str, type[Value]] = {
    "actions": ActionRule,
    "alarms": AlarmRule,
    "tags": TagRule,
    "limits": ClaimLimits,
    "approval": ApprovalRule,
}
_KEYED = "has to be keys with values, as {key: value}"
_INSTEAD = {
    "dict_type": _KEYED,
    "mapping_type": _KEYED,
    "model_type": _KEYED,
    "tuple_type": "has to be a list, as [one, another]",
    "int_parsing": "has to be a whole number",
    "missing": "is missing",
}
_FORMS = {
    ACCOUNT_PATTERN: "an account: 12 digits",
    APPROVER_PATTERN: "the ARN of one IAM user or role",
    TAG_PATTERN: "a tag: KEY or KEY=VALUE",
    TOPIC_PATTERN: "the ARN of an SNS topic",
}

Path = tuple[int | str, ...]


class Fault(Value):
    """What is wrong in a policy file: the line, counted from 1, the path of keys, and what to do about it."""

    line: int
    path: str
    said: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.path}: {self.said}" if self.path else f"line {self.line}: {self.said}"


class _Unreadable(Exception):
    """The content is no YAML that a policy could be."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(said)
        self.fault = Fault(line=line, path="", said=said)


def check_policy(content: bytes) -> Policy | tuple[Fault, ...]:
    """Return the policy in a file, or everything that is wrong with it, by line.

    Besides what `Policy` demands, a file whose mode is above dry-run names the accounts, regions and actions that it
    is about.

    Args:
        content: YAML or JSON in UTF-8, at most `LONGEST_BYTES`.
    """
    try:
        root = _composed(content)
        written = _value(root)
        lines = dict(_lines(root, ()))
    except _Unreadable as error:
        return (error.fault,)
    try:
        policy = Policy.model_validate(written)
    except ValidationError as error:
        faults = (_fault(each, lines) for each in error.errors())
        return tuple(sorted(faults, key=lambda fault: fault.line))
    return tuple(_unnamed(policy, lines)) or policy


def parse_policy(name: str, content: bytes) -> Policy:
    """Return the policy in a file.

    Args:
        name: how the file is called, for the error.
        content: what it holds; see `check_policy`.

    Raises:
        SettingsInvalid: the file is no policy; the first thing that is wrong is named with its line.
    """
    found = check_policy(content)
    if isinstance(found, Policy):
        return found
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    raise SettingsInvalid(f"{name}: {found[0]}{more}", "run `autocloudops policy check` on it")


def _composed(content: bytes) -> yaml.Node:
    if len(content) > LONGEST_BYTES:
        raise _Unreadable(1, f"it has {len(content):,} bytes, and may have {LONGEST_BYTES:,}")
    try:
        text = content.decode("utf-8-sig")
        _refuse_aliases(text)
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except UnicodeDecodeError as error:
        raise _Unreadable(content.count(b"\n", 0, error.start) + 1, "it is not written in UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Unreadable(mark.line + 1 if mark else 1, f"no YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _Unreadable(1, "no YAML that can be read") from error
    if root is None:
        raise _Unreadable(1, "it is empty: write {} for a policy that says nothing")
    return root


def _refuse_aliases(text: str) -> None:
    """Refuse what makes a short file endless, and a long one hard to read."""
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            mark = event.start_mark
            raise _Unreadable(mark.line + 1 if mark else 1, "an alias: write out what holds here")


def _value(node: yaml.Node) -> object:
    """Return what a node says, in texts, lists and dictionaries.

    Raises:
        _Unreadable: a key stands twice, or is no text.
    """
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(each) for each in node.value]
    found: dict[str, object] = {}
    for key, value in node.value:
        _new_key(key, found)
        found[key.value] = _value(value)
    return found


def _new_key(key: yaml.Node, found: Mapping[str, object]) -> None:
    line = key.start_mark.line + 1
    if not isinstance(key, yaml.ScalarNode):
        raise _Unreadable(line, "a key is a text")
    if key.value in found:
        raise _Unreadable(line, f"{key.value} stands here for the second time")


def _lines(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    """Yield the line of everything in a node by its path."""
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*path, key.value))
            yield (*path, key.value), key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, each in enumerate(node.value):
            yield from _lines(each, (*path, index))


def _fault(error: ErrorDetails, lines: Mapping[Path, int]) -> Fault:
    path = tuple(step for step in error["loc"] if step != "[key]")
    known = next(path[:length] for length in range(len(path), -1, -1) if path[:length] in lines)
    return Fault(line=lines[known], path=".".join(map(str, path)), said=_said(error, path))


def _said(error: ErrorDetails, path: Path) -> str:
    if error["type"] == "extra_forbidden":
        part = _PARTS.get(str(path[0]), Policy) if len(path) > 1 else Policy
        return f"there is no such key{did_you_mean(str(path[-1]), part.model_fields)}"
    if error["type"] == "enum":
        expected = str(error.get("ctx", {}).get("expected", ""))
        return f"{error['input']!r} is not one of {expected.replace(' or ', ', ')}"
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        return f"{error['input']!r} is not {_FORMS[str(error.get('ctx', {}).get('pattern'))]}"
    return _INSTEAD.get(error["type"], error["msg"][:1].lower() + error["msg"][1:])


def _unnamed(policy: Policy, lines: Mapping[Path, int]) -> Iterator[Fault]:
    """Yield what a policy leaves open that acts or asks for approval."""
    if policy.mode <= Mode.DRY_RUN:
        return
    line = lines[("mode",)]
    for name in NAMED_WHERE_IT_ACTS:
        if getattr(policy, name) is None:
            yield Fault(line=line, path=name, said=f"is missing: mode {policy.mode} needs the {name} that it is for")


def schema() -> dict[str, object]:
    """Return the JSON Schema of a policy file, draft 2020-12."""
    acting = [mode.value for mode in Mode if mode > Mode.DRY_RUN]
    described = {key: _strict(value) for key, value in Policy.model_json_schema().items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **described,
        "title": "Policy of AutoCloudOps",
        "if": {"properties": {"mode": {"enum": acting}}, "required": ["mode"]},
        "then": {"required": list(NAMED_WHERE_IT_ACTS)},
    }


def _strict(node: Any) -> Any:  # noqa: ANN401 - a JSON document
    """Return a schema in which what need not be given is left out, never null, and every key is of a known form."""
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _strict(value) for key, value in node.items() if value is not None}
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    choices = [each for each in kept.pop("anyOf", []) if each != {"type": "null"}]
    return {**kept, **(choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})}
