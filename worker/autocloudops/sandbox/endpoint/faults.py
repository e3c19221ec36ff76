"""What can go wrong around the container, as data: one row for each error that SageMaker's runtime is known to give.

Statuses and shapes are those of the SageMaker runtime API; what a container's own status means is the NIM's.
Source: reference on the SageMaker runtime, error table.
"""

from collections.abc import Mapping
from types import MappingProxyType

from autocloudops.sandbox.endpoint.wire import (
    CONTEXT_TOKENS,
    Broken,
    Fault,
    StreamBreak,
    StreamFault,
    model_error,
    no_capacity,
    refused,
    timed_out,
    too_long,
    unknown_model,
    validation_error,
)


def _service(status: int, error_type: str, message: str) -> Fault:
    return Fault(status=status, error_type=error_type, body={"Message": message})


def _stream_error(code: str, message: str) -> StreamFault:
    return StreamFault(kind="ModelStreamError", body={"Message": message, "ErrorCode": code})


def _throttled(status: int) -> Fault:
    return Fault(status=status, error_type="ThrottlingException", body={"message": None})


INTERNAL_FAILURE = _service(500, "InternalFailure", "An internal failure occurred.")
RESET = Broken(how="reset")

FAULTS: Mapping[str, Fault | Broken] = MappingProxyType(
    {
        "throttled": _throttled(400),
        "too_many_requests": _throttled(429),
        "not_ready": _service(429, "ModelNotReadyException", "The model is being loaded."),
        "internal_failure": INTERNAL_FAILURE,
        "unavailable": _service(503, "ServiceUnavailable", "Service is unavailable."),
        "dependency_failed": _service(530, "InternalDependencyException", "A dependency did not answer."),
        "access_denied": _service(
            403, "AccessDeniedException", "This role is not authorized to perform: sagemaker:InvokeEndpoint"
        ),
        "token_expired": _service(
            403, "ExpiredTokenException", "The security token included in the request is expired"
        ),
        "client_unrecognized": _service(
            403, "UnrecognizedClientException", "The security token included in the request is invalid."
        ),
        "endpoint_missing": validation_error("Endpoint of this account not found."),
        "no_capacity": no_capacity(),
        "model_timed_out": timed_out(),
        "context_too_long": too_long(CONTEXT_TOKENS + 1, CONTEXT_TOKENS),
        "model_error_404": unknown_model("nvidia/another"),
        "model_error_413": model_error(413, "<html><head><title>413 Request Entity Too Large</title></head></html>"),
        "model_error_422": refused(422, "UnprocessableEntityError", "messages.0.content: Field required"),
        "model_error_429": refused(429, "TooManyRequestsError", "The queue of the engine is full."),
        "model_error_500": refused(500, "InternalServerError", "CUDA out of memory"),
        "model_error_502": model_error(502, ""),
        "model_error_503": refused(503, "ServiceUnavailableError", "The model is not ready."),
        "model_error_504": model_error(504, "<html><head><title>504 Gateway Time-out</title></head></html>"),
        "hang": Broken(how="hang"),
        "reset": RESET,
    }
)

STREAM_TOO_LONG = _stream_error(
    "ModelInvocationTimeExceeded", "The model failed to finish sending the response within the timeout period allowed."
)
STREAM_BROKEN = _stream_error("StreamBroken", "The connection between the client and the model was reset or closed.")
# How an answer that breaks off ends where it is streamed, and what becomes of it where it is not.
BREAKS: Mapping[StreamBreak, tuple[StreamFault | Broken, Fault | Broken]] = MappingProxyType(
    {
        "ModelStreamError": (STREAM_BROKEN, model_error(502, "")),
        "InternalStreamFailure": (
            StreamFault(kind="InternalStreamFailure", body={"Message": "The stream failed. Try your request again."}),
            INTERNAL_FAILURE,
        ),
        "reset": (RESET, RESET),
    }
)
