import pytest

from autocloudops.diagnosis.schema import reply_schema
from autocloudops.sandbox.endpoint.grammar import fitted


@pytest.mark.parametrize(
    ("value", "schema", "fit"),
    [
        ("b", {"enum": ["a", "b"]}, "b"),
        ("c", {"enum": ["a", "b"]}, "a"),
        (14, {"type": "integer", "minimum": 1, "maximum": 10}, 10),
        (None, {"type": "integer", "minimum": 1}, 1),
        (0.5, {"type": "number", "maximum": 0.25}, 0.25),
        ("long", {"type": "string", "maxLength": 2}, "lo"),
        (None, {"type": "string", "minLength": 1}, "."),
        ("yes", {"type": "boolean"}, False),
        ([1, "x"], {"type": "array", "items": {"type": "string"}, "maxItems": 1}, [""]),
        (None, {"type": "array", "items": {"enum": ["E1"]}, "minItems": 1}, ["E1"]),
        ({"a": 1, "b": 2}, {"type": "object", "properties": {"a": {}}, "required": ["a"]}, {"a": 1}),
        ("x", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, {"n": 0}),
        ("anything", {}, "anything"),
    ],
)
def test_a_value_is_bent_to_its_schema(value: object, schema: dict[str, object], fit: object) -> None:
    """Choices, bounds, lengths, required and unknown properties are enforced as a grammar enforces them."""
    assert fitted(value, schema) == fit


def test_the_properties_come_in_the_schemas_order() -> None:
    """A grammar writes the properties in the order of the schema, and all that are required."""
    schema = reply_schema(["investigate"], ["E1"])
    reply = fitted({"root_cause": "A leak.", "action": "investigate"}, schema)
    assert isinstance(reply, dict)
    assert list(reply) == ["action", "confidence", "evidence_for", "evidence_against", "gaps", "root_cause"]
