"""Who uses an endpoint: one tag on it for each consumer, `autocloudops:lease:<consumer>` = since when.

AddTags and DeleteTags change single keys, so that consumers who write at the same time do not overwrite each other, and
no table is needed that an account without a worker would not have. An endpoint has at most 50 tags.

Deletion and a new lease exclude each other as in Dekker's algorithm: each writes first and then reads. Whoever deletes
marks the endpoint and then looks for leases; whoever takes a lease writes it and then looks for the mark. At least one
of them sees the other, and gives way.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from autocloudops.clock import Clock
from autocloudops.errors import SettingsInvalid

PREFIX = "autocloudops:lease:"
MARK = "autocloudops:deleting"
MARK_HOLDS = timedelta(minutes=15)
CONSUMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@/-]{0,99}")


class Tags(Protocol):
    """Reads the tags of a resource."""

    async def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of a resource; none where it is gone."""
        ...


def checked(consumer: str) -> str:
    """Return a consumer's name.

    Raises:
        SettingsInvalid: it cannot stand in a tag.
    """
    if not CONSUMER.fullmatch(consumer):
        raise SettingsInvalid(f"{consumer!r} is no consumer's name", "use up to 100 letters, digits and _ . @ / -")
    return consumer


def of(tags: Mapping[str, str]) -> dict[str, str]:
    """Return consumer to since when, from the tags of an endpoint."""
    return {key.removeprefix(PREFIX): value for key, value in sorted(tags.items()) if key.startswith(PREFIX)}


def is_marked(tags: Mapping[str, str], now: datetime) -> bool:
    """Say whether somebody is about to delete the endpoint; an announcement that grew old was given up."""
    marked = tags.get(MARK)
    return marked is not None and now - datetime.fromisoformat(marked) < MARK_HOLDS


def tag(consumer: str, now: datetime) -> dict[str, str]:
    """Return the tag of a lease as the SageMaker SDK names its parts."""
    return {"key": f"{PREFIX}{consumer}", "value": _said(now)}


@dataclass(frozen=True, slots=True)
class Leases:
    """Takes, releases and guards leases.

    Args:
        sagemaker: a client of SageMaker.
        reader: reads tags.
        clock: what time it is.
    """

    sagemaker: Any
    reader: Tags
    clock: Clock

    async def take(self, arn: str, consumer: str) -> bool:
        """Register a consumer, and return whether it is: not where somebody is about to delete the endpoint."""
        made = tag(consumer, self.clock.now())
        await self.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": made["key"], "Value": made["value"]}])
        if not is_marked(await self.reader.tags(arn), self.clock.now()):
            return True
        await self.release(arn, consumer)
        return False

    async def release(self, arn: str, consumer: str) -> bool:
        """Forget a consumer, and return whether it was known."""
        known = consumer in of(await self.reader.tags(arn))
        await self.sagemaker.delete_tags(ResourceArn=arn, TagKeys=[f"{PREFIX}{consumer}"])
        return known

    async def mark(self, arn: str, consumer: str | None) -> bool:
        """Announce a deletion, and return whether it may go on: not where anybody but `consumer` holds a lease."""
        await self.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": MARK, "Value": _said(self.clock.now())}])
        if of(await self.reader.tags(arn)).keys() <= {consumer}:
            return True
        await self.unmark(arn)
        return False

    async def unmark(self, arn: str) -> None:
        """Take an announced deletion back."""
        await self.sagemaker.delete_tags(ResourceArn=arn, TagKeys=[MARK])


def _said(now: datetime) -> str:
    return now.isoformat(timespec="seconds")
