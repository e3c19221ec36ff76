"""Asks SageMaker what is there. Reads only, with the plain client: nothing here needs the SageMaker SDK."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.errors import AccessDenied
from nim_endpoint import leases
from nim_endpoint.found import Found, FoundComponent, Package, Status
from nim_endpoint.refusals import is_absent
from nim_endpoint.secret import unlogged
from nim_endpoint.wanted import OF_ENDPOINT, OWNED, OWNER, Wanted

VARIANT_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
UNUSABLE = "ValidationException"
"""What DescribeModelPackage says of a package that is not there, of another region, or not subscribed to."""
QUOTA_NAME = "{} for endpoint usage"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """What is there under a name.

    Args:
        sagemaker: a client of SageMaker.
        scaling: a client of Application Auto Scaling.
        quotas: a client of Service Quotas.
        clock: what time it is.
    """

    sagemaker: Any
    scaling: Any
    quotas: Any
    clock: Clock

    async def found(self, wanted: Wanted) -> Found:
        """Return what is there of what is wanted.

        Raises:
            ServiceFailed: SageMaker or Application Auto Scaling does not say.
        """
        there = await self.endpoint(wanted.endpoint)
        components = there.components
        name = wanted.component_name
        if name and there.component(name) is None and (elsewhere := await self._component(name)):
            components = (*components, elsewhere)
        return there.model_copy(
            update={
                "components": components,
                "has_model": await self._has_model(wanted.model_name),
                "has_config": await self._config(wanted.config_name) is not None,
            }
        )

    async def endpoint(self, name: str) -> Found:
        """Return what is there under the name of an endpoint, without what it was made of.

        Raises:
            ServiceFailed: SageMaker or Application Auto Scaling does not say.
        """
        components = await self._components(name)
        said = await self._describe("endpoint", EndpointName=name)
        if said is None:
            return Found(status=None, components=components)
        variants = said.get("ProductionVariants", ())
        config = await self._config(said.get("EndpointConfigName"))
        types = [
            each["InstanceType"] for each in (config or {}).get("ProductionVariants", ()) if "InstanceType" in each
        ]
        return Found(
            status=Status(said["EndpointStatus"]),
            name=said["EndpointName"],
            arn=said["EndpointArn"],
            config_name=said.get("EndpointConfigName"),
            is_config_lost=config is None,
            reason=said.get("FailureReason"),
            instance_type=types[0] if types else None,
            instances=sum(each.get("CurrentInstanceCount", 0) for each in variants),
            targets=await self._targets(name, variants),
            components=components,
            **self._said_by(await self.tags(said["EndpointArn"])),
        )

    async def left(self, name: str, found: Found) -> Found:
        """Return `found` with the models and configurations that were made here for the endpoint called `name`."""
        models = await self._owned(name, "list_models", "Models", "Model")
        configs = await self._owned(name, "list_endpoint_configs", "EndpointConfigs", "EndpointConfig")
        return found.model_copy(update={"left_models": models, "left_configs": configs})

    async def with_quota(self, found: Found, instance_type: str) -> Found:
        """Return `found` with the quota of an instance type, where the role may read it."""
        return found.model_copy(update={"quota": await self._quota(instance_type)})

    async def with_package(self, found: Found, package: str) -> Found:
        """Return `found` with what a model package says of itself, where the role may read it."""
        return found.model_copy(update={"package": await self._package(package)})

    async def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of a resource; none where it is gone."""
        try:
            with_tags = await self._pages("list_tags", "Tags", ResourceArn=arn)
        except ClientError as error:
            if is_absent(error):
                return {}
            raise
        return {each["Key"]: each["Value"] for each in with_tags}

    def _said_by(self, tags: Mapping[str, str]) -> dict[str, Any]:
        is_marked = leases.is_marked(tags, self.clock.now())
        return {"owned": tags.get(OWNED) == OWNER, "leases": leases.of(tags), "is_marked": is_marked}

    async def _describe(self, kind: str, **request: str) -> Row | None:
        """Return what Describe says, or None where the resource is not there."""
        operation = f"describe_{kind}"
        try:
            said: Row = await getattr(self.sagemaker, operation)(**request)
        except ClientError as error:
            if is_absent(error):
                return None
            raise
        return said

    async def _has_model(self, name: str) -> bool:
        """Say whether there is such a model; its description may hold a key, which no log may see."""
        with unlogged():
            return await self._describe("model", ModelName=name) is not None

    async def _config(self, name: str | None) -> Row | None:
        return await self._describe("endpoint_config", EndpointConfigName=name) if name else None

    async def _components(self, endpoint: str) -> tuple[FoundComponent, ...]:
        rows = await self._pages("list_inference_components", "InferenceComponents", EndpointNameEquals=endpoint)
        found = [await self._component(row["InferenceComponentName"]) for row in rows]
        return tuple(each for each in found if each)

    async def _component(self, name: str) -> FoundComponent | None:
        said = await self._describe("inference_component", InferenceComponentName=name)
        if said is None:
            return None
        tags = await self.tags(said["InferenceComponentArn"])
        return FoundComponent(
            name=said["InferenceComponentName"],
            endpoint=said["EndpointName"],
            status=Status(said["InferenceComponentStatus"]),
            owned=tags.get(OWNED) == OWNER,
            model_name=said.get("Specification", {}).get("ModelName"),
            reason=said.get("FailureReason"),
            copies=said.get("RuntimeConfig", {}).get("CurrentCopyCount", 0),
        )

    async def _targets(self, endpoint: str, variants: Sequence[Row]) -> tuple[str, ...]:
        ids = [f"endpoint/{endpoint}/variant/{each['VariantName']}" for each in variants]
        if not ids:
            return ()
        said = await self.scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=ids, ScalableDimension=VARIANT_DIMENSION
        )
        return tuple(each["ResourceId"] for each in said["ScalableTargets"])

    async def _owned(self, endpoint: str, operation: str, member: str, kind: str) -> tuple[str, ...]:
        rows = await self._pages(operation, member, NameContains=endpoint)
        names = []
        for row in rows:
            tags = await self.tags(row[f"{kind}Arn"])
            if tags.get(OWNED) == OWNER and tags.get(OF_ENDPOINT) == endpoint:
                names.append(row[f"{kind}Name"])
        return tuple(sorted(names))

    async def _quota(self, instance_type: str) -> int | None:
        wanted = QUOTA_NAME.format(instance_type)
        try:
            with aws.translated("servicequotas:ListServiceQuotas", wanted):
                async for page in self.quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
                    for each in page["Quotas"]:
                        if each["QuotaName"] == wanted:
                            return int(each["Value"])
        except AccessDenied:
            return None
        return None

    async def _package(self, name: str) -> Package | None:
        try:
            said = await self.sagemaker.describe_model_package(ModelPackageName=name)
        except ClientError as error:
            if aws.error_code(error) in aws.DENIED:
                return None
            if aws.error_code(error) == UNUSABLE:
                return Package(problem=aws.error_message(error))
            raise
        types = said.get("InferenceSpecification", {}).get("SupportedRealtimeInferenceInstanceTypes", ())
        return Package(types=tuple(types))

    async def _pages(self, operation: str, member: str, **request: str) -> list[Row]:
        paginator = self.sagemaker.get_paginator(operation)
        return [row async for page in paginator.paginate(**request) for row in page[member]]
