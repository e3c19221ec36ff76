"""The cache of a key from Secrets Manager, in virtual time."""

import asyncio
from collections.abc import Mapping

import pytest
from botocore.exceptions import EndpointConnectionError
from virtual_time import VirtualClock, run

from autocloudops.errors import ServiceUnavailable
from autocloudops.inference.keys import SecretsManagerKey


class Secrets:
    """A Secrets Manager whose secret is the number of times that it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def get_secret_value(self, **asked: str) -> Mapping[str, object]:
        assert asked == {"SecretId": "prod/nim"}
        self.asked += 1
        await asyncio.sleep(0.1)
        return {"SecretString": f"key-{self.asked}"}


def test_a_key_is_kept_for_five_minutes() -> None:
    """Concurrent requests read it once, and it is read again five minutes later."""

    async def main() -> None:
        secrets = Secrets()
        keys = SecretsManagerKey(secrets, "prod/nim", VirtualClock())
        first = await asyncio.gather(*(keys.current() for _ in range(10)))
        assert {key.get_secret_value() for key in first} == {"key-1"}
        await asyncio.sleep(299)
        assert (await keys.current()).get_secret_value() == "key-1"
        await asyncio.sleep(2)
        assert (await keys.current()).get_secret_value() == "key-2"
        assert secrets.asked == 2

    run(main())


def test_a_rejected_key_is_read_again_once_for_all() -> None:
    """Requests that fail together over an old key read the new one once; one just read is not read again."""

    async def main() -> None:
        secrets = Secrets()
        keys = SecretsManagerKey(secrets, "prod/nim", VirtualClock())
        old = await keys.current()
        assert await keys.renewed(old) == old
        await asyncio.sleep(11)
        newer = await asyncio.gather(*(keys.renewed(old) for _ in range(10)))
        assert {key.get_secret_value() for key in newer} == {"key-2"}
        assert await keys.renewed(old) == newer[0]
        assert secrets.asked == 2

    run(main())


class Down(Secrets):
    """A Secrets Manager that answers once, and is away from then on."""

    async def get_secret_value(self, **asked: str) -> Mapping[str, object]:
        if self.asked:
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")
        return await super().get_secret_value(**asked)


def test_a_key_outlives_secrets_manager() -> None:
    """A key that was read once is used on while nobody can read it again; a first read that fails is an error."""

    async def main() -> None:
        secrets = Down()
        keys = SecretsManagerKey(secrets, "prod/nim", VirtualClock())
        first = await keys.current()
        await asyncio.sleep(301)
        assert await keys.current() == first
        with pytest.raises(ServiceUnavailable):
            await SecretsManagerKey(secrets, "prod/nim", VirtualClock()).current()

    run(main())
