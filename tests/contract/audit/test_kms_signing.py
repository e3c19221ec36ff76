from contextlib import AsyncExitStack
from typing import Any

import pytest
from audit_history import History, write_history
from memory_audit import MemoryObjects

from autocloudops import aws
from autocloudops.audit.digesting import Digester
from autocloudops.audit.findings import Kind
from autocloudops.audit.signing import KmsSigner, TrustedKeys, kms_public_key, name_of
from autocloudops.errors import ServiceFailed, SettingsInvalid


@pytest.fixture
async def kms(emulator: str, stack: AsyncExitStack) -> Any:  # noqa: ANN401 - a client without stubs
    """A KMS client on the emulator."""
    assert emulator
    calls = aws.config(read_timeout_seconds=10)
    return await stack.enter_async_context(aws.session().create_client("kms", config=calls))


@pytest.fixture
def digests_are_signed(request: pytest.FixtureRequest) -> None:
    """Skips an emulator that hashes what it is asked to sign, although it is told that it is a hash already."""
    if request.node.callspec.params["emulator"] == "moto":
        pytest.skip("moto 5.2.5 ignores MessageType=DIGEST, and signs the hash of the hash")


async def new_key(kms: Any, spec: str = "ECC_NIST_P256") -> str:  # noqa: ANN401 - likewise
    """Create a key that signs, and return its id."""
    made = await kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
    return str(made["KeyMetadata"]["KeyId"])


@pytest.mark.usefixtures("digests_are_signed")
async def test_what_kms_signs_is_verified_without_it(kms: Any) -> None:  # noqa: ANN401 - likewise
    """A digest's signature, over more than KMS takes in one message, holds under the public key alone."""
    signer = KmsSigner(kms, await new_key(kms))
    trusted = TrustedKeys([await signer.public_key()])
    message = b"digest" * 2_000
    signature = await signer.sign(message)
    name = name_of(await signer.public_key())
    assert trusted.holds(name, message, signature)
    assert not trusted.holds(name, message + b".", signature)
    assert not trusted.holds(name, message, signature[:-1])


@pytest.mark.usefixtures("digests_are_signed")
async def test_an_audit_whose_digests_kms_signed_verifies(kms: Any) -> None:  # noqa: ANN401 - likewise
    """A chain of digests by a key in KMS is clean, and another key of the same account proves nothing."""
    history = History(MemoryObjects())
    async with history.writing() as writer:
        await history.write_object(writer)
    history.pass_hour()
    history.pass_hour()
    key, other = await new_key(kms), await new_key(kms)
    digester = Digester(history.objects, history.registry, KmsSigner(kms, key), history.clock)
    assert len([made async for made in digester.make()]) == 2
    assert await history.kinds(TrustedKeys([await kms_public_key(kms, key)])) == []
    assert await history.kinds(TrustedKeys([await kms_public_key(kms, other)])) == [Kind.WRONG_KEY] * 2


async def test_a_key_on_another_curve_is_refused(kms: Any) -> None:  # noqa: ANN401 - likewise
    """Only the one key spec that digests name is taken."""
    key = await new_key(kms, "ECC_NIST_P384")
    with pytest.raises(SettingsInvalid, match="P-256"):
        await kms_public_key(kms, key)


async def test_a_key_that_is_not_there_is_named(kms: Any) -> None:  # noqa: ANN401 - likewise
    """A wrong key id is an error that carries it, and nothing is signed."""
    missing = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(ServiceFailed, match=missing):
        await KmsSigner(kms, missing).sign(b"digest")
    history = History(MemoryObjects())
    await write_history(history, hours=1)
    with pytest.raises(ServiceFailed, match=missing):
        await Digester(history.objects, history.registry, KmsSigner(kms, missing), history.clock).make().__anext__()
