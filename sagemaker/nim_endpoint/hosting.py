"""Carries single steps out: the only module that imports the SageMaker SDK, and only when it is used.

The SDK's shapes leave out every value that is 0 or False (`serialize` of sagemaker-core 2.27), so that the lower bound
of an endpoint that may sleep is sent with the plain client beneath it.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from autocloudops.errors import SettingsInvalid
from nim_endpoint.secret import unlogged, unspoken
from nim_endpoint.wanted import KEY_VARIABLE, Request, Wanted

KEPT_AS_THEY_ARE = "environment"
"""The keys in it are variables, and no members of the API."""


def _sdk(name: str) -> ModuleType:
    """Import a module of the SDK. `import sagemaker` alone tells nothing: this repository has a folder of that name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            "changing endpoints needs the SageMaker SDK, about 0.4 GB", "pip install '.[deploy]'"
        ) from error


@dataclass(frozen=True, slots=True)
class Hosting:
    """SageMaker's models, configurations, endpoints and components in one region. Every call blocks.

    What SageMaker refuses is raised as botocore's ClientError.
    """

    resources: Any
    session: Any
    region: str

    def create_model(self, wanted: Wanted, key: str | None) -> None:
        """Create the wanted model; with a `key`, which then stands in its environment."""
        request = dict(wanted.model)
        if key:
            container = request["primary_container"]
            environment = {**container["environment"], KEY_VARIABLE: key}
            request["primary_container"] = {**container, "environment": environment}
        with unlogged(), unspoken(key, "sagemaker:CreateModel", wanted.model_name):
            self.resources.Model.create(**request, **self._place)

    def create_config(self, wanted: Wanted) -> None:
        """Create the wanted configuration."""
        if _has_zero(wanted.config):
            self._plain.create_endpoint_config(**pascal(wanted.config))
        else:
            self.resources.EndpointConfig.create(**wanted.config, **self._place)

    def create_endpoint(self, wanted: Wanted, tags: Sequence[Mapping[str, str]]) -> None:
        """Create the wanted endpoint, which takes minutes."""
        self.resources.Endpoint.create(
            endpoint_name=wanted.endpoint, endpoint_config_name=wanted.config_name, tags=list(tags), **self._place
        )

    def update_endpoint(self, wanted: Wanted, *, keeps_count: bool) -> None:
        """Let the endpoint change to the wanted configuration, which takes minutes and a second fleet.

        Args:
            wanted: what it shall be.
            keeps_count: it keeps as many instances as it has, because it is scaled automatically.
        """
        endpoint = self._endpoint(wanted.endpoint)
        # `update` has no argument for it: it sends what the object says.
        endpoint.endpoint_config_name = wanted.config_name
        endpoint.update(**({"retain_all_variant_properties": True} if keeps_count else {}))

    def create_component(self, wanted: Wanted) -> None:
        """Create the wanted inference component, which takes minutes."""
        self.resources.InferenceComponent.create(**(wanted.component or {}), **self._place)

    def update_component(self, wanted: Wanted) -> None:
        """Let the inference component change to the wanted model; its copies stay as many as they are."""
        specification = (wanted.component or {})["specification"]
        self._component(wanted.component_name).update(specification=specification)

    def delete_component(self, name: str) -> None:
        """Delete an inference component."""
        self._component(name).delete()

    def delete_endpoint(self, name: str) -> None:
        """Delete an endpoint."""
        self._endpoint(name).delete()

    def delete_config(self, name: str) -> None:
        """Delete an endpoint configuration that no endpoint uses."""
        self.resources.EndpointConfig.get(endpoint_config_name=name, **self._place).delete()

    def delete_model(self, name: str) -> None:
        """Delete a model that no endpoint uses."""
        with unlogged():
            self.resources.Model.get(model_name=name, **self._place).delete()

    @property
    def _place(self) -> dict[str, Any]:
        return {"session": self.session, "region": self.region}

    @property
    def _plain(self) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
        return self.resources.Base.get_sagemaker_client(
            session=self.session, region_name=self.region, service_name="sagemaker"
        )

    def _endpoint(self, name: str) -> Any:  # noqa: ANN401 - the SDK has no types where it is not installed
        return self.resources.Endpoint.get(endpoint_name=name, **self._place)

    def _component(self, name: str | None) -> Any:  # noqa: ANN401 - likewise
        return self.resources.InferenceComponent.get(inference_component_name=name, **self._place)


def open_hosting(region: str) -> Hosting:
    """Import the SDK, which takes seconds, and return what it reaches in `region`.

    Raises:
        SettingsInvalid: it is not installed.
    """
    resources = _sdk("sagemaker.core.resources")
    session = _sdk("boto3").Session(region_name=region)
    return Hosting(resources=resources, session=session, region=region)


def pascal(request: Any) -> Any:  # noqa: ANN401 - a request holds anything that JSON does
    """Return a request with the API's own names instead of the SDK's: `min_instance_count` is `MinInstanceCount`."""
    if isinstance(request, Mapping):
        return {
            "".join(part.capitalize() for part in key.split("_")): value if key == KEPT_AS_THEY_ARE else pascal(value)
            for key, value in request.items()
        }
    return [pascal(each) for each in request] if isinstance(request, list) else request


def _has_zero(request: Request) -> bool:
    if isinstance(request, Mapping):
        return any(_has_zero(each) for each in request.values())
    if isinstance(request, list):
        return any(_has_zero(each) for each in request)
    return request == 0 and not isinstance(request, bool)
