import pytest
from command_line import typed

from autocloudops.entrypoints import wiring

RUNBOOK = "AutoCloudOps-RestartService"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("AWS-RestartEC2Instance", "why"), ("investigate", "why"), (RUNBOOK, " "), (RUNBOOK, "x" * 201)],
)
def test_what_makes_no_sense_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, name: str, reason: str) -> None:
    """No runbook of ours, nothing that runs, no reason or too long a one: it is refused before anything is read."""

    async def open_table(*_: object) -> object:
        raise AssertionError("the table was opened")

    monkeypatch.setattr(wiring, "open_table", open_table)
    assert typed("runbooks", "reset", name, "--reason", reason, "--yes").exit_code == 252
