"""`endpoint key`: the NGC key into Secrets Manager, never by way of the command line."""

import asyncio
import io
import sys
from contextlib import AsyncExitStack
from getpass import getpass
from pathlib import Path
from typing import TextIO

from autocloudops.cli.endpoint import opening
from autocloudops.cli.output import Output, note, print_json
from nim_endpoint import secret as secrets


def keep_key(secret: str, file: Path | None, variable: str | None, region: str | None, output: Output) -> None:
    """Keep the key as the text of a secret, and say which version it is.

    Args:
        secret: the secret's name.
        file: where it is read from; else
        variable: the environment variable that holds it; else standard input, unseen on a terminal.
        region: the secret's region.
        output: how the version is told.

    Raises:
        InputUnreadable: the file cannot be read.
        SettingsInvalid: it is no key.
        ServiceFailed: Secrets Manager did not take it.
    """
    key = secrets.key_of(file, variable, _typed(asks=not (file or variable)))
    version = asyncio.run(_kept(secret, key, region))
    if output is Output.JSON:
        print_json({"secret": secret, "version": version})
    else:
        note(f"{secret} holds the key, version {version}")


def _typed(*, asks: bool) -> TextIO:
    return io.StringIO(getpass("NGC key: ")) if asks and sys.stdin.isatty() else sys.stdin


async def _kept(name: str, key: str, region: str | None) -> str:
    async with AsyncExitStack() as stack:
        return await secrets.put(await opening.opened(stack, "secretsmanager", region), name, key)
