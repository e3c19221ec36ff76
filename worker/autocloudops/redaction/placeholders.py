"""What stands where a secret stood: its kind and a keyed digest, so that equal secrets can be joined and none told.

HMAC with SHA-256 (RFC 2104, FIPS 198-1), its first 32 bits: enough to join the few secrets that a team's alarms hold.
Without the key nobody can find out by trying which secret a placeholder stands for.
"""

import hmac
import secrets

from autocloudops.errors import SettingsInvalid
from autocloudops.redaction.cutting import MARK

LEAST_KEY_BYTES = 16
DIGEST_CHARACTERS = 8
PLACEHOLDER = rf"<[a-z]{{2,16}}(?:-[a-z]{{2,16}}){{0,3}}:[0-9a-f]{{{DIGEST_CHARACTERS}}}>"

# What a value may be that was replaced, or cut, before.
STAND_IN = rf"(?:{PLACEHOLDER}(?:{MARK})?|{MARK})"


class PlaceholderKey:
    """The key of this process's placeholders: its own random one until `use` brings one that others share."""

    __slots__ = ("_key",)

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def use(self, key: bytes) -> None:
        """Digest with `key` from now on. Call before any text is redacted, once for each process.

        Raises:
            SettingsInvalid: the key is shorter than 16 bytes.
        """
        if len(key) < LEAST_KEY_BYTES:
            raise SettingsInvalid(
                f"a redaction key of {len(key)} bytes is too short", f"use {LEAST_KEY_BYTES} random bytes or more"
            )
        self._key = key

    def digest(self, secret: str) -> str:
        """Return the first 32 bits of the secret's HMAC-SHA256, in hexadecimal."""
        return hmac.digest(self._key, secret.encode("utf-8", "surrogatepass"), "sha256").hex()[:DIGEST_CHARACTERS]


_KEY = PlaceholderKey()


def use_key(key: bytes) -> None:
    """Digest with `key` in this process from now on; see `PlaceholderKey.use`."""
    _KEY.use(key)


def placeholder(kind: str, secret: str) -> str:
    """Return what stands for `secret`: `<kind:digest>`, in which the digest is the same for every kind."""
    return f"<{kind}:{_KEY.digest(secret)}>"
