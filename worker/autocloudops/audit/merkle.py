"""The hash of a list, by which one of its leaves can be proved without the others.

RFC 6962, section 2.1 (Merkle Hash Trees): leaves and nodes are hashed with different first bytes, so that neither can
be taken for the other.
"""

from collections.abc import Sequence
from hashlib import sha256


def root_of(leaves: Sequence[bytes]) -> str:
    """Return the hex SHA-256 Merkle tree hash of `leaves` in their order; that of no leaves is the hash of nothing."""
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    if not level:
        return sha256().hexdigest()
    while len(level) > 1:
        pairs = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0].hex()
