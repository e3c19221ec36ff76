"""What `nim_endpoint.hosting` uses of the SageMaker SDK, on the plain client: for where the SDK is not installed.

It sends what it is given. What the SDK does to a request, and how it answers, is tested with the SDK itself.
"""

from dataclasses import dataclass
from typing import Any

from nim_endpoint.hosting import pascal


@dataclass
class Thing:
    """One object of the SDK: its name, and what may be done to it."""

    client: Any
    kind: str
    name: str
    endpoint_config_name: str = ""

    def update(self, **changes: object) -> None:
        names = {f"{self.kind}_name": self.name, **changes}
        if self.kind == "endpoint":
            names["endpoint_config_name"] = self.endpoint_config_name
        getattr(self.client, f"update_{self.kind}")(**pascal(names))

    def delete(self) -> None:
        getattr(self.client, f"delete_{self.kind}")(**pascal({f"{self.kind}_name": self.name}))


@dataclass
class Kind:
    """One class of the SDK."""

    client: Any
    kind: str

    def create(self, *, session: object, region: object, **request: object) -> None:
        del session, region
        getattr(self.client, f"create_{self.kind}")(**pascal(request))

    def get(self, *, session: object, region: object, **name: str) -> Thing:
        del session, region
        getattr(self.client, f"describe_{self.kind}")(**pascal(name))
        return Thing(self.client, self.kind, next(iter(name.values())))


class PlainResources:
    """Stands in for the module `sagemaker.core.resources`."""

    def __init__(self, client: object) -> None:
        self.Model = Kind(client, "model")
        self.EndpointConfig = Kind(client, "endpoint_config")
        self.Endpoint = Kind(client, "endpoint")
        self.InferenceComponent = Kind(client, "inference_component")
        self.Base = self
        self._client = client

    def get_sagemaker_client(self, **_: object) -> object:
        return self._client
