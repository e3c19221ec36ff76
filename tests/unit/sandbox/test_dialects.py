from collections.abc import Mapping

import pytest

from autocloudops.diagnosis.endpoint import Dialect
from autocloudops.sandbox.endpoint import NIM_1_8, NIM_1_13, NIM_2, ChatRequest, Dialects
from autocloudops.sandbox.endpoint.wire import Fault

SCHEMA = {"type": "object"}
FIELDS: Mapping[Dialect, dict[str, object]] = {
    Dialect.JSON_SCHEMA: {
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
    },
    Dialect.NVEXT: {"nvext": {"guided_json": SCHEMA}},
    Dialect.STRUCTURED_OUTPUTS: {"structured_outputs": {"json": SCHEMA}},
}


def _request(**fields: object) -> ChatRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **fields}
    return ChatRequest.model_validate(body)


@pytest.mark.parametrize("dialect", FIELDS)
@pytest.mark.parametrize("server", [Dialects(), NIM_1_8, NIM_1_13, NIM_2])
def test_a_schema_counts_only_in_a_dialect_that_is_honoured(server: Dialects, dialect: Dialect) -> None:
    """The same schema is enforced where the server knows its dialect, and silently dropped where it does not."""
    understood = server.understood(_request(**FIELDS[dialect]))
    assert isinstance(understood, ChatRequest)
    assert understood.schema_wanted == (SCHEMA if dialect in server.honoured else None)


@pytest.mark.parametrize(("dialect", "field"), [(dialect, next(iter(FIELDS[dialect]))) for dialect in FIELDS])
def test_a_strict_server_refuses_by_the_fields_name(dialect: Dialect, field: str) -> None:
    """A server that refuses unknown fields names the field in a 400."""
    refusal = Dialects(honoured=frozenset(), others="refused").understood(_request(**FIELDS[dialect]))
    assert isinstance(refusal, Fault)
    assert refusal.body["OriginalStatusCode"] == 400
    assert field in refusal.body["OriginalMessage"]


@pytest.mark.parametrize(
    "fields", [{}, {"response_format": {"type": "json_object"}}, {"guided_json": SCHEMA}, {"top_k": 1}]
)
def test_what_is_no_dialect_is_let_through(fields: dict[str, object]) -> None:
    """Without a schema, or with fields that nobody knows, nothing is refused and nothing is enforced."""
    request = _request(**fields)
    understood = Dialects(honoured=frozenset(), others="refused").understood(request)
    assert understood == request
    assert isinstance(understood, ChatRequest)
    assert understood.schema_wanted is None


def test_only_the_json_object_mode_wants_json_alone() -> None:
    """Asking for a JSON object is no schema, but no prose either."""
    request = _request(response_format={"type": "json_object"})
    assert (request.json_wanted, _request().json_wanted) == (True, False)
