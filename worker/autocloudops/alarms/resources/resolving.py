"""From the dimensions of an alarm's metrics to the resource, its owner and its ARN."""

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from autocloudops.alarms.model import AlarmKey, Metric, MetricQuery, ResourceRef
from autocloudops.alarms.resources.table import ANY, CUSTOM, ROWS, Row

NAME_CHARACTERS = 256
ARN_CHARACTERS = 1024

_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("us-iso-", "aws-iso"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", re.ASCII)
_ARN = re.compile(
    r"arn:aws[a-z-]*:[a-z0-9-]+:(?P<region>[a-z0-9-]*):(?P<account>\d*):[a-zA-Z-]+[:/](?P<id>[\w.+=@,:/#$-]+)", re.ASCII
)
_SEGMENT = re.compile(r"[\w.+=@,#$-]+", re.ASCII)
_PATH = re.compile(r"[\w.+=@,:/#$-]+", re.ASCII)
_ESCAPES = str.maketrans({"%": "%25", ",": "%2C", "=": "%3D"})


def _rows_of(namespace: str) -> tuple[Row, ...]:
    return tuple(row for row in ROWS if namespace in row.namespaces)


_BY_NAMESPACE = {namespace: _rows_of(namespace) for row in ROWS for namespace in row.namespaces}
_NAMES = frozenset(name for row in ROWS for name in row.names)


class _Thing(NamedTuple):
    """What one metric is about, uncut. The owner is a type and an id."""

    type: str
    id: str
    account: str
    owner: tuple[str, str]
    arn: str | None = None

    @property
    def owns_itself(self) -> bool:
        return self.owner == (self.type, self.id)


def resolve(
    key: AlarmKey,
    metric: Metric | None,
    queries: tuple[MetricQuery, ...],
    tags: Mapping[str, str],
    metric_account: str,
) -> ResourceRef:
    """Return what the alarm is about: the resource that its metrics share, else the owner that they share, else itself.

    The account is the metric's: its own, else `metric_account`, else the alarm's. The region is the alarm's, also for
    global services. Metrics without dimensions name nothing and are left out. Ids and owners are at most
    `NAME_CHARACTERS` long: longer ones are cut and end in a digest of the whole, so that they stay distinct.

    Args:
        key: whose alarm it is; gives the region, and the name where the alarm itself is the resource.
        metric: the metric of a single-metric alarm.
        queries: the rows of a math or anomaly alarm; read only where `metric` is None.
        tags: tags in the message; only AWS's own owner tags are read, see `table`.
        metric_account: the account that holds the metric where the metric does not say; may be empty.
    """
    metrics = (metric,) if metric else tuple(query.metric for query in queries if query.metric)
    home = metric_account or key.account
    named = tuple(each for each in metrics if any(each.dimensions.values()))
    things = tuple(_thing(each, tags, each.account or home, key.region) for each in named)
    if things:
        return _ref(key, _shared(things) or _alarm_itself(key, home))
    accounts = {each.account or home for each in metrics}
    return _ref(key, _alarm_itself(key, accounts.pop() if len(accounts) == 1 else home))


def _shared(things: tuple[_Thing, ...]) -> _Thing | None:
    first = things[0]
    if len({(thing.account, thing.type, thing.id) for thing in things}) == 1:
        return next((thing for thing in things if not thing.owns_itself), first)
    if len({(thing.account, thing.owner) for thing in things}) > 1:
        return None
    return next((thing for thing in things if thing.owns_itself), _Thing(*first.owner, first.account, first.owner))


def _alarm_itself(key: AlarmKey, account: str) -> _Thing:
    arn = f"arn:{_partition(key.region)}:cloudwatch:{key.region}:{key.account}:alarm:{key.name}"
    known = account == key.account and _is_place(account, key.region)
    return _Thing("alarm", key.name, account, ("alarm", key.name), arn if known else None)


def _thing(metric: Metric, tags: Mapping[str, str], account: str, region: str) -> _Thing:
    known = {"account": account} | {name: value for name, value in metric.dimensions.items() if value}
    for row in _candidates(_table_of(metric.namespace), _NAMES.intersection(known)):
        values = tuple(known[name] for name in row.names)
        if not row.shape or re.fullmatch(row.shape, values[-1]):
            itself = (row.type, _id(row.names, values))
            return _Thing(*itself, account, _owner(row, known, tags) or itself, _arn(row, values, account, region))
    name = _dimension_set(metric)
    return _Thing("metric:dimension-set", name, account, ("metric:dimension-set", name))


def _table_of(namespace: str) -> str:
    if namespace in _BY_NAMESPACE:
        return namespace
    return ANY if namespace.startswith("AWS/") else CUSTOM


@lru_cache(maxsize=1024)
def _candidates(table: str, names: frozenset[str]) -> tuple[Row, ...]:
    tables = (ANY, CUSTOM) if table == CUSTOM else (table, ANY)
    return tuple(row for each in tables for row in _BY_NAMESPACE[each] if names.issuperset(row.names))


def _owner(row: Row, known: Mapping[str, str], tags: Mapping[str, str]) -> tuple[str, str] | None:
    for owner in row.owners:
        for source in (known, tags):
            values = tuple(source.get(name, "") for name in owner.names)
            if all(values):
                return owner.type, _id(owner.names, values)
    return None


def _id(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    found = _ARN.fullmatch(values[0]) if _holds_arn(names) else None
    return found["id"] if found else "/".join(values)


def _holds_arn(names: tuple[str, ...]) -> bool:
    return len(names) == 1 and names[0].endswith("Arn")


def _dimension_set(metric: Metric) -> str:
    pairs = (f"{name.translate(_ESCAPES)}={value.translate(_ESCAPES)}" for name, value in metric.dimensions.items())
    return f"{metric.namespace}:{','.join(sorted(pairs))}"


def _arn(row: Row, values: tuple[str, ...], account: str, region: str) -> str | None:
    """Return the ARN, or None where a part of it is missing, or holds what would make it mean something else."""
    given = _ARN.fullmatch(values[0]) if _holds_arn(row.names) else None
    if given:
        here = (given["account"], given["region"]) == (account, region)
        return values[0] if here and len(values[0]) <= ARN_CHARACTERS else None
    allowed = _PATH if len(values) == 1 else _SEGMENT
    if not row.arn or not _is_place(account, region) or not all(allowed.fullmatch(value) for value in values):
        return None
    name = "/".join(values)
    fields = {"region": region, "account": account, "id": name, "lower": name.lower()}
    arn = row.arn.format(*values, partition=_partition(region), **fields)
    return arn if len(arn) <= ARN_CHARACTERS else None


def _is_place(account: str, region: str) -> bool:
    return bool(_ACCOUNT.fullmatch(account) and _REGION.fullmatch(region))


def _partition(region: str) -> str:
    return next((partition for prefix, partition in _PARTITIONS if region.startswith(prefix)), "aws")


def _ref(key: AlarmKey, thing: _Thing) -> ResourceRef:
    owner_type, owner_id = thing.owner
    return ResourceRef(
        type=thing.type,
        id=_bounded(thing.id),
        account=thing.account,
        region=key.region,
        owner=_bounded(f"{owner_type.replace(':', '-')}/{owner_id}"),
        arn=thing.arn,
    )


def _bounded(text: str) -> str:
    if len(text) <= NAME_CHARACTERS:
        return text
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[: NAME_CHARACTERS - 17]}~{digest}"
