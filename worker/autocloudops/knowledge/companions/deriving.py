"""Which metrics are looked at beside that of an alarm."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from autocloudops.alarms.model import Alarm, Metric
from autocloudops.knowledge.companions.table import COMPANIONS, MINUTE_SECONDS, NAMES, Row

MOST = 8


@dataclass(frozen=True, slots=True)
class Companion:
    """One metric beside the alarm's own, under one statistic."""

    metric: Metric
    statistic: str
    period_seconds: int = MINUTE_SECONDS


def companions(alarm: Alarm) -> tuple[Companion, ...]:
    """Return the metrics to look at beside those that `alarm` watches, `MOST` at most; none for unknown types."""
    watched = {(metric.namespace, metric.name) for metric in _metrics(alarm)}
    known = _known(alarm)
    found = (each for row in COMPANIONS.get(alarm.resource.type, ()) for each in _of_row(row, known))
    return tuple(each for each in found if (each.metric.namespace, each.metric.name) not in watched)[:MOST]


def _metrics(alarm: Alarm) -> Iterator[Metric]:
    if alarm.metric:
        yield alarm.metric
    yield from (query.metric for query in alarm.queries if query.metric)


def _known(alarm: Alarm) -> Mapping[str, str]:
    resource = alarm.resource
    names = NAMES.get(resource.type, ())
    from_id = (resource.id,) if len(names) == 1 else tuple(resource.id.split("/", max(0, len(names) - 1)))
    known = {"ClientId": resource.account, "Region": "Global"}
    if len(from_id) == len(names):
        known |= zip(names, from_id, strict=True)
    for metric in _metrics(alarm):
        known |= {name: value for name, value in metric.dimensions.items() if value}
    return known


def _of_row(row: Row, known: Mapping[str, str]) -> Iterator[Companion]:
    if not all(name in known for name in row.names) or not known[row.names[-1]].startswith(row.prefix):
        return
    names = (*row.names, *(name for name in row.beside if name in known))
    for name, statistic in row.metrics:
        metric = Metric(namespace=row.namespace, name=name, dimensions={each: known[each] for each in names})
        yield Companion(metric, statistic, row.period_seconds)
