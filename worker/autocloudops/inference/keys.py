"""Where the key of a model endpoint comes from: the environment, or Secrets Manager."""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from logging import getLogger
from typing import Any, Protocol

from pydantic import SecretStr

from autocloudops import aws
from autocloudops.clock import Clock
from autocloudops.errors import ServiceUnavailable, SettingsInvalid, Throttled

log = getLogger(__name__)

KEEP_SECONDS = 300.0
# A key that was read this short a time ago is not read again, however many requests it fails.
FRESH_SECONDS = 10.0
FIELD = "api_key"
VISIBLE_ASCII = r"[\x21-\x7e]+"


class KeyProvider(Protocol):
    """Gives the key of an endpoint; its text is in no message, log or repr."""

    async def current(self) -> SecretStr:
        """Return the key.

        Raises:
            SettingsInvalid: there is none, or it is no key.
            ServiceFailed: it could not be read.
        """
        ...

    async def renewed(self, rejected: SecretStr) -> SecretStr:
        """Return the key after the endpoint refused `rejected`; the same again where there is no newer one."""
        ...


class SecretsClient(Protocol):
    """The one call of an aiobotocore secretsmanager client that is used here."""

    async def get_secret_value(self, **asked: str) -> Mapping[str, Any]:
        """Return the secret with the id `SecretId`."""
        ...


class EnvironmentKey:
    """A key in an environment variable.

    Args:
        variable: the variable's name.
    """

    def __init__(self, variable: str) -> None:
        self._variable = variable

    async def current(self) -> SecretStr:
        """Return the key."""
        return _checked(os.environ.get(self._variable, ""), self._variable, "set it to the endpoint's key")

    async def renewed(self, rejected: SecretStr) -> SecretStr:
        """Return `rejected`: the environment of a process does not change."""
        return rejected


class SecretsManagerKey:
    """A key in Secrets Manager: the secret's text, or its field `api_key` where it is a JSON object.

    Args:
        client: a secretsmanager client.
        secret_id: the secret's name or ARN.
        clock: time for the cache of five minutes.
    """

    def __init__(self, client: SecretsClient, secret_id: str, clock: Clock) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._lock = asyncio.Lock()
        self._key: SecretStr | None = None
        self._read_at = 0.0

    async def current(self) -> SecretStr:
        """Return the key, read again every five minutes; while Secrets Manager is down the old one is used on."""
        try:
            return await self._younger_than(KEEP_SECONDS)
        except (ServiceUnavailable, Throttled) as error:
            if self._key is None:
                raise
            log.warning("the key that was read before is used on: %s", error)
            return self._key

    async def renewed(self, rejected: SecretStr) -> SecretStr:
        """Return the key after `rejected` was refused, read again unless that has just been done."""
        if self._key not in {None, rejected}:
            return await self.current()
        return await self._younger_than(FRESH_SECONDS)

    async def _younger_than(self, seconds: float) -> SecretStr:
        async with self._lock:
            if self._key is None or self._clock.monotonic() - self._read_at >= seconds:
                self._key = await self._read()
                self._read_at = self._clock.monotonic()
            return self._key

    async def _read(self) -> SecretStr:
        with aws.translated("secretsmanager:GetSecretValue", self._secret_id):
            answer = await self._client.get_secret_value(SecretId=self._secret_id)
        advice = f"make it the key itself, or a JSON object with the field {FIELD}"
        return _checked(_field(str(answer.get("SecretString") or "")), self._secret_id, advice)


def _field(secret: str) -> str:
    try:
        parsed = json.loads(secret)
    except (ValueError, RecursionError):
        return secret
    return str(parsed.get(FIELD, "")) if isinstance(parsed, dict) else secret


def _checked(text: str, where: str, advice: str) -> SecretStr:
    """Return the key, if it can stand in a header; the message does not show it."""
    if not re.fullmatch(VISIBLE_ASCII, text.strip()):
        raise SettingsInvalid(f"{where} holds no key", advice)
    return SecretStr(text.strip())
