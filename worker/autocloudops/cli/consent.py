"""Who is at the command line, and whether they really want it."""

import sys
from contextlib import AsyncExitStack
from typing import Any

import typer

from autocloudops import aws
from autocloudops.entrypoints import wiring
from autocloudops.values import Value

CALL_SECONDS = 10
CALL_ATTEMPTS = 3
IDENTITY = "sts:GetCallerIdentity"


class Person(Value):
    """Whom AWS takes the caller for."""

    arn: str
    account: str


async def caller(stack: AsyncExitStack) -> Person:
    """Return who the credentials of this shell are.

    Raises:
        SettingsInvalid: there are none.
        ServiceFailed: STS does not say.
    """
    calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=CALL_ATTEMPTS)
    client: Any = await wiring.open_client(stack, "sts", calls)
    with aws.translated(IDENTITY, "these credentials"):
        said = await client.get_caller_identity()
    return Person(arn=said["Arn"], account=said["Account"])


def agreed(question: str, *, yes: bool) -> bool:
    """Return whether the person wants it: they said so already, or say so now.

    Raises:
        typer.BadParameter: nobody is there to be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody is at a terminal to be asked: give --yes")
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        return False
