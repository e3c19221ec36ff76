import json
import subprocess
from pathlib import Path

from processes import clean_environment, command

DEADLINE_SECONDS = 280
STEPS = (
    "an alarm is acted on",
    "a second delivery does nothing",
    "it is verified after the alarm is OK",
    "an action that did not help is rolled back",
    "the kill switch stops the next",
)


def test_the_demo_acts_once_verifies_takes_back_and_stops(tmp_path: Path) -> None:
    """A worker in mode active scales one service by one execution, and every step that the demo shows holds."""
    demo = subprocess.run(  # noqa: S603 - our own program
        command("demo", "--mode", "active", "--output", "json", "--folder", str(tmp_path)),
        env=clean_environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    steps = json.loads(demo.stdout)
    assert tuple(step["step"] for step in steps) == STEPS
    assert [step["holds"] for step in steps] == [True] * len(STEPS)
    assert steps[0]["seen"] == "desired count 6, 1 execution(s)"
    assert steps[1]["seen"] == steps[0]["seen"]
    assert steps[2]["seen"] == "verified"
    assert "Traceback" not in (tmp_path / "worker.log").read_text()
