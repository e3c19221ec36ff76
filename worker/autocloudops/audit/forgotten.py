"""Writers that come back after digests have forgotten them, and how far they were covered when one last named them."""

from collections.abc import Iterable, Mapping

from autocloudops.audit.digest import Digest, DigestedWriter, Link, Reached, link_to
from autocloudops.audit.objects import AuditObjects
from autocloudops.errors import TargetMissing


async def last_covered(objects: AuditObjects, last: Digest, back: Iterable[DigestedWriter]) -> Mapping[str, Reached]:
    """Return how far writers were covered, by id; without those of which no digest says it.

    Each digest has to be what the one after it says, so the signature of the last one vouches for all of them,
    whichever keys signed them.

    Args:
        objects: where the audit is.
        last: the digest to go back from.
        back: the writers.

    Raises:
        ServiceFailed: a digest cannot be read.
    """
    found: dict[str, Reached] = {}
    started = {each.writer_id: each.started for each in back}
    link = last.previous
    while started and link and (digest := await _opened(objects, link)):
        found |= {each.writer_id: each.covered for each in digest.writers if each.covered and each.writer_id in started}
        started = {writer: at for writer, at in started.items() if writer not in found and at < digest.hour}
        link = digest.previous
    return found


async def _opened(objects: AuditObjects, link: Link) -> Digest | None:
    try:
        body = await objects.read(link.key)
    except TargetMissing:
        return None
    return Digest.model_validate_json(body) if link_to(link.key, body) == link else None
