"""Under which keys the changes stand that may explain an alarm: its owner's, and those of what it depends on."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autocloudops.alarms.changes.model import NAMED
from autocloudops.alarms.model import Alarm, Metric, ResourceRef
from autocloudops.alarms.resources.table import ANY, CUSTOM, ROWS, Row

MOST_AROUND = 10
STACK_TAG = "aws:cloudformation:stack-name"
_SAME_EVENTS = ("docdb-", "neptune-")
"""DocumentDB and Neptune use the ARNs and the events of RDS."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys as in `ResourceChange`: the owner's own, and those around it."""

    own: tuple[str, ...]
    around: tuple[str, ...]


def keys_of(resource: ResourceRef, alarms: Sequence[Alarm]) -> Keys:
    """Return the keys of an incident's owner, and of what its alarms name: dimensions, tags and their stack.

    Args:
        resource: what the incident is about.
        alarms: its alarms.
    """
    itself = f"{resource.type.replace(':', '-')}/{resource.id}"
    own = dict.fromkeys(_with_aliases([resource.owner, itself, f"{NAMED}{resource.owner.rpartition('/')[2]}"]))
    around = dict.fromkeys(_with_aliases([key for alarm in alarms for key in _named_by(alarm)]))
    return Keys(tuple(own), tuple(key for key in around if key not in own)[:MOST_AROUND])


def _with_aliases(keys: Sequence[str]) -> Iterator[str]:
    for key in keys:
        yield key
        for prefix in _SAME_EVENTS:
            if key.startswith(prefix):
                yield f"rds-{key.removeprefix(prefix)}"


def _named_by(alarm: Alarm) -> Iterator[str]:
    yield alarm.resource.owner
    yield f"{alarm.resource.type.replace(':', '-')}/{alarm.resource.id}"
    stack = alarm.tags.get(STACK_TAG)
    if stack:
        yield f"cloudformation-stack/{stack}"
    for metric in _metrics(alarm):
        yield from _things(metric, alarm.tags)
    yield f"alarm/{alarm.key.name}"


def _metrics(alarm: Alarm) -> Iterator[Metric]:
    if alarm.metric:
        yield alarm.metric
    yield from (query.metric for query in alarm.queries if query.metric)


def _things(metric: Metric, tags: Mapping[str, str]) -> Iterator[str]:
    """Yield every resource that dimensions name, where an alarm's own resource is only the most specific one."""
    known = {name: value for name, value in metric.dimensions.items() if value}
    for row in ROWS:
        if _speaks_of(row, metric.namespace) and not row.names[0].endswith("Arn"):
            yield from _thing(row, known, tags)


def _speaks_of(row: Row, namespace: str) -> bool:
    foreign = CUSTOM in row.namespaces and not namespace.startswith("AWS/")
    return foreign or namespace in row.namespaces or ANY in row.namespaces


def _thing(row: Row, known: Mapping[str, str], tags: Mapping[str, str]) -> Iterator[str]:
    values = [known.get(name, "") for name in row.names]
    if not all(values) or (row.shape and not re.fullmatch(row.shape, values[-1])):
        return
    yield f"{row.type.replace(':', '-')}/{'/'.join(values)}"
    for owner in row.owners:
        for source in (known, tags):
            parts = [source.get(name, "") for name in owner.names]
            if all(parts):
                yield f"{owner.type.replace(':', '-')}/{'/'.join(parts)}"
