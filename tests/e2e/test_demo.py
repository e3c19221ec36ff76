import json
import shlex
import subprocess
from pathlib import Path

from processes import clean_environment, command

DEADLINE_SECONDS = 150


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command line in `folder` to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        command(*arguments),
        env=clean_environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


def test_the_demo_answers_every_message_and_shows_a_decision(tmp_path: Path) -> None:
    """The demo passes its own check, its numbers add up, it names the stand-in, and the command it prints works."""
    demo = run(tmp_path, "demo", "--output", "json")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    summary = json.loads(demo.stdout)
    assert summary["differences"] == []
    assert summary["model"] == "simulated/rules"
    decisions = sum(summary["decisions"].values())
    endings = (decisions, *(summary[ending] for ending in ("joined", "repeated", "ok", "context")))
    assert sum(summary["sent"].values()) == sum(endings) + sum(summary["parked"].values())
    assert summary["alarms"] >= 60
    assert summary["incidents"] == decisions
    assert summary["model_requests"] < summary["alarms"]
    assert summary["decisions"].keys() == {"dry_run", "manual", "suppressed"}
    assert summary["decisions"]["dry_run"] == sum(summary["proposals"].values()) >= 3

    program, *shown = shlex.split(summary["show"])
    show = run(tmp_path, *shown)
    assert program == "autocloudops"
    assert show.returncode == 0, show.stderr
    assert "shop/checkout (ecs:service)" in show.stdout.splitlines()[0]
    assert "simulated/rules" in show.stdout

    listed = run(tmp_path, "audit", "ls", "--location", summary["audit"], "--output", "json", "--limit", "1000")
    assert len(listed.stdout.splitlines()) == decisions
