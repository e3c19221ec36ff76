"""The requests that a spec stands for.

Names carry a hash of what they name: a model or a configuration that is there is the wanted one, and the name of the
configuration that an endpoint serves tells whether the endpoint is as the spec says.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from autocloudops.values import Value
from nim_endpoint.specs import ComponentSpec, Spec

VARIANT = "AllTraffic"
ROUTING = "LEAST_OUTSTANDING_REQUESTS"
KEY_VARIABLE = "NGC_API_KEY"
MOUNTED_MODEL = "/opt/ml/model/"
HASH_CHARACTERS = 10
OWNED = "autocloudops:owned-by"
OWNER = "nim_endpoint"
SPEC_HASH = "autocloudops:spec"
OF_ENDPOINT = "autocloudops:endpoint"

Request = Mapping[str, Any]
"""A request with the names of the SageMaker SDK: snake_case, and never a value that is a secret."""


class Wanted(Value):
    """What shall be there: names, and the requests that make them.

    Attributes:
        quota_instances: how many instances of the type one such fleet may hold.
        key_secret: the secret whose text the model's request gets as an environment variable; None on most routes.
        component: the request of the inference component, where there is one.
    """

    endpoint: str
    instance_type: str
    quota_instances: int
    model: Request
    config: Request
    component: Request | None
    key_secret: str | None = None

    @property
    def model_name(self) -> str:
        """The name of the model, with its hash."""
        return str(self.model["model_name"])

    @property
    def config_name(self) -> str:
        """The name of the endpoint configuration, with its hash."""
        return str(self.config["endpoint_config_name"])

    @property
    def package(self) -> str | None:
        """The model package, on the route that has one."""
        package: str | None = self.model["primary_container"].get("model_package_name")
        return package

    @property
    def component_name(self) -> str | None:
        """The name of the inference component, where there is one."""
        return str(self.component["inference_component_name"]) if self.component else None


def wanted(spec: Spec, *, key_version: str | None = None) -> Wanted:
    """Return what `spec` stands for.

    Args:
        spec: a checked spec.
        key_version: the version of the key in `spec.key_secret`: another key is another model.
    """
    model = _model(spec, key_version)
    config = _config(spec, str(model["model_name"]))
    return Wanted(
        endpoint=spec.endpoint,
        instance_type=spec.instance_type,
        quota_instances=spec.instances.most if spec.component else spec.instances.initial,
        model=model,
        config=config,
        component=_component(spec, spec.component, str(model["model_name"])) if spec.component else None,
        key_secret=spec.key_secret,
    )


def owned(endpoint: str, hashed: str | None = None) -> list[dict[str, str]]:
    """Return the tags of what is made here: by whom, for which endpoint, and of which spec."""
    said = {OWNED: OWNER, OF_ENDPOINT: endpoint, **({SPEC_HASH: hashed} if hashed else {})}
    return [{"key": key, "value": value} for key, value in said.items()]


def _model(spec: Spec, key_version: str | None) -> Request:
    request: dict[str, Any] = {
        "primary_container": _container(spec),
        "execution_role_arn": spec.role,
        **_walls(spec),
    }
    needs = spec.component.model_dump() if spec.component else None
    stem = spec.component_name or spec.endpoint
    hashed = _hash([request, needs, _start(spec), key_version])
    return {"model_name": f"{stem}-{hashed}", **request, "tags": owned(spec.endpoint, hashed)}


def _walls(spec: Spec) -> Request:
    """Return what keeps containers from the internet, or in a network of the account's own."""
    walls: dict[str, Any] = {"enable_network_isolation": spec.route != "ecr"}
    if spec.vpc:
        walls["vpc_config"] = {
            "subnets": list(spec.vpc.subnets),
            "security_group_ids": list(spec.vpc.security_groups),
        }
    return walls


def _container(spec: Spec) -> Request:
    if spec.route == "marketplace":
        chosen = {"environment": dict(spec.environment)} if spec.environment else {}
        return {"model_package_name": spec.package, **chosen}
    environment = {"NIM_SERVED_MODEL_NAME": spec.card.served_name, **spec.environment}
    if spec.context_tokens:
        environment["NIM_MAX_MODEL_LEN"] = str(spec.context_tokens)
    if spec.route == "ecr":
        return {"image": spec.image, "environment": environment}
    source = {"s3_uri": spec.weights, "s3_data_type": "S3Prefix", "compression_type": "None"}
    return {
        "image": spec.image,
        "environment": {**environment, "NIM_CACHE_PATH": MOUNTED_MODEL},
        "model_data_source": {"s3_data_source": source},
    }


def _start(spec: Spec) -> dict[str, int]:
    usual = spec.card.routes[spec.route]
    return {
        "model_data_download_timeout_in_seconds": spec.download_seconds or usual.download_seconds,
        "container_startup_health_check_timeout_in_seconds": spec.startup_seconds or usual.startup_seconds,
    }


def _config(spec: Spec, model_name: str) -> Request:
    variant: dict[str, Any] = {
        "variant_name": VARIANT,
        "instance_type": spec.instance_type,
        "initial_instance_count": spec.instances.initial,
        "routing_config": {"routing_strategy": ROUTING},
    }
    if ami := spec.ami or spec.card.routes[spec.route].ami:
        variant["inference_ami_version"] = ami
    if spec.component:
        variant["managed_instance_scaling"] = {
            "status": "ENABLED",
            "min_instance_count": spec.instances.least,
            "max_instance_count": spec.instances.most,
        }
        # What walls a component's containers in is said of the endpoint that hosts them.
        return _named_config(spec, variant, {"execution_role_arn": spec.role, **_walls(spec)})
    return _named_config(spec, {**variant, "model_name": model_name, **_start(spec)}, {})


def _named_config(spec: Spec, variant: Request, more: Request) -> Request:
    hashed = _hash([variant, more])
    return {
        "endpoint_config_name": f"{spec.endpoint}-{hashed}",
        "production_variants": [dict(variant)],
        **more,
        "tags": owned(spec.endpoint, hashed),
    }


def _component(spec: Spec, component: ComponentSpec, model_name: str) -> Request:
    return {
        "inference_component_name": spec.component_name,
        "endpoint_name": spec.endpoint,
        "variant_name": VARIANT,
        "specification": {
            "model_name": model_name,
            "compute_resource_requirements": {
                "number_of_accelerator_devices_required": component.gpus,
                "min_memory_required_in_mb": component.memory_mb,
            },
            "startup_parameters": _start(spec),
        },
        "runtime_config": {"copy_count": component.copies},
        "tags": owned(spec.endpoint),
    }


def _hash(document: object) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARACTERS]
