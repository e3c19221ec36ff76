"""What a refusal says about a dialect."""

import pytest

from autocloudops.diagnosis.endpoint import Dialect
from autocloudops.errors import ModelRefused
from autocloudops.inference.dialects import names_format

NAMED = [
    (Dialect.JSON_SCHEMA, "body.response_format.type: Input should be 'text' or 'json_object'"),
    (Dialect.JSON_SCHEMA, "Unrecognized request argument supplied: response_format"),
    (Dialect.JSON_SCHEMA, "'json_schema' is not supported by this model"),
    (Dialect.NVEXT, "nvext: Extra inputs are not permitted"),
    (Dialect.STRUCTURED_OUTPUTS, "got an unexpected keyword argument 'structured_outputs'"),
]
OTHER = [
    (Dialect.JSON_SCHEMA, "Extra inputs are not permitted: nvext"),
    (Dialect.JSON_SCHEMA, "Invalid schema for response_format 'diagnosis': must be an object"),
    (Dialect.JSON_SCHEMA, "The response_format contains features not supported by the grammar backend"),
    (Dialect.JSON_SCHEMA, "response_format was read, but the prompt is empty"),
    (Dialect.NONE, "response_format is not supported"),
]


@pytest.mark.parametrize(("dialect", "said"), NAMED)
def test_a_refusal_that_names_the_format_as_unknown(dialect: Dialect, said: str) -> None:
    """The server does not know the field, or this kind of it."""
    assert names_format(ModelRefused("https://nim/v1", said), dialect)


@pytest.mark.parametrize(("dialect", "said"), OTHER)
def test_a_refusal_for_another_reason(dialect: Dialect, said: str) -> None:
    """Another field, or the schema itself, is what the server refuses."""
    assert not names_format(ModelRefused("https://nim/v1", said), dialect)
