"""The command line as a test types it, in this process."""

from typer.testing import CliRunner, Result

from autocloudops.cli.app import app


def typed(*arguments: str, piped: str | bytes | None = None) -> Result:
    """Run one command line, with `piped` on its standard input."""
    return CliRunner().invoke(app, arguments, input=piped, prog_name="autocloudops")
