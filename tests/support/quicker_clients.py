"""Hundreds of tests that open AWS clients, without what botocore works out anew for each of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, cast
from unittest.mock import patch

from botocore import endpoint_provider
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser, HierarchicalEmitter, NodeList, _PrefixTrie  # type: ignore[attr-defined] # no stub
from botocore.model import ServiceModel


@contextmanager
def quicker_clients() -> Iterator[None]:
    """Work out names of events, methods and rules for endpoints once, and copy handlers in one pass.

    Names are a third of what opening a client costs, and the rest of this two fifths of what is left (botocore 1.43).
    """
    creator = cast("Any", ClientCreator)
    alias = EventAliaser(HierarchicalEmitter())._alias_event_name  # type: ignore[attr-defined] # the stubs lack it
    with ExitStack() as stack:
        for owner, name, function in (
            (EventAliaser, "_alias_event_name", staticmethod(cache(alias))),
            (_PrefixTrie, "_recursive_copy", staticmethod(_copied)),
            (creator, "_create_methods", _once_each(creator._create_methods)),
            (creator, "_create_name_mapping", _once_each(creator._create_name_mapping)),
            (endpoint_provider, "RuleSet", _once_for_rules(endpoint_provider.RuleSet)),
        ):
            stack.enter_context(patch.object(owner, name, function))
        yield


def _copied(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a tree of handlers: new nodes and lists, the same handlers."""
    copied = dict(node)
    for name, value in node.items():
        kind = type(value)
        if kind is dict:
            copied[name] = _copied(value)
        elif kind is NodeList:
            copied[name] = NodeList(value.first[:], value.middle[:], value.last[:])
    return copied


def _once_each(work: Callable[..., Mapping[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return what `work` makes of a service's model: worked out once for each, and a copy for each caller."""
    known: dict[tuple[type, str, str], Mapping[str, Any]] = {}

    def once(creator: ClientCreator, model: ServiceModel) -> dict[str, Any]:
        service = type(creator), model.service_name, model.api_version
        if service not in known:
            known[service] = work(creator, model)
        return dict(known[service])

    return once


def _once_for_rules(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return a maker of rule sets that makes one for each list of rules, which the shared loader reads once."""
    known: dict[int, tuple[object, Any]] = {}

    def once(*, rules: list[object], **rest: object) -> Any:  # noqa: ANN401 - as what it stands for
        if id(rules) not in known:
            known[id(rules)] = rules, make(rules=rules, **rest)
        return known[id(rules)][1]

    return once
