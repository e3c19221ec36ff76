"""The error table as data."""

import aiohttp
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError, ReadTimeoutError
from placeholders import bare

from autocloudops.errors import ModelRefused, ModelThrottled, ModelTimedOut, ModelUnavailable
from autocloudops.inference.faults import FAULTS, Symptom, judged, named, server_message

URL = "sagemaker://nim"


def test_an_unknown_failure_may_pass() -> None:
    """What no row knows is asked again later, never dropped."""
    assert type(judged(URL, Symptom("what?", code="NewException"))) is ModelUnavailable
    assert type(named(URL, RuntimeError("what?"))) is ModelUnavailable


def test_an_error_without_a_response_is_named() -> None:
    """An error of aiobotocore sets `response` to None on time-outs."""
    error = ReadTimeoutError(endpoint_url="https://nim", error=None)
    error.response = None  # as aiobotocore leaves it
    assert type(named(URL, error)) is ModelTimedOut


def test_a_throttle_without_a_message_is_named() -> None:
    """SageMaker throttles with the body `{"message": null}`."""
    error = ClientError({"Error": {"Code": "ThrottlingException", "Message": None}}, "InvokeEndpoint")  # type: ignore[typeddict-item] # as it arrives
    found = named(URL, error)
    assert type(found) is ModelThrottled
    assert found.message.startswith("sagemaker://nim: ThrottlingException: ")


def test_a_throttle_is_not_taken_for_a_long_context() -> None:
    """A rate limit counted in tokens says nothing about the length of this question."""
    said = "Too many tokens: the token size limit per minute is reached"
    assert type(judged(URL, Symptom(said, status=429))) is ModelThrottled


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": {"message": "bad\\n body", "code": 400}}', "bad body"),
        ('{"error": "plain"}', "plain"),
        ('{"message": "plain"}', "plain"),
        ('{"detail": [{"msg": "field required"}]}', '[{"msg": "field required"}]'),
        ('{"error": {}}', "no message"),
        ("{}", "no message"),
        ("<html>\n  <b>Bad</b>", "<html> <b>Bad</b>"),
        ("[" * 100_000, "[" * 300),
        ("x" * 10_000, "x" * 300),
        ("", ""),
    ],
)
def test_a_server_is_quoted_on_one_bounded_line(body: str, said: str) -> None:
    """Whatever a server answers, one line of at most 300 characters is kept, its own message where it has one."""
    assert server_message(body) == said


def test_a_message_holds_no_whole_body() -> None:
    """A server that echoes the question does not bring the evidence into logs."""
    found = judged(URL, Symptom(server_message("echo " + "secret evidence " * 1000), status=400))
    assert type(found) is ModelRefused
    assert len(str(found)) < 400


def first_fit(symptom: Symptom) -> int:
    """Return the number of the row that holds for a failure."""
    return next(number for number, fault in enumerate(FAULTS) if fault.fits(symptom))


def test_no_row_is_dead() -> None:
    """Each row of the table is the first that fits some failure: none is hidden by those before it."""
    symptoms = [
        Symptom("x", error=NoCredentialsError()),
        Symptom("x", error=ConnectTimeoutError(endpoint_url="x")),
        Symptom("x", error=TimeoutError()),
        Symptom("x", error=aiohttp.ClientPayloadError()),
        Symptom("x", status=413),
        Symptom("maximum context length", status=400),
        Symptom("it has no capacity", code="ValidationError", status=400),
        Symptom("x", code="ModelNotReadyException", status=429),
        Symptom("x", code="ThrottlingException", status=400),
        Symptom("x", status=429),
        Symptom("x", code="ExpiredTokenException", status=400),
        Symptom("x", status=401),
        Symptom("your invocation timed out", code="ModelError"),
        Symptom("within the timeout period", code="ModelStreamError"),
        Symptom("x", status=408),
        Symptom("Inference Component Name header is required", code="ValidationError", status=400),
        Symptom("not found", code="ValidationError", status=400),
        Symptom("x", code="ResourceNotFoundException", status=400),
        Symptom("x", status=404),
        Symptom("x", status=307),
        Symptom("x", status=422),
        Symptom("x", code="InternalStreamFailure"),
        Symptom("x", status=500),
        Symptom("x", status=530),
        Symptom("x", code="ModelError"),
    ]
    assert [first_fit(symptom) for symptom in symptoms] == list(range(len(FAULTS)))


def test_what_a_server_says_is_cleaned() -> None:
    """Text of a server goes into logs and records: no terminal escape, no secret, not without end."""
    said = judged(
        URL, Symptom(server_message('{"error": "\\u001b[31mred password=hunter2 ' + "x" * 900 + '"}'), status=500)
    )
    assert "\x1b" not in str(said)
    assert "red password=<password> x" in bare(str(said))
    assert len(str(said)) < 500
