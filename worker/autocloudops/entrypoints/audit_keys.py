"""Which key signs digests, and which keys are trusted: a PEM file, or `kms://` and a key's id, ARN or alias."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from autocloudops import aws
from autocloudops.audit.signing import (
    KmsSigner,
    LocalSigner,
    Signer,
    TrustedKeys,
    kms_public_key,
    private_key_in,
    public_key_in,
)
from autocloudops.entrypoints import wiring
from autocloudops.errors import SettingsInvalid

KMS = "kms://"
CALL_SECONDS = 10
CALL_ATTEMPTS = 3


async def open_signer(stack: AsyncExitStack, key: str) -> Signer:
    """Open the key that digests are signed with.

    Raises:
        SettingsInvalid: there is no such file, or it holds no private key on P-256.
    """
    if key.startswith(KMS):
        return KmsSigner(await _kms(stack), key.removeprefix(KMS))
    return LocalSigner(private_key_in(_text(key), key))


async def open_trusted(stack: AsyncExitStack, keys: Sequence[str]) -> TrustedKeys:
    """Return the keys whose signatures count.

    Args:
        stack: closes what is opened.
        keys: PEM files of public or private keys, or keys in KMS, whose public half is asked for once.

    Raises:
        SettingsInvalid: there is no such file, or it holds no key on P-256.
        ServiceFailed: KMS does not say.
    """
    kms = [key.removeprefix(KMS) for key in keys if key.startswith(KMS)]
    files = [public_key_in(_text(key), key) for key in keys if not key.startswith(KMS)]
    return TrustedKeys([*files, *([await kms_public_key(await _kms(stack), key) for key in kms])])


async def _kms(stack: AsyncExitStack) -> object:
    calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=CALL_ATTEMPTS)
    return await wiring.open_client(stack, "kms", calls)


def _text(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SettingsInvalid(
            f"{path}: {error.strerror}", "name a PEM file or kms://KEY with --key; docs/audit.md says how to make one"
        ) from error
