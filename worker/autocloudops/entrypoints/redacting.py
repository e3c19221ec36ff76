"""How this process redacts, before it reads any text."""

from contextlib import AsyncExitStack
from typing import cast

from autocloudops import aws
from autocloudops.clock import SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.inference.keys import SecretsClient, SecretsManagerKey
from autocloudops.redaction import configure
from autocloudops.settings import RedactionSettings


async def open_redaction(settings: RedactionSettings) -> None:
    """Choose the key of placeholders, and what is replaced beside secrets.

    Raises:
        SettingsInvalid: the secret holds no key, or a short one.
        ServiceFailed: it cannot be read.
    """
    configure(await _key(settings.key_secret) if settings.key_secret else None, addresses=settings.addresses)


async def _key(secret: str) -> bytes:
    async with AsyncExitStack() as stack:
        calls = aws.config(read_timeout_seconds=wiring.CALL_SECONDS, attempts=wiring.CALL_ATTEMPTS)
        client = cast("SecretsClient", await wiring.open_client(stack, "secretsmanager", calls))
        key = await SecretsManagerKey(client, secret, SystemClock()).current()
    return key.get_secret_value().encode()
