import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from placeholders import bare

from autocloudops.telemetry import JsonLines, configure_logging

SECRET = "correct-horse-battery"


def written(message: object, *arguments: object, failure: BaseException | None = None) -> dict[str, Any]:
    """Return the one line that a record becomes, read back."""
    trace = (type(failure), failure, failure.__traceback__) if failure else None
    record = logging.LogRecord("autocloudops.queue", logging.WARNING, __file__, 1, message, arguments, trace)
    record.created = datetime(2026, 3, 1, 12, 0, 0, 125000, UTC).timestamp()
    (line,) = JsonLines().format(record).splitlines()
    return cast("dict[str, Any]", json.loads(line))


def failing(text: str) -> ValueError:
    """Return an error that has been raised once, so that it has a traceback."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is the caller's
        fail(text)
    return raised.value


def fail(text: str) -> None:
    """Raise an error that says `text`."""
    raise ValueError(text)


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The root logger, whose handlers and levels are put back after the test; nothing is disabled for all meanwhile."""
    monkeypatch.setattr(logging.root.manager, "disable", logging.NOTSET)
    logger, ours = logging.getLogger(), logging.getLogger("autocloudops")
    handlers, level, our_level = logger.handlers[:], logger.level, ours.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)
    ours.setLevel(our_level)


def test_a_record_is_one_json_object() -> None:
    """Time, level, logger and the message with its arguments are what a log query needs."""
    assert written("%d messages of %s", 3, "queue") == {
        "time": "2026-03-01T12:00:00.125+00:00",
        "level": "WARNING",
        "logger": "autocloudops.queue",
        "message": "3 messages of queue",
    }


@pytest.mark.parametrize("text", ["first\nsecond", "a\r\nb", 'quote " and \\', "지연 p99", "a\u2028b\x85c\x9b31m"])
def test_a_message_stays_on_its_line(text: str) -> None:
    """Text from outside can neither start a second line nor end the object."""
    assert written("%s", text)["message"] == text


def test_a_message_is_redacted_after_its_arguments_are_in() -> None:
    """A secret in an argument is as secret as one in the format."""
    assert bare(written("password=%s", SECRET)["message"]) == "password=<password>"
    assert bare(written("cannot open %s", f"https://worker:{SECRET}@sqs.example/1")["message"]) == (
        "cannot open https://worker:<url-password>@sqs.example/1"
    )


def test_a_traceback_is_kept_and_redacted() -> None:
    """Who reads the log sees where it failed, and no secret that the error carried."""
    line = written("sweeping failed", failure=failing(f"cannot log in with password={SECRET}"))
    assert line["message"] == "sweeping failed"
    assert "test_telemetry.py" in line["exception"]
    assert bare(line["exception"]).splitlines()[-1] == "ValueError: cannot log in with password=<password>"
    assert SECRET not in json.dumps(line)


def test_the_cause_of_a_failure_is_redacted_too() -> None:
    """A traceback holds the errors behind the error; none of them shows a secret."""
    outer = failing("the queue is not there")
    outer.__cause__ = failing(f"Authorization: Bearer {SECRET}-0123456789")
    exception = written("failed", failure=outer)["exception"]
    assert SECRET not in exception
    assert "<authorization:" in exception


def test_a_record_without_a_failure_names_none() -> None:
    """An `exception` in a line means that there was one."""
    assert "exception" not in written("fine")


def test_logs_go_to_standard_error(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is for results; everything from the level upwards goes to standard error, line by line."""
    configure_logging("INFO")
    logging.getLogger("autocloudops.queue").info("worker started")
    logging.getLogger("autocloudops.queue").debug("not now")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [json.loads(line)["message"] for line in captured.err.splitlines()] == ["worker started"]
    assert len(root.handlers) == 1


def test_libraries_only_warn(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """At level DEBUG our own records are written, and of a library's only warnings: they may hold whole requests."""
    configure_logging("DEBUG")
    library = logging.getLogger("botocore.endpoint")
    library.info("sending a request")
    library.warning("connection pool is full")
    logging.getLogger("autocloudops.audit").debug("committed")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == [
        "connection pool is full",
        "committed",
    ]
    assert root.level == logging.WARNING


def test_configuring_twice_writes_once(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """The last configuration counts alone, so that no line is doubled."""
    configure_logging("DEBUG")
    configure_logging("ERROR")
    logging.getLogger("autocloudops").warning("quiet")
    logging.getLogger("autocloudops").error("once")
    assert len(capsys.readouterr().err.splitlines()) == 1
    (handler,) = root.handlers
    assert cast("logging.StreamHandler[Any]", handler).stream is sys.stderr
