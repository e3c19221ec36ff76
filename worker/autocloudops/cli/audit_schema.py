"""`audit schema`: what a record looks like."""

from autocloudops.audit.schema import record_schema
from autocloudops.cli.output import print_json


def print_schema() -> None:
    """Print the JSON Schema of one line of the audit."""
    print_json(record_schema())
