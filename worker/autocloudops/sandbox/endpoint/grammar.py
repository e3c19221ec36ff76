"""What a guided-decoding grammar lets through: any reply, made to fit the JSON schema that was asked for."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def fitted(value: object, schema: Schema) -> object:
    """Return `value` bent to `schema`, as a grammar bends a model's reply.

    A choice outside an enum becomes its first member, a missing property its smallest value, an unknown property
    disappears, numbers and lengths are kept within their bounds.

    Args:
        value: what the model would have said freely.
        schema: the part of JSON Schema that the NIM's grammars know: object, array, string, integer, number,
            boolean and enum.
    """
    if "enum" in schema:
        return value if value in schema["enum"] else schema["enum"][0]
    fit = FITTERS.get(schema.get("type", ""))
    return fit(value, schema) if fit else value


def _object(value: object, schema: Schema) -> dict[str, object]:
    said = value if isinstance(value, Mapping) else {}
    required = schema.get("required", ())
    return {
        name: fitted(said.get(name), part)
        for name, part in schema.get("properties", {}).items()
        if name in said or name in required
    }


def _array(value: object, schema: Schema) -> list[object]:
    said = list(value) if isinstance(value, (list, tuple)) else []
    padded = said + [None] * (schema.get("minItems", 0) - len(said))
    return [fitted(item, schema.get("items", {})) for item in padded[: schema.get("maxItems")]]


def _string(value: object, schema: Schema) -> str:
    said = value if isinstance(value, str) else ""
    return said[: schema.get("maxLength")].ljust(schema.get("minLength", 0), ".")


def _integer(value: object, schema: Schema) -> int:
    return int(_number(value, schema))


def _number(value: object, schema: Schema) -> float:
    said = value if isinstance(value, (int, float)) else schema.get("minimum", 0)
    return float(min(max(said, schema.get("minimum", said)), schema.get("maximum", said)))


def _boolean(value: object, _: Schema) -> bool:
    return value is True


FITTERS = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}
