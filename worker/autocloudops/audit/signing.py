"""Who signs digests, and what a signature proves: ECDSA on P-256 over the SHA-256 of what is signed.

AWS KMS Developer Guide, "Asymmetric key specs": key spec ECC_NIST_P256, algorithm ECDSA_SHA_256, DER signatures. A key
is named by the SHA-256 of its public half (DER SubjectPublicKeyInfo), which is the same wherever the key is kept.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from autocloudops.aws import translated
from autocloudops.errors import SettingsInvalid

ALGORITHM = "ECDSA_SHA_256"
NOT_P256 = "it is no key on the curve P-256"


class Signer(Protocol):
    """Signs digests with a key that the worker's role does not have."""

    async def public_key(self) -> EllipticCurvePublicKey:
        """Return the public half of the key."""
        ...

    async def sign(self, message: bytes) -> bytes:
        """Return the DER signature of a message of any length.

        Raises:
            ServiceFailed: the key cannot be used.
        """
        ...


class LocalSigner:
    """A key in a file, for a sandbox: whoever reads the file can sign.

    Args:
        key: the private key.
    """

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self._key = key

    async def public_key(self) -> EllipticCurvePublicKey:
        """Return the public half of the key."""
        return self._key.public_key()

    async def sign(self, message: bytes) -> bytes:
        """Return the DER signature of a message."""
        return self._key.sign(sha256(message).digest(), ECDSA(Prehashed(SHA256())))


class KmsSigner:
    """A key in AWS KMS, which never leaves it.

    Args:
        client: a KMS client; it has no stubs here.
        key: id, ARN or alias of a key with spec ECC_NIST_P256 and usage SIGN_VERIFY.
    """

    def __init__(self, client: Any, key: str) -> None:  # noqa: ANN401 - a client without stubs
        self._client = client
        self._key = key

    async def public_key(self) -> EllipticCurvePublicKey:
        """Return the public half of the key."""
        return await kms_public_key(self._client, self._key)

    async def sign(self, message: bytes) -> bytes:
        """Return the DER signature of a message; KMS is sent its hash, since it takes no message over 4,096 bytes."""
        with translated("kms:Sign", self._key):
            answer: Mapping[str, bytes] = await self._client.sign(
                KeyId=self._key, Message=sha256(message).digest(), MessageType="DIGEST", SigningAlgorithm=ALGORITHM
            )
        return answer["Signature"]


class TrustedKeys:
    """The public keys whose signatures count, by name.

    Args:
        keys: one, or more where keys were changed over time.
    """

    def __init__(self, keys: Iterable[EllipticCurvePublicKey] = ()) -> None:
        self._keys = {name_of(key): key for key in keys}

    def and_also(self, key: EllipticCurvePublicKey) -> "TrustedKeys":
        """Return these keys and one more."""
        return TrustedKeys([*self._keys.values(), key])

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def holds(self, name: str, message: bytes, signature: bytes) -> bool:
        """Return whether the key with this name signed `message`; False where it is not trusted."""
        if name not in self._keys:
            return False
        try:
            self._keys[name].verify(signature, sha256(message).digest(), ECDSA(Prehashed(SHA256())))
        except InvalidSignature:
            return False
        return True


async def kms_public_key(client: Any, key: str) -> EllipticCurvePublicKey:  # noqa: ANN401 - a client without stubs
    """Return the public half of a key in KMS.

    Args:
        client: a KMS client.
        key: its id, ARN or alias.

    Raises:
        ServiceFailed: KMS does not say.
        SettingsInvalid: it is a key of another kind.
    """
    with translated("kms:GetPublicKey", key):
        answer: Mapping[str, bytes] = await client.get_public_key(KeyId=key)
    return _on_p256(load_der_public_key(answer["PublicKey"]), key)


def public_key_in(pem: bytes, where: str) -> EllipticCurvePublicKey:
    """Return the public key in a PEM text, which may be that of a private key.

    Args:
        pem: the text.
        where: what to call it in an error.

    Raises:
        SettingsInvalid: it holds no key on P-256.
    """
    if b"PRIVATE KEY" in pem:
        return private_key_in(pem, where).public_key()
    try:
        return _on_p256(load_pem_public_key(pem), where)
    except ValueError as error:
        raise _no_key(where) from error


def private_key_in(pem: bytes, where: str) -> EllipticCurvePrivateKey:
    """Return the private key in a PEM text.

    Args:
        pem: the text, without a password.
        where: what to call it in an error.

    Raises:
        SettingsInvalid: it holds no private key on P-256.
    """
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise _no_key(where) from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise _no_key(where)
    return key


def name_of(key: EllipticCurvePublicKey) -> str:
    """Return the hex SHA-256 of a public key's DER form."""
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _on_p256(key: object, where: str) -> EllipticCurvePublicKey:
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise _no_key(where)
    return key


def _no_key(where: str) -> SettingsInvalid:
    return SettingsInvalid(f"{where}: {NOT_P256}", "create one: docs/audit.md says how")
