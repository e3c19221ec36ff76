from autocloudops.diagnosis.schema import reply_schema
from autocloudops.sandbox.endpoint.grammar import fitted
from autocloudops.sandbox.endpoint.llama_schema import TEXT_CHARACTERS, narrowed

WIDEST = {
    "action": "restart",
    "confidence": 10,
    "evidence_for": ["E2"] * 8,
    "evidence_against": ["E1"] * 8,
    "gaps": ["g" * 160] * 5,
    "root_cause": "r" * 600,
}


def test_the_widest_reply_is_short() -> None:
    """Under the narrowed schema of a diagnosis even a model that never stops fits into a small token budget."""
    asked = reply_schema(["restart", "investigate"], ["E1", "E2"])
    reply = fitted(WIDEST, narrowed(asked))
    assert reply == WIDEST | {
        "evidence_for": ["E2"],
        "evidence_against": [],
        "gaps": [],
        "root_cause": "r" * TEXT_CHARACTERS,
    }
    assert fitted(reply, asked) == reply, "what is narrower still fits the schema that was asked for"


def test_the_order_of_the_properties_stays() -> None:
    """Choices come before free text, as the question asks for."""
    asked = reply_schema(["investigate"], ["E1"])
    assert list(narrowed(asked)["properties"]) == asked["required"]


def test_what_a_schema_demands_is_kept() -> None:
    """A longer minimum, and a shorter maximum, of the schema count."""
    long = {"type": "string", "minLength": 200}
    assert narrowed(long)["maxLength"] == 200
    assert narrowed({"type": "string", "maxLength": 8})["maxLength"] == 8
    assert narrowed({"type": "array", "items": long, "minItems": 2})["maxItems"] == 2
    assert narrowed({"type": "integer", "minimum": 1}) == {"type": "integer", "minimum": 1}
