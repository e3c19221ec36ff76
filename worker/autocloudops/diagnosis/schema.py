"""The JSON schema that the endpoint is asked to enforce; `reply` enforces it again."""

from collections.abc import Sequence

from autocloudops.diagnosis.model import CITATIONS, GAP_CHARACTERS, GAPS, ROOT_CAUSE_CHARACTERS


def reply_schema(actions: Sequence[str], evidence_ids: Sequence[str]) -> dict[str, object]:
    """Return the schema of a reply that picks one of `actions` and cites `evidence_ids`.

    Enumerations come first and free text last: a small model under a grammar that starts with free text fills its
    token budget there and never closes the object.

    Args:
        actions: the offered names, at least one.
        evidence_ids: the ids in the prompt, at least one.
    """
    cited = {"type": "array", "items": {"type": "string", "enum": list(evidence_ids)}, "maxItems": CITATIONS}
    gap = {"type": "string", "minLength": 1, "maxLength": GAP_CHARACTERS}
    properties: dict[str, object] = {
        "action": {"type": "string", "enum": list(actions)},
        "confidence": {"type": "integer", "minimum": 1, "maximum": 10},
        "evidence_for": cited | {"minItems": 1},
        "evidence_against": cited,
        "gaps": {"type": "array", "items": gap, "maxItems": GAPS},
        "root_cause": {"type": "string", "minLength": 1, "maxLength": ROOT_CAUSE_CHARACTERS},
    }
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}
