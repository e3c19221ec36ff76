"""A NIM behind a SageMaker real-time endpoint."""

import json
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from autocloudops.aws import DENIED, THROTTLED, UNANSWERED, error_code, error_message
from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.errors import ModelError, ModelRefused, ModelTimedOut, ModelUnavailable

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime.client import SageMakerRuntimeClient

PERMANENT_FOR_THE_BODY = frozenset({400, 404, 413, 422})
CONTAINER_TIMEOUT = "invocation timed out"
NO_CAPACITY = "has no capacity"


class SageMakerEndpoint:
    """A `ModelEndpoint` that speaks the OpenAI chat body through InvokeEndpoint.

    Args:
        client: a sagemaker-runtime client with SDK retries off and a read timeout above SageMaker's 60 s.
        name: the endpoint's name; it must match case.
        model: the served model's name, sent in the body.
        clock: for latency.
    """

    def __init__(self, client: "SageMakerRuntimeClient", name: str, model: str, clock: Clock) -> None:
        self._client = client
        self._endpoint = name
        self._model = model
        self._clock = clock
        self.name = f"sagemaker://{name}"

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the model's answer.

        Raises:
            ModelRefused: the same request will be refused again.
            ModelTimedOut: no answer in time; the request may still run.
            ModelUnavailable: any other failure that may pass.
        """
        started = self._clock.monotonic()
        try:
            answer = await self._client.invoke_endpoint(
                EndpointName=self._endpoint,
                ContentType="application/json",
                Accept="application/json",
                CustomAttributes=request.correlation_id,
                Body=json.dumps(self._body(request)).encode(),
            )
            async with answer["Body"] as stream:
                raw = await stream.read()
        except (ClientError, *UNANSWERED) as error:
            raise self._named(error) from error
        return self._completion(raw, self._clock.monotonic() - started)

    def _body(self, request: CompletionRequest) -> dict[str, Any]:
        return {
            "model": self._model,
            "messages": [message.model_dump() for message in request.messages],
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "diagnosis", "strict": True, "schema": request.json_schema},
            },
        }

    def _completion(self, raw: bytes, latency_seconds: float) -> Completion:
        try:
            body = json.loads(raw)
            choice, usage = body["choices"][0], body.get("usage") or {}
            return Completion(
                content=choice["message"].get("content"),
                finish_reason=choice.get("finish_reason"),
                model=body.get("model", self._model),
                prompt_tokens=usage.get("prompt_tokens", 0),
                completion_tokens=usage.get("completion_tokens", 0),
                latency_seconds=latency_seconds,
                request_id=body.get("id", ""),
            )
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise ModelUnavailable(self.name, "the answer is no chat completion", "check what serves it") from error

    def _named(self, error: Exception) -> ModelError:
        """Name a failure by what it means for this request (NIM and SageMaker runtime errors; see the class)."""
        message = error_message(error)
        if isinstance(error, ConnectTimeoutError):
            return ModelUnavailable(self.name, message)
        if isinstance(error, ReadTimeoutError | TimeoutError):
            return ModelTimedOut(self.name, message)
        if not isinstance(error, ClientError):
            return ModelUnavailable(self.name, message)
        return self._service_error(error, message)

    def _service_error(self, error: ClientError, message: str) -> ModelError:
        code = error_code(error)
        if code == "ModelError":
            return self._model_error(error, message)
        if code in DENIED:
            return ModelRefused(self.name, message, "allow sagemaker:InvokeEndpoint on it for this role")
        if code in THROTTLED or NO_CAPACITY in message:
            return ModelUnavailable(self.name, message)
        if code in {"ValidationError", "ValidationException"}:
            return ModelRefused(self.name, message, "check the endpoint's name and region")
        return ModelUnavailable(self.name, f"{code}: {message}")

    def _model_error(self, error: ClientError, message: str) -> ModelError:
        response = cast("dict[str, Any]", error.response)
        status = int(response.get("OriginalStatusCode", 0))
        if CONTAINER_TIMEOUT in message:
            return ModelTimedOut(self.name, message, "lower max_tokens")
        if status in PERMANENT_FOR_THE_BODY:
            said = str(response.get("OriginalMessage", message))
            return ModelRefused(self.name, f"the model server answered {status}: {said[:300]}")
        return ModelUnavailable(self.name, f"the model server answered {status}: {message}")
