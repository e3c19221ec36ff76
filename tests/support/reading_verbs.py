"""The verbs of `audit` that read, as a test types them: what they return stands in `return_value`."""

from typer.testing import CliRunner, Result

from autocloudops.cli.audit_reading import readings
from autocloudops.cli.output import Output


def typed(*arguments: str, output: Output = Output.JSON) -> Result:
    """Run one command line; an error of ours stands in `exception`."""
    return CliRunner().invoke(readings, arguments, obj=output, standalone_mode=False)
