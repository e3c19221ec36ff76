"""A sandbox that a shell has started, as `autocloudops sandbox` does."""

import json
import signal
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path

import pytest
from processes import STOP_SECONDS, clean_environment, command, started


@pytest.fixture(scope="session")
def sandbox_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment of a shell that works against a running sandbox."""
    errors: Path = tmp_path_factory.mktemp("sandbox") / "stderr"
    with started(command("sandbox", "--output", "json"), clean_environment(), errors) as process:
        assert process.stdout is not None
        document = "".join(takewhile(lambda line: line != "}\n", process.stdout)) + "}"
        yield clean_environment() | json.loads(document)
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0
