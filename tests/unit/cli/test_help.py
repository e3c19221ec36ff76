from collections.abc import Iterator

import pytest
import typer
from command_line import typed
from typer.core import TyperGroup

from autocloudops.cli.app import app


def verbs(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every verb and group below a command, its own included."""
    yield path
    for name, child in command.commands.items() if isinstance(command, TyperGroup) else ():
        yield from verbs(child, (*path, name))


@pytest.mark.parametrize("words", list(verbs(typer.main.get_command(app))), ids=" ".join)
def test_every_verb_explains_itself(words: tuple[str, ...]) -> None:
    """`--help` of each verb and group prints a usage line and what it is for, whatever characters stand in it."""
    result = typed(*words, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"Usage: autocloudops {' '.join(words)}".strip() in result.stdout
    assert len(result.stdout.splitlines()) > 4
