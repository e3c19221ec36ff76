from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from acting import claim_of
from command_line import typed
from virtual_time import run

from autocloudops.cli.mode import switching
from autocloudops.decisions.claims import Claim, ClaimState, Control
from autocloudops.decisions.modes import Mode

NOW = Control(mode=Mode.ACTIVE, reason="trial", by="ana", at=datetime(2026, 3, 1, tzinfo=UTC))


async def _claim() -> Claim:
    return claim_of()


RUNNING = run(_claim()).model_copy(update={"state": ClaimState.STARTED})
WAITING = RUNNING.model_copy(update={"state": ClaimState.WAITING})


@pytest.fixture
def switched(monkeypatch: pytest.MonkeyPatch) -> list[Mode]:
    """An active control item with one action that runs and one that waits; switches are kept here."""
    switches: list[Mode] = []

    async def read() -> tuple[Control | None, Sequence[Claim]]:
        return NOW, [RUNNING, WAITING]

    async def switch(mode: Mode, reason: str) -> Control:
        switches.append(mode)
        return NOW.model_copy(update={"mode": mode, "reason": reason})

    monkeypatch.setattr(switching, "_read", read)
    monkeypatch.setattr(switching, "_switched", switch)
    return switches


def test_a_switch_says_what_it_changes(switched: list[Mode]) -> None:
    """What was, what will be, and what goes on regardless stand on standard error; the new item is the result."""
    result = typed("mode", "set", "DRY-RUN", "--reason", "a  bad\nnight", "--yes", "--output", "text")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines() == [
        "now: active, since 2026-03-01 00:00:00Z by ana: trial",
        "then: dry-run: nothing is done; decisions say what would have been; it can only lower what the policy says",
        "1 actions have begun and go on, 1 wait for approval",
        "to stop what runs: docs/kill-switch.md",
    ]
    assert result.stdout == "dry-run\t2026-03-01T00:00:00+00:00\tana\ta bad night\n"
    assert switched == [Mode.DRY_RUN]


@pytest.mark.parametrize(
    "words",
    [
        ("maybe", "--reason", "r", "--yes"),
        ("off", "--yes"),
        ("off", "--reason", " ", "--yes"),
        ("off", "--reason", "r" * 201, "--yes"),
        ("off", "--reason", "r"),
    ],
)
def test_a_wrong_switch_is_none(switched: list[Mode], words: tuple[str, ...]) -> None:
    """An unknown mode, no reason, and a switch that nobody confirms are usage errors."""
    assert typed("mode", "set", *words).exit_code == 252
    assert switched == []


def test_a_no_switches_nothing(switched: list[Mode], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not want it leaves with exit code 1."""
    monkeypatch.setattr(switching, "agreed", lambda *_, **__: False)
    assert typed("mode", "set", "off", "--reason", "r").exit_code == 1
    assert switched == []


def test_every_mode_says_what_it_means() -> None:
    """No mode is without its sentence."""
    assert set(switching.MEANINGS) == set(Mode)


@pytest.mark.parametrize("standing", [True, False])
def test_whoever_wonders_is_told_who_switched_before(monkeypatch: pytest.MonkeyPatch, standing: bool) -> None:
    """What holds now comes first, then the last switches; without an item they are shown all the same."""
    lowered = NOW.model_copy(update={"mode": Mode.OFF, "reason": "a bad night", "by": "ben"})

    async def history() -> tuple[Control | None, Sequence[Control]]:
        return NOW if standing else None, [NOW, lowered]

    monkeypatch.setattr(switching, "_history", history)
    result = typed("mode", "get", "--output", "text")
    first = "now" if standing else "before"
    assert [line.split("\t") for line in result.stdout.splitlines()] == [
        [first, "active", "2026-03-01T00:00:00+00:00", "ana", "trial"],
        ["before", "off", "2026-03-01T00:00:00+00:00", "ben", "a bad night"],
    ]
    assert result.exit_code == (0 if standing else 1)


def test_without_credentials_nothing_is_read() -> None:
    """A shell without credentials is told so, with the exit code for it."""
    result = typed("mode", "get")
    assert result.exit_code == 253, result.stderr
