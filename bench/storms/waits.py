"""How long a decision takes, from when alarms reached the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Waits:
    """Sorted seconds until the first decision stood.

    `incidents` counts from the first alarm of each incident. `alarms` counts from each alarm, 0 where the decision that
    covers it stood already when it arrived.
    """

    incidents: Sequence[float]
    alarms: Sequence[float]


def waits(
    groups: Mapping[UUID, UUID], arrived: Mapping[UUID, float], decided: Mapping[UUID, datetime], start: datetime
) -> Waits:
    """Return the waits of a run.

    Args:
        groups: the incident of each alarm.
        arrived: seconds after `start` at which each alarm reached the queue.
        decided: when the first decision about each incident stood.
        start: when the storm began.
    """
    stood = {incident: (at - start).total_seconds() for incident, at in decided.items()}
    first: dict[UUID, float] = {}
    for alarm, incident in groups.items():
        first[incident] = min(first.get(incident, arrived[alarm]), arrived[alarm])
    return Waits(
        incidents=sorted(stood[incident] - at for incident, at in first.items()),
        alarms=sorted(max(0.0, stood[incident] - arrived[alarm]) for alarm, incident in groups.items()),
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest of sorted `values` that at least `share` of them do not exceed."""
    return values[max(0, min(len(values), -int(-share * len(values) // 1)) - 1)]
