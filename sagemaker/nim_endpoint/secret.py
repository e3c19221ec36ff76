"""The NGC key: from a file, a variable or standard input into Secrets Manager, and from there into nothing else.

Only the route `ecr` reads it back, because its container fetches the weights from NGC: there it stands in the model's
environment, where DescribeModel shows it to whoever may call that.
"""

import logging
import os
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from botocore.exceptions import ClientError

from autocloudops import aws
from autocloudops.errors import InputUnreadable, ServiceFailed, SettingsInvalid

LONGEST_KEY = 1024
MISSING = "ResourceNotFoundException"
DESCRIPTION = "The NGC key of autocloudops endpoint"
MADE_BY = "put the key there with `autocloudops endpoint key`"
CURRENT = "AWSCURRENT"
SHOWN = 8
"""So many characters of a key in a row, and it counts as shown."""


def key_of(path: Path | None, variable: str | None, stream: TextIO) -> str:
    """Return the key from a file, else from an environment variable, else from `stream`.

    Raises:
        InputUnreadable: the file cannot be read.
        SettingsInvalid: it is empty, or no one word; the message never holds it.
    """
    if path:
        said, source = _file(path), str(path)
    elif variable:
        said, source = os.environ.get(variable, ""), f"the variable {variable}"
    else:
        said, source = stream.read(LONGEST_KEY + 2), "standard input"
    key = said.strip()
    if not key or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsInvalid(f"{source} holds no key", f"it is one word of at most {LONGEST_KEY} characters")
    return key


async def put(client: Any, name: str, key: str) -> str:  # noqa: ANN401 - aiobotocore's clients are made at run time
    """Keep the key as the text of a secret, and return the version; an equal one makes no new version.

    The foundation stack makes the secret without any text; where there is no secret it is made here.

    Raises:
        ServiceFailed: Secrets Manager did not take it.
    """
    operation = "secretsmanager:PutSecretValue"
    with aws.translated(operation, name), unlogged(), unspoken(key, operation, name):
        kept = await _unless_missing(client.get_secret_value(SecretId=name))
        if kept and kept.get("SecretString") == key:
            return str(kept["VersionId"])
        made = await _unless_missing(client.put_secret_value(SecretId=name, SecretString=key))
        made = made or await client.create_secret(Name=name, SecretString=key, Description=DESCRIPTION)
    return str(made["VersionId"])


async def version(client: Any, name: str) -> str:  # noqa: ANN401 - likewise
    """Return the version of the secret that is current, without reading its text.

    Raises:
        SettingsInvalid: there is no such secret, or it is empty.
        ServiceFailed: Secrets Manager does not say.
    """
    with aws.translated("secretsmanager:DescribeSecret", name):
        said = await _unless_missing(client.describe_secret(SecretId=name))
    if said is None:
        raise SettingsInvalid(f"there is no secret {name}", MADE_BY)
    for version_id, stages in said.get("VersionIdsToStages", {}).items():
        if CURRENT in stages:
            return str(version_id)
    raise SettingsInvalid(f"the secret {name} is empty", MADE_BY)


async def text(client: Any, name: str) -> str:  # noqa: ANN401 - likewise
    """Return the text of the secret.

    Raises:
        ServiceFailed: Secrets Manager does not say.
    """
    with aws.translated("secretsmanager:GetSecretValue", name), unlogged():
        said = await client.get_secret_value(SecretId=name)
    return str(said["SecretString"])


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep SDKs from logging a request or an answer: at the level DEBUG they write it whole."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.DEBUG))
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def unspoken(key: str | None, operation: str, target: str) -> Iterator[None]:
    """Keep the key out of what is raised: a refusal may repeat what was in the request, whole or cut.

    Raises:
        ServiceFailed: in the place of an error whose words show the key, without that error as its cause.
    """
    try:
        yield
    except Exception as error:
        if key is None or not _shows(f"{error}", key):
            raise
        kind = aws.error_code(error) or type(error).__name__
        raise ServiceFailed(operation, target, f"{kind}, whose words are withheld because they hold the key") from None


def _shows(text: str, key: str) -> bool:
    return any(key[start : start + SHOWN] in text for start in range(max(len(key) - SHOWN, 0) + 1))


async def _unless_missing(call: Awaitable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what a call answers, or None where the secret, or its text, is not there."""
    try:
        return await call
    except ClientError as error:
        if aws.error_code(error) != MISSING:
            raise
        return None


def _file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST_KEY + 2)
    except (OSError, UnicodeDecodeError) as error:
        raise InputUnreadable(f"{path} cannot be read", "name the file that holds the key") from error
