"""CloudFormation templates as tests read them: with their functions as nodes, and evaluated for one account."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

TEMPLATES = Path(__file__).parents[2] / "infrastructure" / "cloudformation"
ACCOUNT, REGION, PARTITION = "111122223333", "eu-west-1", "aws"
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": PARTITION, "AWS::NoValue": None}
PLACEHOLDER = re.compile(r"\$\{([^!}]+)\}")


class _Loader(yaml.SafeLoader):
    """Reads `!Name value` as `{"Fn::Name": value}`."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> Mapping[str, object]:
    if isinstance(node, yaml.ScalarNode):
        value: object = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


def load(name: str) -> dict[str, Any]:
    """Return a template."""
    text = (TEMPLATES / f"{name}.yaml").read_text()
    loaded: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with one constructor more
    return loaded


def names() -> list[str]:
    """Return the names of all templates."""
    return sorted(path.stem for path in TEMPLATES.glob("*.yaml"))


def evaluated(template: Mapping[str, Any], given: Mapping[str, object]) -> dict[str, Any]:
    """Return the properties of each resource that is made under the parameters, with what can be known filled in."""
    return _Evaluation(template, given).resources()


class _Evaluation:
    def __init__(self, template: Mapping[str, Any], given: Mapping[str, object]) -> None:
        self._template = template
        self._values: dict[str, object] = {
            name: _typed(given.get(name, said.get("Default", f"<{name}>")), said["Type"])
            for name, said in template["Parameters"].items()
        }

    def resources(self) -> dict[str, Any]:
        """Return the properties by resource."""
        return {
            name: self._value(said.get("Properties", {}))
            for name, said in self._template["Resources"].items()
            if "Condition" not in said or self._holds(said["Condition"])
        }

    def _holds(self, name: str) -> bool:
        return bool(self._value(self._template["Conditions"][name]))

    def _value(self, node: Any) -> Any:  # noqa: ANN401 - YAML of any depth
        if isinstance(node, list):
            return [value for each in node if (value := self._value(each)) is not None]
        if not isinstance(node, dict):
            return node
        name = next(iter(node), "")
        if len(node) == 1 and name.startswith("Fn::"):
            return self._called(name.removeprefix("Fn::"), node[name])
        return {key: value for key, each in node.items() if (value := self._value(each)) is not None}

    def _called(self, function: str, said: Any) -> Any:  # noqa: ANN401, PLR0911 - a table in the shape of a match
        match function:
            case "Ref":
                return self._reference(said)
            case "GetAtt":
                return f"<{said}>"
            case "Sub":
                return PLACEHOLDER.sub(lambda found: str(self._reference(found[1])), said).replace("${!", "${")
            case "Split":
                return str(self._value(said[1])).split(said[0])
            case "If":
                return self._value(said[1] if self._holds(said[0]) else said[2])
            case "Equals":
                return str(self._value(said[0])) == str(self._value(said[1]))
            case "Not":
                return not self._value(said[0])
            case "And":
                return all(self._value(each) for each in said)
            case "Condition":
                return self._holds(said)
            case _:
                return f"<{function}>"

    def _reference(self, name: str) -> Any:  # noqa: ANN401 - a parameter of any type
        if name in PSEUDO:
            return PSEUDO[name]
        return self._values.get(name, f"<{name}>")


def _typed(value: object, kind: str) -> object:
    return int(str(value)) if kind == "Number" else value


def allowed(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each statement of an IAM policy that allows something, with its resource's name."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        documents = [properties.get("PolicyDocument")]
        documents += [each["PolicyDocument"] for each in properties.get("Policies", ())]
        for document in filter(None, documents):
            yield from ((name, each) for each in document["Statement"] if each["Effect"] == "Allow")
