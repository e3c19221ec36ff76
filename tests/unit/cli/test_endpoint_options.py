from dataclasses import fields

import pytest
from typer.main import get_command

from autocloudops.cli.endpoint import endpoint
from autocloudops.cli.endpoint.options import (
    AdoptOptions,
    CostOptions,
    DeleteOptions,
    EnsureOptions,
    ProbeOptions,
    SpecOptions,
    taking,
)
from autocloudops.cli.program import ExitCode

VERBS = {
    "plan": SpecOptions,
    "ensure": EnsureOptions,
    "probe": ProbeOptions,
    "adopt": AdoptOptions,
    "delete": DeleteOptions,
    "cost": CostOptions,
}


@pytest.mark.parametrize("verb", VERBS)
def test_each_field_is_an_option_of_the_verb(verb: str) -> None:
    """What a verb is told is what its command line takes, no more and no less, and each says what it is."""
    taken = {each.name: each for each in get_command(endpoint).commands[verb].params if each.name != "help"}  # type: ignore[attr-defined] # a group has commands
    assert taken.keys() == {each.name for each in fields(VERBS[verb])}
    assert all(getattr(each, "help", None) for each in taken.values())


def test_a_verb_is_handed_the_value() -> None:
    """The fields arrive together, and those that were not given have their defaults."""
    told: list[ProbeOptions] = []

    @taking(ProbeOptions)
    def verb(_: object, options: ProbeOptions) -> ExitCode:
        """Keep what it is told."""
        told.append(options)
        return ExitCode.OK

    assert verb(None, name="nim", component="llm") is ExitCode.OK
    assert told == [ProbeOptions(name="nim", model="nemotron-nano-8b", component="llm", region=None)]
    assert verb.__doc__ == "Keep what it is told."
