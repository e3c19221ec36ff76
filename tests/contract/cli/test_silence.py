import json

import pytest
from typer.testing import CliRunner

from autocloudops.cli.app import app
from autocloudops.sandbox import SandboxResources

OWNER = "111122223333/eu-west-1/ecs-service/shop/checkout"


@pytest.fixture
def run(deployed: SandboxResources) -> CliRunner:
    """Return a runner whose commands meet a state table of their own."""
    assert deployed.state_table
    return CliRunner()


def add(run: CliRunner, *, owner: str = OWNER, span: str = "2h", reason: str = "deploy 4512") -> int:
    """Silence an owner and return the exit code."""
    arguments = ["silence", "add", "--owner", owner, "--for", span, "--reason", reason, "--by", "ana"]
    return run.invoke(app, arguments).exit_code


def test_a_silence_is_kept_listed_and_lifted(run: CliRunner) -> None:
    """What one person silences, everybody sees with its reason, and anybody can end."""
    assert add(run) == 0
    listed = json.loads(run.invoke(app, ["silence", "list", "--output", "json"]).stdout)
    assert (listed["owner"], listed["by"], listed["reason"]) == (OWNER, "ana", "deploy 4512")
    assert run.invoke(app, ["silence", "lift", "--owner", OWNER]).exit_code == 0
    assert run.invoke(app, ["silence", "list", "--output", "json"]).stdout == ""
    assert run.invoke(app, ["silence", "lift", "--owner", OWNER]).exit_code == 1


@pytest.mark.parametrize(
    ("owner", "span", "reason"),
    [
        ("checkout", "2h", "deploy"),
        (OWNER, "25h", "deploy"),
        (OWNER, "0m", "deploy"),
        (OWNER, "soon", "deploy"),
        (OWNER, "2h", ""),
    ],
)
def test_a_silence_needs_owner_expiry_and_reason(run: CliRunner, owner: str, span: str, reason: str) -> None:
    """No silence is open-ended, longer than a day, or without a reason; a wrong one is a usage error."""
    assert add(run, owner=owner, span=span, reason=reason) == 252
    assert run.invoke(app, ["silence", "list", "--output", "json"]).stdout == ""
