"""The schema of a record, for whoever reads the audit without this package."""

from typing import Any

from autocloudops.audit.record import SCHEMA_VERSION, StoredRecord

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def record_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one line of `audit/v1/decisions/`.

    Fields that have their default are left out of a line. Later versions may add fields, which a reader keeps or
    ignores; they take none away and change the meaning of none.
    """
    schema = StoredRecord.model_json_schema()
    return {"$schema": DIALECT, "title": f"AutoCloudOps audit record, version {SCHEMA_VERSION}", **_untitled(schema)}


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "title"}
