"""A JSON schema that a very small model can fill: the same reply, with its free text cut short.

Under a grammar such a model never tires of free text or of a list, and runs into `max_tokens` before it closes the
object. What is narrower than the schema still fits it.
"""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

TEXT_CHARACTERS = 120


def narrowed(schema: Schema) -> Schema:
    """Return a schema that lets through a part of what `schema` does.

    A text has at most `TEXT_CHARACTERS` and a list no member, unless `schema` wants more; choices, numbers and the
    order of the properties stay.

    Args:
        schema: the part of JSON Schema that the NIM's grammars know: object, array, string, integer, number,
            boolean and enum.
    """
    match schema:
        case {"enum": _}:
            return schema
        case {"type": "object", "properties": properties}:
            return {**schema, "properties": {name: narrowed(part) for name, part in properties.items()}}
        case {"type": "array"}:
            fewest = schema.get("minItems", 0)
            return {**schema, "items": narrowed(schema.get("items", {})), "maxItems": fewest}
        case {"type": "string"}:
            wanted = max(schema.get("minLength", 0), TEXT_CHARACTERS)
            return {**schema, "maxLength": min(schema.get("maxLength", wanted), wanted)}
        case _:
            return schema
