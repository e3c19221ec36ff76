"""A real process with the SageMaker SDK, and a real signal."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import pytest
from deploying import HANDS, NO_SDK
from processes import clean_environment, command, started, until
from running_plane import KIND, PLACE, running_plane

from autocloudops.clock import SystemClock

VALUES = ("account=123456789012", "weights=s3://bucket/w/", "role=arn:aws:iam::123456789012:role/endpoint")
SPEC = ("llm-s3", *(word for value in VALUES for word in ("--set", value)))


def interrupted(process: Popen[str]) -> int:
    """Interrupt a process as people do, and return its exit code.

    Python drops a KeyboardInterrupt that falls into a destructor of some library: then people press the keys again.
    """
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with suppress(TimeoutExpired):
            return process.wait(20)
    raise AssertionError("three interrupts changed nothing")


@pytest.mark.skipif("sdk" not in HANDS, reason=NO_SDK)
def test_ctrl_c_leaves_what_was_begun_and_says_how_to_go_on(tmp_path: Path) -> None:
    """SIGINT while the endpoint starts: exit 130, one line of advice, and the endpoint goes on starting."""
    errors = tmp_path / "errors"
    with running_plane(quotas={KIND: 1}, clock=SystemClock()) as plane:
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": PLACE.region}
        environment = {**clean_environment(), **plane.environment(), **keys, "AWS_CONFIG_FILE": os.devnull}
        arguments = command("endpoint", "ensure", *SPEC, "--consumer", "team-a", "--yes")
        with started(arguments, environment, errors) as process:
            until(lambda: "wait autocloudops-llm: Creating" in errors.read_text(), "it waits", seconds=90)
            assert interrupted(process) == 130
        assert "nothing is lost" in errors.read_text()
        assert "Traceback" not in errors.read_text()
        assert plane.calls.count("CreateEndpoint") == 1
        assert "DeleteEndpoint" not in plane.calls
