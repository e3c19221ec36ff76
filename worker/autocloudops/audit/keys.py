"""Where everything in the audit stands, and what a key says about its object."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

ROOT = "audit/v1/"
DECISIONS = f"{ROOT}decisions/"
ACTIONS = f"{ROOT}actions/"
DIGESTS = f"{ROOT}digests/"
HOUR = timedelta(hours=1)

_DAY_AND_HOUR = r"dt=(?P<day>\d{4}-\d{2}-\d{2})/hour=(?P<hour>\d{2})"
_DECISIONS_KEY = rf"{DECISIONS}{_DAY_AND_HOUR}/(?P<writer>[0-9a-f-]{{36}})-(?P<sequence>\d{{10}})\.jsonl\.gz"
_DIGEST_KEY = rf"{DIGESTS}{_DAY_AND_HOUR}\.json"
_ACTION_KEY = (
    rf"{ACTIONS}dt=(?P<day>\d{{4}}-\d{{2}}-\d{{2}})"
    r"/[0-9a-f-]{36}-[A-Za-z0-9_.-]{1,128}-[0-9a-f]{8}-(?:intent|outcome|verification|rollback|recurrence)\.json"
)


class Place(NamedTuple):
    """What the key of an object of decisions says: the hour it was named in, its writer, its number from 0."""

    hour: datetime
    writer: str
    sequence: int


def decisions_key(writer: str, sequence: int, at: datetime) -> str:
    """Return the key of a writer's object.

    Args:
        writer: id of the writer.
        sequence: how many objects it wrote before.
        at: when it is named.
    """
    return f"{DECISIONS}{_partition(at)}/{writer}-{sequence:010d}.jsonl.gz"


def digest_key(hour: datetime) -> str:
    """Return the key of an hour's digest."""
    return f"{DIGESTS}{_partition(hour)}.json"


def day_prefix(root: str, at: datetime) -> str:
    """Return what the keys of a day begin with, below `DECISIONS`, `ACTIONS` or `DIGESTS`."""
    return f"{root}dt={at:%Y-%m-%d}/"


def hour_prefix(at: datetime) -> str:
    """Return what the keys of an hour's decisions begin with."""
    return f"{DECISIONS}{_partition(at)}/"


def place_of(key: str) -> Place | None:
    """Return what the key of an object of decisions says, or None where no writer of ours made it."""
    match = re.fullmatch(_DECISIONS_KEY, key)
    hour = _hour(match) if match else None
    return Place(hour, match["writer"], int(match["sequence"])) if match and hour else None


def digest_hour(key: str) -> datetime | None:
    """Return the hour that a digest's key names, or None where it is no digest's key."""
    match = re.fullmatch(_DIGEST_KEY, key)
    return _hour(match) if match else None


def action_day(key: str) -> datetime | None:
    """Return the day that an action's key names, or None where it is no action's key."""
    match = re.fullmatch(_ACTION_KEY, key)
    return _moment(match["day"], 0) if match else None


def hour_of(at: datetime) -> datetime:
    """Return the beginning of the hour (UTC)."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day_of(at: datetime) -> datetime:
    """Return the beginning of the day (UTC)."""
    return hour_of(at).replace(hour=0)


def _partition(at: datetime) -> str:
    return f"dt={at:%Y-%m-%d}/hour={at:%H}"


def _hour(match: re.Match[str]) -> datetime | None:
    return _moment(match["day"], int(match["hour"]))


def _moment(day: str, hour: int) -> datetime | None:
    try:
        return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)
    except ValueError:
        return None
