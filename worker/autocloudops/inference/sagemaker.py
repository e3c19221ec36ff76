"""A NIM behind a SageMaker real-time endpoint."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autocloudops.clock import Clock
from autocloudops.inference.nim import Letter, NimEndpoint, NimOptions

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime.client import SageMakerRuntimeClient
    from types_aiobotocore_sagemaker_runtime.type_defs import InvokeEndpointWithResponseStreamInputTypeDef

CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class SageMakerOptions(NimOptions):
    """How a SageMaker endpoint is asked.

    Args:
        component: the inference component, where the endpoint hosts components.
    """

    component: str | None = None


class SageMakerEndpoint(NimEndpoint):
    """A `ModelEndpoint` that speaks the OpenAI bodies through InvokeEndpoint or InvokeEndpointWithResponseStream.

    Args:
        client: a sagemaker-runtime client with SDK retries off and a read timeout above SageMaker's 60 s.
        name: the endpoint's name; it must match case.
        model: the served model's name, sent in each body.
        clock: for latency.
        options: how it is asked.
    """

    def __init__(
        self,
        client: "SageMakerRuntimeClient",
        name: str,
        model: str,
        clock: Clock,
        options: SageMakerOptions | None = None,
    ) -> None:
        options = options or SageMakerOptions()
        super().__init__(_SageMakerWire(client, name, options), model, clock, options)


class _SageMakerWire:
    def __init__(self, client: "SageMakerRuntimeClient", name: str, options: SageMakerOptions) -> None:
        self._client = client
        self._endpoint = name
        self._component = options.component
        own = f"sagemaker://{name}?component={options.component}" if options.component else f"sagemaker://{name}"
        self.url = options.name or own

    async def send(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        """Send one request. Leaving the body before its end closes the connection, and so frees its place."""
        if letter.streaming:
            await self._stream(letter, feed)
        else:
            await self._invoke(letter, feed)

    async def _invoke(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        answer = await self._client.invoke_endpoint(**self._fields(letter))
        async with answer["Body"] as stream:
            async for chunk in stream.iter_chunks(CHUNK_BYTES):
                feed(chunk)

    async def _stream(self, letter: Letter, feed: Callable[[bytes], None]) -> None:
        answer = await self._client.invoke_endpoint_with_response_stream(**self._fields(letter))
        with closing(answer["Body"]) as stream:
            async for event in stream:
                feed(event.get("PayloadPart", {}).get("Bytes", b""))

    def _fields(self, letter: Letter) -> "InvokeEndpointWithResponseStreamInputTypeDef":
        fields: InvokeEndpointWithResponseStreamInputTypeDef = {
            "EndpointName": self._endpoint,
            "ContentType": "application/json",
            "Accept": "application/jsonlines" if letter.streaming else "application/json",
            "Body": letter.body,
        }
        if self._component:
            fields["InferenceComponentName"] = self._component
        if letter.correlation_id:
            fields["CustomAttributes"] = letter.correlation_id
        return fields
