"""The thing and its owner in labels as Prometheus and OpenTelemetry write them.

`service`, `service_name`, `@resource.service.name` and `app.kubernetes.io/name` are read alike. Labels that name
neither a thing nor an owner say nothing here: the alarm itself is then the resource. Nor do those in which an exporter
names itself: it measures the things of all teams, and none of them would be paged for it.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from autocloudops.alarms.model import AlarmKey, ResourceRef
from autocloudops.alarms.wire.identity import account_of
from autocloudops.alarms.wire.read import cut

THINGS = ("pod", "instance", "host", "node", "container", "queue", "database", "device")
"""What breaks, the most specific first."""
OWNERS = ("service", "app", "deployment", "statefulset", "daemonset", "job", "namespace", "cluster")
"""Who is paged for it."""

_WORD = re.compile(r"[a-z]+")
_FILLERS = frozenset({"resource", "k", "s", "kubernetes", "io", "name", "id"})
_EXPORTER = r"(?:^|-)(kube-state-metrics|node-exporter|kubelet|cadvisor)"
_WHOLE, _POD, _HOST = (re.compile(_EXPORTER + end) for end in ("$", r"(?:-[a-z0-9]+){1,2}$", r"(?:[.:]|$)"))
_SCRAPED = {"service": _WHOLE, "job": _WHOLE, "app": _WHOLE}
_EXPORTERS = {**_SCRAPED, "container": _WHOLE, "pod": _POD, "instance": _HOST}
# The address is where the first runs, not what it tells of; the second tells of a node, which is in no namespace.
_THEIR_OWN = {"kube-state-metrics": "instance", "node-exporter": "namespace"}
_LONGEST_ID = 256
_ACCOUNTS = frozenset({"aws.accountid", "aws.account"})
_REGION = "aws.region"


class Placed(NamedTuple):
    """The labels of a contributor: where its metric is, as far as they say so, and `rest`, which are its dimensions."""

    account: str | None
    region: str | None
    rest: Mapping[str, str]


def placed(labels: Mapping[str, str]) -> Placed:
    """Return `labels` with account and region apart, however they are spelled: `AWS.AccountId`, `@aws.account`."""
    plain = {label: label.lstrip(":@").lower() for label in labels}
    accounts = (account_of(value) for label, value in labels.items() if plain[label] in _ACCOUNTS)
    regions = (value for label, value in labels.items() if plain[label] == _REGION)
    rest = {label: value for label, value in labels.items() if plain[label] not in (*_ACCOUNTS, _REGION)}
    return Placed(next(filter(None, accounts), None), next(filter(None, regions), None), rest)


def _by_kind(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return the labels of one kind each, without those in which an exporter names itself."""
    words = ((frozenset(_WORD.findall(label.lower())) - _FILLERS, value) for label, value in labels.items() if value)
    said = [(kind, value) for kinds, value in words if len(kinds) == 1 for kind in kinds]
    exporters = (_SCRAPED[kind].search(value) for kind, value in said if kind in _SCRAPED)
    own = {_THEIR_OWN.get(found[1]) for found in exporters if found}
    return {kind: value for kind, value in said if kind not in own and not _names_exporter(kind, value)}


def _names_exporter(kind: str, value: str) -> bool:
    pattern = _EXPORTERS.get(kind)
    return pattern is not None and pattern.search(value) is not None


def _named(by_kind: Mapping[str, str], kinds: tuple[str, ...]) -> tuple[str, str] | None:
    return next(((kind, by_kind[kind]) for kind in kinds if kind in by_kind), None)


def resource_of_labels(key: AlarmKey, labels: Mapping[str, str]) -> ResourceRef | None:
    """Return what `labels` name, in their account or else the alarm's; `None` where they name nothing known."""
    by_kind = _by_kind(labels)
    owner = _named(by_kind, OWNERS)
    thing = _named(by_kind, THINGS) or owner
    if thing is None:
        return None
    kind, name = thing
    return ResourceRef(
        type=f"label:{kind}",
        id=cut(name, _LONGEST_ID),
        account=placed(labels).account or key.account,
        region=key.region,
        owner=cut("/".join(owner or thing), _LONGEST_ID),
    )
