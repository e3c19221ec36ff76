"""Which digest lists an object, and whether the object is still as it was then."""

from datetime import datetime
from hashlib import sha256

from pydantic import ValidationError

from autocloudops.audit.digest import Digest
from autocloudops.audit.keys import HOUR, digest_key, hour_of
from autocloudops.audit.lateness import LATE_BY
from autocloudops.audit.objects import AuditObjects
from autocloudops.errors import TargetMissing
from autocloudops.values import Value


class Proof(Value):
    """The first digest that lists an object. `unchanged` compares bytes; nobody has checked the signature here."""

    digest: str
    key_name: str
    unchanged: bool


class Digests:
    """The digests of an audit, each read once.

    Args:
        objects: where the audit is.
    """

    def __init__(self, objects: AuditObjects) -> None:
        self._objects = objects
        self._read: dict[datetime, Digest | None] = {}

    async def proof_of(self, key: str, at: datetime) -> Proof | None:
        """Return which digest lists an object, None where none does yet.

        Args:
            key: the object.
            at: when it was written; it is looked for in the digest of that hour and, as it may have come late, in
                those of two days after it.

        Raises:
            ServiceFailed: the audit cannot be read.
        """
        hour = hour_of(at)
        while hour <= hour_of(at) + LATE_BY and (digest := await self._digest(hour)):
            listed = next((each for each in digest.objects if each.key == key), None)
            if listed:
                same = sha256(await self._objects.read(key)).hexdigest() == listed.sha256
                return Proof(digest=digest_key(hour), key_name=digest.key_name, unchanged=same)
            hour += HOUR
        return None

    async def _digest(self, hour: datetime) -> Digest | None:
        if hour not in self._read:
            self._read[hour] = await self._opened(hour)
        return self._read[hour]

    async def _opened(self, hour: datetime) -> Digest | None:
        try:
            return Digest.model_validate_json(await self._objects.read(digest_key(hour)))
        except (TargetMissing, ValidationError):
            return None
