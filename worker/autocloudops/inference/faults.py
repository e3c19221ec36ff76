"""What each failure of a model endpoint means: the error table, as data.

The rows are those of SageMaker's runtime API (the error shapes of its botocore model), of NIM and vLLM behind it, and
of the HTTP statuses that the same servers answer with when they are asked directly.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import aiohttp
from botocore.eventstream import ParserError
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from autocloudops import aws
from autocloudops.errors import (
    ContextTooLong,
    EndpointMisconfigured,
    ModelAsleep,
    ModelBrokeOff,
    ModelError,
    ModelRefused,
    ModelThrottled,
    ModelTimedOut,
    ModelUnavailable,
)
from autocloudops.redaction import clean

FAILURES = (ClientError, ParserError, *aws.UNANSWERED)
SAID_CHARACTERS = 300
SENTENCE_CHARACTERS = 400

MODEL_ERROR = "ModelError"
VALIDATION = frozenset({"ValidationError", "ValidationException"})
BROKEN = frozenset({"InternalFailure", "InternalServerException", "InternalStreamFailure", "ModelStreamError"})

CONTEXT = re.compile(
    r"context.{0,20}length|max_model_len|token size|prompt is too long|(?:prompt|input) length|"
    r"reduce the length|length less than or equal to",
    re.IGNORECASE,
)
NO_CAPACITY = re.compile(r"has no capacity", re.IGNORECASE)
TIMED_OUT = re.compile(r"timed? ?out|time ?exceeded|within the timeout", re.IGNORECASE)
COMPONENT = re.compile(r"inference component", re.IGNORECASE)
NOT_FOUND = re.compile(r"not found|could not find|does not exist", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Symptom:
    """What is known of a failure.

    Args:
        said: the message, on one line and bounded.
        code: SageMaker's error code; empty where the model server was asked directly.
        status: the HTTP status; the container's own where SageMaker passed one on; 0 where nothing answered.
        error: what a library raised, if one did.
    """

    said: str
    code: str = ""
    status: int = 0
    error: BaseException | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row: what a failure becomes that fits every condition given here."""

    becomes: type[ModelError]
    advice: str = ""
    raised: tuple[type[BaseException], ...] = ()
    codes: Collection[str] = ()
    statuses: Collection[int] = ()
    says: re.Pattern[str] | None = None

    def fits(self, symptom: Symptom) -> bool:
        """Say whether the row is about this failure."""
        return (
            (not self.raised or isinstance(symptom.error, self.raised))
            and (not self.codes or symptom.code in self.codes)
            and (not self.statuses or symptom.status in self.statuses)
            and (not self.says or self.says.search(symptom.said) is not None)
        )


