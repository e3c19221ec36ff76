"""The NGC key: from a file, a variable or standard input into Secrets Manager, and from there into nothing else.

Only the route `ecr` reads it back, because its container fetches the weights from NGC: there it stands in the model's
environment, where DescribeModel shows it to whoever may call that.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from botocore.exceptions import ClientError

from autocloudops import aws
from autocloudops.errors import InputUnreadable, SettingsInvalid

LONGEST_KEY = 1024
EXISTS = "ResourceExistsException"
MISSING = "ResourceNotFoundException"
DESCRIPTION = "The NGC key of autocloudops endpoint"


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

    Raises:
        ServiceFailed: Secrets Manager did not take it.
    """
    with aws.translated("secretsmanager:PutSecretValue", name), unlogged():
        try:
            if (kept := await client.get_secret_value(SecretId=name)).get("SecretString") == key:
                return str(kept["VersionId"])
            made = await client.put_secret_value(SecretId=name, SecretString=key)
        except ClientError as error:
            if aws.error_code(error) != MISSING:
                raise
            made = await client.create_secret(Name=name, SecretString=key, Description=DESCRIPTION)
    return str(made["VersionId"])


async def version(client: Any, name: str) -> str:  # noqa: ANN401 - likewise
    """Return the version of the secret that is current, without reading its text.

    Raises:
        SettingsInvalid: there is no such secret.
        ServiceFailed: Secrets Manager does not say.
    """
    with aws.translated("secretsmanager:DescribeSecret", name):
        try:
            said = await client.describe_secret(SecretId=name)
        except ClientError as error:
            if aws.error_code(error) != MISSING:
                raise
            raise SettingsInvalid(f"there is no secret {name}", "make it with `autocloudops endpoint key`") from error
    stages = said.get("VersionIdsToStages", {})
    return next((each for each, stage in sorted(stages.items()) if "AWSCURRENT" in stage), "")


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


def _file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST_KEY + 2)
    except (OSError, UnicodeDecodeError) as error:
        raise InputUnreadable(f"{path} cannot be read", "name the file that holds the key") from error
