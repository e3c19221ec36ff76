"""Models, endpoint configurations, model packages and tags of the simulated control plane."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from autocloudops.sandbox.control_plane import endpoint_timeline
from autocloudops.sandbox.control_plane.listing import listed
from autocloudops.sandbox.control_plane.values import Created, Document, Endpoint, Fleet, Variant
from autocloudops.sandbox.control_plane.wire import Row, invalid, page
from autocloudops.sandbox.control_plane.world import Handler, World

TAGS_PAGE = 50
ENABLED = "ENABLED"


def create_model(world: World, request: Document, now: datetime) -> Row:
    """CreateModel: a container, several, or a model package that the account may use."""
    name = request["ModelName"]
    arn = world.new_arn("model", "model", name, world.models)
    containers = _containers(request)
    if not containers:
        raise invalid("You must provide either PrimaryContainer or Containers.")
    for package in (each["ModelPackageName"] for each in containers if "ModelPackageName" in each):
        _package(world, package)
    world.models[name.lower()] = Created(name=name, arn=arn, created_at=now, request=request)
    world.tag(arn, request)
    return {"ModelArn": arn}


def describe_model(world: World, request: Document, _: datetime) -> Row:
    """DescribeModel."""
    return _described(world.model(request["ModelName"]), "Model")


def list_models(world: World, request: Document, _: datetime) -> Row:
    """ListModels."""
    return listed((_summary(each, "Model") for each in world.models.values()), request, "Model")


def delete_model(world: World, request: Document, _: datetime) -> Row:
    """DeleteModel: accepted although an endpoint may serve it."""
    found = world.model(request["ModelName"])
    del world.models[found.name.lower()], world.tags[found.arn]
    return {}


def create_endpoint_config(world: World, request: Document, now: datetime) -> Row:
    """CreateEndpointConfig: every variant has a model that exists, or hosts inference components."""
    name = request["EndpointConfigName"]
    arn = world.new_arn("endpoint configuration", "endpoint-config", name, world.configs)
    for variant in request["ProductionVariants"]:
        _check_variant(world, request, variant)
    world.configs[name.lower()] = Created(name=name, arn=arn, created_at=now, request=request)
    world.tag(arn, request)
    return {"EndpointConfigArn": arn}


def describe_endpoint_config(world: World, request: Document, _: datetime) -> Row:
    """DescribeEndpointConfig."""
    return _described(world.config(request["EndpointConfigName"]), "EndpointConfig")


def list_endpoint_configs(world: World, request: Document, _: datetime) -> Row:
    """ListEndpointConfigs."""
    rows = (_summary(each, "EndpointConfig") for each in world.configs.values())
    return listed(rows, request, "EndpointConfig")


def delete_endpoint_config(world: World, request: Document, now: datetime) -> Row:
    """DeleteEndpointConfig: accepted even for one in use, as on AWS, where the endpoint can then not be updated."""
    found = world.config(request["EndpointConfigName"])
    for endpoint in world.endpoints.values():
        if _uses(endpoint, found.name, now):
            world.hazards.append(f"DeleteEndpointConfig of {found.name}, which the endpoint {endpoint.name} uses")
    del world.configs[found.name.lower()], world.tags[found.arn]
    return {}


def fleet_of(config: Created) -> Fleet:
    """Return the variants that an endpoint configuration asks for."""
    variants = tuple(_variant(each) for each in config.request["ProductionVariants"])
    return Fleet(config_name=config.name, variants=variants)


def image_of(world: World, model_name: str | None) -> str:
    """Return the image or package of a model, for messages; empty where it has none or is deleted."""
    model = world.models.get((model_name or "").lower())
    containers = _containers(model.request) if model else []
    return next((each.get("Image") or each.get("ModelPackageName") or "" for each in containers), "")


def describe_model_package(world: World, request: Document, now: datetime) -> Row:
    """DescribeModelPackage, with the instance types that the package supports."""
    arn = request["ModelPackageName"]
    types = _package(world, arn)
    return {
        "ModelPackageName": arn.rpartition("/")[2],
        "ModelPackageArn": arn,
        "CreationTime": now,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "InferenceSpecification": {
            "Containers": [{"ContainerHostname": "primary"}],
            "SupportedRealtimeInferenceInstanceTypes": list(types),
        },
    }


def add_tags(world: World, request: Document, _: datetime) -> Row:
    """AddTags: a key that is there gets the new value."""
    tags = _tags(world, request)
    tags.update({each["Key"]: each["Value"] for each in request["Tags"]})
    return {"Tags": _as_list(tags)}


def list_tags(world: World, request: Document, _: datetime) -> Row:
    """ListTags."""
    return page(_as_list(_tags(world, request)), request, member="Tags", size=TAGS_PAGE)


def delete_tags(world: World, request: Document, _: datetime) -> Row:
    """DeleteTags: keys that are not there are passed over."""
    tags = _tags(world, request)
    for key in request["TagKeys"]:
        tags.pop(key, None)
    return {}


OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {
        "CreateModel": create_model,
        "DescribeModel": describe_model,
        "ListModels": list_models,
        "DeleteModel": delete_model,
        "CreateEndpointConfig": create_endpoint_config,
        "DescribeEndpointConfig": describe_endpoint_config,
        "ListEndpointConfigs": list_endpoint_configs,
        "DeleteEndpointConfig": delete_endpoint_config,
        "DescribeModelPackage": describe_model_package,
        "AddTags": add_tags,
        "ListTags": list_tags,
        "DeleteTags": delete_tags,
    }
)


def _containers(request: Document) -> list[Document]:
    return [request["PrimaryContainer"]] if "PrimaryContainer" in request else list(request.get("Containers", []))


def _package(world: World, arn: str) -> tuple[str, ...]:
    if arn not in world.packages:
        raise invalid(f"Caller is not subscribed to the marketplace offering, or the model package {arn} is missing.")
    return world.packages[arn]


def _described(found: Created, kind: str) -> Row:
    said = {key: value for key, value in found.request.items() if key != "Tags"}
    return {**said, f"{kind}Arn": found.arn, "CreationTime": found.created_at}


def _summary(found: Created, kind: str) -> Row:
    return {f"{kind}Name": found.name, f"{kind}Arn": found.arn, "CreationTime": found.created_at}


def _check_variant(world: World, request: Document, variant: Mapping[str, Any]) -> None:
    name, managed = variant["VariantName"], _is_managed(variant)
    if "InstanceType" not in variant or "InitialInstanceCount" not in variant:
        raise invalid(f"InstanceType and InitialInstanceCount are required for the production variant {name}.")
    if "ModelName" in variant:
        if managed:
            raise invalid("ManagedInstanceScaling is not supported with the given EndpointConfig setup.")
        _check_package(world, world.model(variant["ModelName"]), variant["InstanceType"])
        return
    if "ExecutionRoleArn" not in request:
        raise invalid(f"ExecutionRoleArn is required: the production variant {name} has no model.")
    low, high = _variant(variant).managed or (0, variant["InitialInstanceCount"])
    if not low <= variant["InitialInstanceCount"] <= high:
        raise invalid(f"The initial instance count of {name} must be between {low} and {high}.")


def _check_package(world: World, model: Created, instance_type: str) -> None:
    for container in _containers(model.request):
        package = container.get("ModelPackageName")
        if package and instance_type not in _package(world, package):
            raise invalid(f"The instance type {instance_type} is not supported by the model package {package}.")


def _is_managed(variant: Mapping[str, Any]) -> bool:
    return bool(variant.get("ManagedInstanceScaling", {}).get("Status") == ENABLED)


def _variant(asked: Mapping[str, Any]) -> Variant:
    count, scaling = asked["InitialInstanceCount"], asked.get("ManagedInstanceScaling", {})
    bounds = (scaling.get("MinInstanceCount", 1), scaling.get("MaxInstanceCount", count))
    return Variant(
        name=asked["VariantName"],
        instance_type=asked["InstanceType"],
        instances=count,
        weight=asked.get("InitialVariantWeight", 1.0),
        model_name=asked.get("ModelName"),
        managed=bounds if _is_managed(asked) else None,
    )


def _uses(endpoint: Endpoint, config_name: str, now: datetime) -> bool:
    phase = endpoint_timeline.phase(endpoint, now)
    return config_name in {fleet.config_name for fleet in (phase.serving, phase.starting) if fleet}


def _tags(world: World, request: Document) -> dict[str, str]:
    arn = request["ResourceArn"]
    if arn not in world.tags:
        raise invalid(f"The resource {arn} does not exist.")
    return world.tags[arn]


def _as_list(tags: Mapping[str, str]) -> list[Row]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