# The first row that fits holds.
FAULTS = (
    Fault(becomes=EndpointMisconfigured, advice="check credentials, region and names", raised=aws.MISCONFIGURED),
    Fault(becomes=ModelUnavailable, raised=(ConnectTimeoutError, aiohttp.ConnectionTimeoutError)),
    Fault(becomes=ModelTimedOut, advice="lower max_tokens, or stream", raised=(ReadTimeoutError, TimeoutError)),
    Fault(
        becomes=ModelBrokeOff,
        raised=(aiohttp.ClientPayloadError, ResponseStreamingError, IncompleteReadError, ParserError),
    ),
    Fault(becomes=ContextTooLong, advice="send less evidence", statuses={413}),
    Fault(becomes=ContextTooLong, advice="send less evidence", statuses={400, 422, 500}, says=CONTEXT),
    Fault(becomes=ModelAsleep, advice="it is waking; ask in minutes", codes=VALIDATION, says=NO_CAPACITY),
    Fault(becomes=ModelAsleep, advice="its model is loading; ask in minutes", codes={"ModelNotReadyException"}),
    Fault(becomes=ModelThrottled, codes=aws.THROTTLED),
    Fault(becomes=ModelThrottled, statuses={429}),
    Fault(
        becomes=EndpointMisconfigured,
        advice="check the credentials, and allow sagemaker:InvokeEndpoint on it for this role",
        codes=aws.DENIED,
    ),
    Fault(becomes=EndpointMisconfigured, advice="check the key and its permissions", statuses={401, 403}),
    Fault(
        becomes=ModelTimedOut,
        advice="lower max_tokens, or stream",
        codes={MODEL_ERROR},
        statuses={0},
        says=TIMED_OUT,
    ),
    Fault(becomes=ModelTimedOut, advice="lower max_tokens", codes={"ModelStreamError"}, says=TIMED_OUT),
    Fault(becomes=ModelTimedOut, advice="lower max_tokens, or stream", statuses={408}),
    Fault(
        becomes=EndpointMisconfigured,
        advice="name one that it has: sagemaker://NAME?component=COMPONENT",
        codes=VALIDATION,
        says=COMPONENT,
    ),
    Fault(
        becomes=EndpointMisconfigured, advice="check the endpoint's name and region", codes=VALIDATION, says=NOT_FOUND
    ),
    Fault(becomes=EndpointMisconfigured, advice="check the endpoint's name and region", codes=aws.MISSING),
    Fault(becomes=EndpointMisconfigured, advice="check the model's name and the URL", statuses={404, 405, 410}),
    Fault(
        becomes=EndpointMisconfigured,
        advice="configure the URL that it redirects to",
        statuses=range(300, 400),
    ),
    Fault(becomes=ModelRefused, statuses=range(400, 500)),
    Fault(becomes=ModelBrokeOff, codes=BROKEN),
    Fault(becomes=ModelBrokeOff, statuses={500}),
    Fault(becomes=ModelUnavailable, statuses=range(501, 600)),
    Fault(becomes=ModelBrokeOff, codes={MODEL_ERROR}),
)


def named(endpoint_url: str, error: Exception) -> ModelError:
    """Return what an error of botocore, aiobotocore or aiohttp means for the request.

    Args:
        endpoint_url: the endpoint as people configured it, without credentials.
        error: one of `FAILURES`.
    """
    return judged(endpoint_url, _symptom(error))


def judged(endpoint_url: str, symptom: Symptom) -> ModelError:
    """Return what a failure means for the request; what no row knows may pass."""
    fault = next((fault for fault in FAULTS if fault.fits(symptom)), Fault(becomes=ModelUnavailable))
    return fault.becomes(endpoint_url, clean(_sentence(symptom), SENTENCE_CHARACTERS), fault.advice)


def one_line(text: str) -> str:
    """Return the start of `text` on one line."""
    return " ".join(text[: 4 * SAID_CHARACTERS].split())[:SAID_CHARACTERS]


def server_message(body: str) -> str:
    """Return what a model server's error body says: OpenAI's `error.message`, else `message`, `detail` or the text."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return one_line(body)
    while isinstance(parsed, dict):
        parsed = next((parsed[key] for key in ("error", "message", "detail") if parsed.get(key)), "no message")
    return one_line(parsed if isinstance(parsed, str) else json.dumps(parsed))


def _sentence(symptom: Symptom) -> str:
    if symptom.error and not symptom.code:
        return f"{type(symptom.error).__name__}: {symptom.said}"
    if symptom.code in {"", MODEL_ERROR}:
        return f"the model server answered {symptom.status}: {symptom.said}"
    return f"{symptom.code}: {symptom.said}"


def _symptom(error: Exception) -> Symptom:
    # aiobotocore sets `response` to None on time-outs (measured with 3.10).
    response: dict[str, Any] = getattr(error, "response", None) or {}
    code = aws.error_code(error)
    if code == MODEL_ERROR:
        said = str(response.get("OriginalMessage") or aws.error_message(error))
        return Symptom(server_message(said), code, int(response.get("OriginalStatusCode") or 0), error)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    return Symptom(one_line(aws.error_message(error)), code, status, error)
