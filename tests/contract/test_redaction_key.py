from contextlib import AsyncExitStack
from secrets import token_hex
from typing import Any, cast
from uuid import uuid4

import pytest

from autocloudops import aws
from autocloudops.entrypoints.redacting import open_redaction
from autocloudops.errors import SettingsInvalid, TargetMissing
from autocloudops.redaction import configure, redact
from autocloudops.settings import RedactionSettings

SAID = "login failed: password=" + "correct-horse-" + "battery"


async def kept(stack: AsyncExitStack, text: str) -> str:
    """Keep a secret in the emulator, and return its name."""
    client = await stack.enter_async_context(aws.session().create_client("secretsmanager"))
    name = f"t{uuid4().hex}"
    await cast("Any", client).create_secret(Name=name, SecretString=text)
    return name


@pytest.mark.usefixtures("emulator")
async def test_workers_with_one_key_write_one_placeholder(stack: AsyncExitStack) -> None:
    """Equal secrets are equal in the records of all workers that share a key, and different under another."""
    ours, others = await kept(stack, token_hex(32)), await kept(stack, token_hex(32))
    written = []
    for name in (ours, ours, others):
        await open_redaction(RedactionSettings(key_secret=name))
        written.append(redact(SAID))
    assert written[0] == written[1] != written[2]
    assert "battery" not in "".join(written)


@pytest.mark.usefixtures("emulator")
async def test_a_key_that_is_none_stops_the_worker(stack: AsyncExitStack) -> None:
    """A worker whose key is missing or short does not start with one of its own, which nobody else has."""
    with pytest.raises(TargetMissing):
        await open_redaction(RedactionSettings(key_secret="no-such-secret"))
    short = await kept(stack, "short")
    with pytest.raises(SettingsInvalid):
        await open_redaction(RedactionSettings(key_secret=short))


def test_addresses_are_replaced_where_a_team_wants_it() -> None:
    """An address is evidence by default, and personal data where the settings say so."""
    address = "203.0.113.9"
    configure()
    assert address in redact(f"refused from {address}")
    configure(addresses=True)
    assert address not in redact(f"refused from {address}")
    configure()
