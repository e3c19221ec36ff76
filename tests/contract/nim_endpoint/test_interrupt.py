"""A real process with the SageMaker SDK, and a real signal."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploying import HANDS, NO_SDK
from processes import STOP_SECONDS, clean_environment, command, started, until
from running_plane import KIND, PLACE, running_plane

from autocloudops.clock import SystemClock

VALUES = ("account=123456789012", "weights=s3://bucket/w/", "role=arn:aws:iam::123456789012:role/endpoint")
SPEC = ("llm-s3", *(word for value in VALUES for word in ("--set", value)))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let a process that is started here hear SIGINT: a shell lets its background jobs and their children ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
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
            process.send_signal(signal.SIGINT)
            assert process.wait(STOP_SECONDS) == 130
        assert "nothing is lost" in errors.read_text()
        assert "Traceback" not in errors.read_text()
        assert plane.calls.count("CreateEndpoint") == 1
        assert "DeleteEndpoint" not in plane.calls
