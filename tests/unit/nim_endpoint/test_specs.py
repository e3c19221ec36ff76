from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from autocloudops.errors import InputUnreadable, SettingsInvalid
from nim_endpoint import specs
from nim_endpoint.specs import Spec
from nim_endpoint.wanted import wanted

ROLE = "arn:aws:iam::123456789012:role/endpoint"
VALUES = {
    "account": "123456789012",
    "region": "eu-west-1",
    "prefix": "autocloudops",
    "role": ROLE,
    "package": "arn:aws:sagemaker:eu-west-1:985815980388:model-package/nano-8b",
    "weights": "s3://bucket/nano-8b/",
}
BASE: Mapping[str, object] = {
    "endpoint": "nim",
    "model": "nemotron-nano-8b",
    "route": "s3",
    "role": ROLE,
    "image": "repository/nim:1",
    "weights": "s3://bucket/nano-8b/",
    "instance_type": "ml.g6e.xlarge",
}


def written(folder: Path, **changes: object) -> str:
    """Write a spec file, and return its path; a change to None leaves a key out."""
    file = folder / "spec.yaml"
    file.write_text(yaml.safe_dump({key: value for key, value in {**BASE, **changes}.items() if value is not None}))
    return str(file)


@pytest.mark.parametrize("name", specs.bundled())
def test_every_bundled_spec_is_whole_and_fits(name: str) -> None:
    """With its placeholders filled in it is accepted, and its names fit SageMaker's."""
    made = wanted(specs.read(name, VALUES), key_version="v1")
    names = [made.model_name, made.config_name, made.component_name or ""]
    assert max(map(len, names)) <= 63


def test_the_routes_and_shapes_of_the_bundled_specs() -> None:
    """Both models can be had without a key, and there is one spec for each route."""
    read = [specs.read(name, VALUES) for name in specs.bundled()]
    assert {each.route for each in read} == {"marketplace", "ecr", "s3"}
    assert {each.model for each in read if each.route != "ecr"} == {"nemotron-nano-8b", "nv-embedqa-1b"}
    assert {each.endpoint for each in read if each.component} == {"autocloudops-shared"}


def test_two_components_share_one_configuration() -> None:
    """What a spec says of its component leaves the endpoint's configuration as it is."""
    names = ("llm-components", "embedding-components")
    first, second = (wanted(specs.read(name, VALUES)) for name in names)
    assert first.config == second.config
    assert first.component_name != second.component_name


def test_an_open_placeholder_is_asked_for() -> None:
    """The message says which, and how to give it."""
    with pytest.raises(SettingsInvalid, match=r"leaves role, weights open: give --set role=… --set weights=…"):
        specs.read("llm-s3", {"account": "1", "region": "r"})


def test_a_placeholder_in_a_comment_needs_no_value() -> None:
    """Comments explain placeholders."""
    assert "package" in specs.open_placeholders("llm-marketplace")
    assert specs.open_placeholders("llm-s3") == {"account", "region", "role", "weights"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": None}, "route s3 takes image and weights"),
        ({"package": "arn"}, "route s3 takes image and weights"),
        (
            {"route": "marketplace", "package": "arn", "image": None, "weights": None, "context_tokens": 4_096},
            "sets its own context_tokens",
        ),
        ({"instances": {"initial": 1, "least": 0, "most": 1}}, "set `component`"),
        ({"instances": {"initial": 3, "least": 1, "most": 2}}, "not in this order"),
        ({"environment": {"NGC_API_KEY": "x"}}, "no NGC_API_KEY in it"),
        ({"endpoint": "nim_1"}, "endpoint"),
        ({"endpoint": "n" * 53}, "endpoint"),
        ({"route": "ftp"}, "route"),
        ({"speed": 9}, "speed"),
        ({"startup_seconds": 4_000}, "startup_seconds"),
    ],
)
def test_a_spec_that_is_wrong_is_told_with_the_place(changes: dict[str, object], said: str, tmp_path: Path) -> None:
    """The message names the file, the key and what is wrong."""
    with pytest.raises(InputUnreadable, match=said):
        specs.read(written(tmp_path, **changes), {})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"instance_type": "ml.g4dn.xlarge"}, r"does not fit ml.g4dn.xlarge: 1 x NVIDIA T4: .* 13.6 GiB"),
        ({"instance_type": "ml.g5.2xlarge"}, "set context_tokens to at most 33,939"),
        ({"context_tokens": 200_000}, "reads 131,072 tokens"),
        ({"component": {"name": "llm", "gpus": 2}}, "wants 2 GPUs"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_with_the_arithmetic(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    """It would cost half an hour of a GPU to find out what a sum tells."""
    with pytest.raises(SettingsInvalid, match=said):
        specs.read(written(tmp_path, **changes), {})


def test_a_key_in_a_spec_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """Neither the file nor a value that is filled in may hold the key, under whatever name."""
    key = "-".join(("nv" + "api", "Zq" * 32))
    for source, values in ((written(tmp_path, environment={"NIM_LOG": key}), {}), ("llm-s3", {**VALUES, "role": key})):
        with pytest.raises(SettingsInvalid, match="there is a key in") as caught:
            specs.read(source, values)
        assert key not in str(caught.value)


def test_a_file_that_is_none_is_told_with_the_bundled_names(tmp_path: Path) -> None:
    """A typing error in a name is mended by the list."""
    with pytest.raises(InputUnreadable, match="llm-marketplace"):
        specs.read(str(tmp_path / "no.yaml"), {})
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(InputUnreadable, match="is no YAML"):
        specs.read(str(tmp_path / "broken.yaml"), {})
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(InputUnreadable, match="is no endpoint spec"):
        specs.read(str(tmp_path / "list.yaml"), {})


def test_the_names_change_with_what_they_name() -> None:
    """Another context, key or timeout is another model; another role or type another configuration as well."""
    changed: tuple[dict[str, object], ...] = (
        {},
        {"context_tokens": 4_096},
        {"startup_seconds": 900},
        {"role": "x"},
        {"instance_type": "ml.g6.12xlarge"},
    )
    names = {wanted(Spec.model_validate({**BASE, **each})).config_name for each in changed}
    spec = Spec.model_validate(BASE)
    names.add(wanted(spec, key_version="v2").config_name)
    assert len(names) == len(changed) + 1
    assert wanted(spec) == wanted(Spec.model_validate(BASE))


def test_the_renamed_endpoint_renames_its_component() -> None:
    """Two deployments of one spec do not meet in the component's name, which is unique in the account."""
    made = wanted(specs.read("llm-components", VALUES, "second"))
    assert (made.endpoint, made.component_name) == ("second", "second-llm")


def test_a_route_without_a_key_isolates_its_container() -> None:
    """Only the route that fetches weights from NGC has a way out."""
    isolated = {name: wanted(specs.read(name, VALUES)).model["enable_network_isolation"] for name in specs.bundled()}
    assert [name for name, closed in isolated.items() if not closed] == ["llm-ecr"]


def test_an_endpoint_of_components_walls_them_in() -> None:
    """Isolation and network of a component's containers are said of the endpoint's configuration."""
    walled = {**BASE, "component": {"name": "llm"}, "vpc": {"subnets": ["subnet-a"], "security_groups": ["sg-a"]}}
    config = wanted(Spec.model_validate(walled)).config
    assert config["enable_network_isolation"] is True
    assert config["vpc_config"] == {"subnets": ["subnet-a"], "security_group_ids": ["sg-a"]}
