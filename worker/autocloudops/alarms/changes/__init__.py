"""Which AWS events are changes of what: deployments, scaling, failovers, API calls, maintenance, and what CI says.

Told        what one kind of event says of a change
change_of   the change in an event, where there is one
feed_of     which feed of changes an event belongs to, change or not
"""

from collections.abc import Callable, Mapping

from autocloudops.alarms.changes.calls import CALL, read_call
from autocloudops.alarms.changes.events import READERS
from autocloudops.alarms.changes.model import (
    ACCOUNT_WIDE,
    KIND_CHARACTERS,
    MOST_KEYS,
    NAMED,
    ResourceChange,
    Told,
    arn_key,
)
from autocloudops.alarms.changes.words import BY_CHARACTERS, KEY_CHARACTERS, WHAT_CHARACTERS, in_line
from autocloudops.alarms.model import AwsEvent

__all__ = ["ACCOUNT_WIDE", "NAMED", "ResourceChange", "Told", "arn_key", "change_of", "feed_of"]

CLOUDTRAIL = "cloudtrail"
_FEEDS: Mapping[str, str] = {source: source.removeprefix("aws.") for source, _, _ in READERS}


def change_of(event: AwsEvent) -> ResourceChange | None:
    """Return what changed according to `event`, None where it tells of no change or of nothing that has a name.

    Everything from outside is cleaned, on one line and bounded; nothing else of the event is kept.
    """
    reader = _reader(event)
    told = reader(event) if reader else None
    keys = tuple(dict.fromkeys(in_line(key, KEY_CHARACTERS) for key in told.keys if key)) if told else ()
    if told is None or not keys:
        return None
    return ResourceChange(
        event_id=event.event_id,
        at=event.at,
        account=told.account or event.account,
        region=told.region or event.region,
        keys=keys[:MOST_KEYS],
        kind=told.kind[:KIND_CHARACTERS],
        what=in_line(told.what, WHAT_CHARACTERS),
        by=in_line(told.by, BY_CHARACTERS),
        url=told.url,
        routine=told.routine,
    )


def feed_of(event: AwsEvent) -> str | None:
    """Return the feed that `event` proves alive, as `ecs` or `cloudtrail`; None where its source tells no changes."""
    return CLOUDTRAIL if event.detail_type == CALL else _FEEDS.get(event.source)


def _reader(event: AwsEvent) -> Callable[[AwsEvent], Told | None] | None:
    if event.detail_type == CALL:
        return read_call
    rows = (read for source, prefix, read in READERS if event.source == source and event.detail_type.startswith(prefix))
    return next(rows, None)
