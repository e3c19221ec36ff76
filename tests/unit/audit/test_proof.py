import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from memory_audit import MemoryObjects
from virtual_time import START

from autocloudops.audit.digest import Digest, Listed, merkle_root, signed
from autocloudops.audit.keys import HOUR, decisions_key, digest_key
from autocloudops.audit.proof import Digests, Proof

KEY = decisions_key("0b6e8c1a-0000-4000-8000-000000000001", 0, START)
BODY = b"an object"
NAME = "ab" * 32


def digest(hour: datetime, *keys: str, body: bytes = BODY) -> tuple[str, bytes]:
    """Return the key and bytes of an hour's digest that lists these objects."""
    listed: Sequence[Listed] = [Listed(key=key, size_bytes=len(body), sha256=sha256(body).hexdigest()) for key in keys]
    content = Digest(
        hour=hour,
        at=hour + HOUR,
        previous=None,
        objects=tuple(listed),
        root=merkle_root(listed),
        writers=(),
        recent_actions=(),
        key_name=NAME,
    )
    return digest_key(hour), signed(content, b"signature")


def proof(*digests: tuple[str, bytes], body: bytes = BODY) -> Proof | None:
    """Return what proves the object, in an audit with these digests."""
    objects = MemoryObjects()
    objects.objects = {KEY: body, **dict(digests)}
    return asyncio.run(Digests(objects).proof_of(KEY, START + timedelta(minutes=5)))


def test_the_digest_of_its_hour_proves_an_object() -> None:
    """Where the hour's digest lists it and the bytes are the same, both are said."""
    assert proof(digest(START, KEY)) == Proof(digest=digest_key(START), key_name=NAME, unchanged=True)


def test_other_bytes_are_told() -> None:
    """An object that is not as it was listed is not proved to be."""
    found = proof(digest(START, KEY), body=b"another object")
    assert found is not None
    assert not found.unchanged


def test_an_object_that_came_late_is_found_in_a_later_digest() -> None:
    """Its hour's digest does not list it, the next one does."""
    found = proof(digest(START), digest(START + HOUR, KEY))
    assert found is not None
    assert found.digest == digest_key(START + HOUR)


@pytest.mark.parametrize(
    "digests",
    [(), (digest(START),), ((digest_key(START), b"no digest"),), (digest(START + HOUR, KEY),)],
    ids=["none", "not listed", "damaged", "a gap"],
)
def test_without_an_unbroken_row_of_digests_nothing_is_proved(digests: tuple[tuple[str, bytes], ...]) -> None:
    """Nothing is said to be proved where no digest lists it, or one before it is missing or damaged."""
    assert proof(*digests) is None
