"""The thing and its owner in labels as Prometheus and OpenTelemetry write them.

`service`, `service_name`, `@resource.service.name` and `app.kubernetes.io/name` are read alike. Labels that name
neither a thing nor an owner say nothing here: the alarm itself is then the resource.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from autocloudops.alarms.model import AlarmKey, ResourceRef
from autocloudops.alarms.wire.identity import account_of
from autocloudops.alarms.wire.read import cut

THINGS = ("pod", "instance", "host", "node", "container", "queue", "database", "device")
"""What breaks, the most specific first."""
OWNERS = ("service", "app", "deployment", "statefulset", "daemonset", "job", "cluster", "namespace")
"""Who is paged for it."""

_WORD = re.compile(r"[a-z]+")
_FILLERS = frozenset({"resource", "k", "s", "kubernetes", "io", "name", "id"})
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


def _named(labels: Mapping[str, str], kinds: tuple[str, ...]) -> tuple[str, str] | None:
    by_words = {frozenset(_WORD.findall(label.lower())) - _FILLERS: value for label, value in labels.items() if value}
    return next(((kind, by_words[frozenset({kind})]) for kind in kinds if frozenset({kind}) in by_words), None)


def resource_of_labels(key: AlarmKey, labels: Mapping[str, str]) -> ResourceRef | None:
    """Return what `labels` name, in their account or else the alarm's; `None` where they name nothing known."""
    owner = _named(labels, OWNERS)
    thing = _named(labels, THINGS) or owner
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
