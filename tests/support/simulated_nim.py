"""How tests talk to the simulated endpoint: a request that its rules can read, and aiobotocore calls with it."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from autocloudops import aws
from autocloudops.sandbox.endpoint import SimulatedEndpoint

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime import SageMakerRuntimeClient

NAME = "simulated-nim"
MODEL = "simulated/rules"
PROMPT = """<offered_actions>
scale_out | low | Adds capacity.
restart_service | high | Restarts.
investigate | low | A person looks.
</offered_actions>

<evidence id="E1" kind="alarm" source="cloudwatch sns">
metric: AWS/ECS CPUUtilization [ServiceName=api]
resource: ecs:service prod/api
reason: Threshold Crossed: 1 datapoint [97.0 (22/11/26 10:00:00)] was greater than the threshold (80.0).
</evidence>"""


def chat(**changes: object) -> dict[str, object]:
    """Return the body of a chat whose reply is a JSON object, with `changes`."""
    messages = [{"role": "system", "content": "detailed thinking off"}, {"role": "user", "content": PROMPT}]
    wanted = {"type": "json_object"}
    body = {"model": MODEL, "messages": messages, "max_tokens": 400, "temperature": 0, "response_format": wanted}
    return {**body, **changes}


def encoded(body: Mapping[str, object]) -> bytes:
    """Return a body's bytes."""
    return json.dumps(body).encode()


async def invoke(
    runtime: "SageMakerRuntimeClient", body: Mapping[str, object], *, name: str = NAME, attributes: str = "trace=1"
) -> dict[str, Any]:
    """Return the parsed answer, its variant and its attributes."""
    answer = await runtime.invoke_endpoint(
        EndpointName=name, ContentType="application/json", CustomAttributes=attributes, Body=encoded(body)
    )
    async with answer["Body"] as stream:
        said = json.loads(await stream.read())
    return {"variant": answer["InvokedProductionVariant"], "attributes": answer["CustomAttributes"], **said}


async def error_of(runtime: "SageMakerRuntimeClient", body: Mapping[str, object], **arguments: str) -> dict[str, Any]:
    """Return the response of the error that the SDK raises, with its code and HTTP status."""
    with pytest.raises(ClientError) as caught:
        await invoke(runtime, body, **arguments)
    response = caught.value.response
    return {**response, "code": response["Error"]["Code"], "status": response["ResponseMetadata"]["HTTPStatusCode"]}


def impatient(endpoint: SimulatedEndpoint, seconds: float) -> AbstractAsyncContextManager["SageMakerRuntimeClient"]:
    """Return a client that waits `seconds` for each byte."""
    return aws.session().create_client(
        "sagemaker-runtime",
        region_name="eu-west-1",
        endpoint_url=endpoint.url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=aws.config(read_timeout_seconds=seconds),
    )


async def until_idle(endpoint: SimulatedEndpoint) -> None:
    """Return when no request is under way any more."""
    async with asyncio.timeout(5):
        while endpoint.stats.in_flight:  # noqa: ASYNC110 # the endpoint tells nobody when it is idle
            await asyncio.sleep(0)
