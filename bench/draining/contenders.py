"""Who drains: how each is installed and started, and whether it needs messages of its own making."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import executable

from bench.draining.installing import NODE, Installed, Kit

APPS = Path(__file__).with_name("apps")
SLOTS = 64
DEFAULT, LEAN, SQUISS = "AutoCloudOps", "AutoCloudOps, lean transport", "squiss-ts"


@dataclass(frozen=True, slots=True)
class Contender:
    """One consumer.

    Args:
        name: for the tables.
        kit: what to install, None for what runs the bench.
        command: to start it, by where its kit is.
        sender: to send messages in its own envelope, None where any body will do.
        environment: beside what every app is told.
    """

    name: str
    kit: Kit | None
    command: Callable[[Installed], Sequence[str]]
    sender: Callable[[Installed], Sequence[str]] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def ours(name: str, transport: str, app: str = "ours.py") -> Contender:
    """Return the worker's own consumer on one of its transports."""
    return Contender(
        name,
        None,
        lambda _: [executable, str(APPS / app)],
        environment={"AUTOCLOUDOPS_QUEUE_TRANSPORT": transport},
    )


def _node(app: str) -> Callable[[Installed], Sequence[str]]:
    return lambda home: [str(home.node / "bin" / "node"), str(APPS / app)]


def _python(app: str) -> Callable[[Installed], Sequence[str]]:
    return lambda home: [home.python, str(APPS / app)]


CELERY = ("-A", "celery_app", "worker", "-P", "threads", "-c", str(SLOTS), "-l", "ERROR")
CELERY_ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")
DRAMATIQ = ("dramatiq_app", "-p", "1", "-t", str(SLOTS), "--path", str(APPS))
TASKIQ = ("worker", "taskiq_app:broker", "--workers", "1", "--max-async-tasks", str(SLOTS), "--app-dir", str(APPS))
TASKIQ_LATE = ("--ack-type", "when_executed", "--log-level", "ERROR")

NPM = Kit("npm", NODE, ("squiss-ts@5.6.0", "sqs-consumer@15.0.3"))
CONTENDERS: Sequence[Contender] = (
    ours(DEFAULT, "aiobotocore"),
    ours(LEAN, "lean"),
    Contender(SQUISS, NPM, _node("squiss.mjs")),
    Contender("sqs-consumer, 6 x handleMessageBatch", NPM, _node("sqs_consumer.mjs")),
    Contender(
        "Powertools async batch, 6 boto3 pollers",
        Kit("powertools", ("aws-lambda-powertools==3.37.0", "boto3>=1.43,<2")),
        _python("powertools_app.py"),
    ),
    Contender(
        "taskiq-aio-sqs, 64 tasks",
        Kit("taskiq", ("taskiq==0.13.0", "taskiq-aio-sqs==2.1.1", "uvloop")),
        lambda home: [home.script("taskiq"), *TASKIQ, *TASKIQ_LATE],
        _python("taskiq_app.py"),
    ),
    Contender(
        "celery[sqs], 64 threads",
        Kit("celery", ("celery[sqs]==5.7.0",)),
        lambda home: [home.script("celery"), *CELERY, *CELERY_ALONE],
        _python("celery_app.py"),
    ),
    Contender(
        "dramatiq-sqs, 64 threads",
        Kit("dramatiq", ("dramatiq-sqs==0.4.4",)),
        lambda home: [home.script("dramatiq"), *DRAMATIQ],
        _python("dramatiq_app.py"),
    ),
)
