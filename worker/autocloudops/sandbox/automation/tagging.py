"""Tags of documents, executions and OpsItems; those of all other resources are the embedded AWS's."""

from collections.abc import Container, Mapping
from types import MappingProxyType

from autocloudops.sandbox.automation.world import Caller, Handler, World
from autocloudops.sandbox.control_plane.values import Document
from autocloudops.sandbox.control_plane.wire import Refusal, Row

KINDS = frozenset({"Automation", "Document", "OpsItem"})


def add_tags_to_resource(world: World, request: Document, _: Caller) -> Row:
    """AddTagsToResource."""
    kind, identity = _resource(world, request)
    world.tag(kind, identity, request)
    return {}


def remove_tags_from_resource(world: World, request: Document, _: Caller) -> Row:
    """RemoveTagsFromResource."""
    tags = world.tags.get(_resource(world, request), {})
    for key in request["TagKeys"]:
        tags.pop(key, None)
    return {}


def list_tags_for_resource(world: World, request: Document, _: Caller) -> Row:
    """ListTagsForResource."""
    tags = world.tags.get(_resource(world, request), {})
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}


OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {
        "AddTagsToResource": add_tags_to_resource,
        "RemoveTagsFromResource": remove_tags_from_resource,
        "ListTagsForResource": list_tags_for_resource,
    }
)


def _resource(world: World, request: Document) -> tuple[str, str]:
    kind, identity = request["ResourceType"], request["ResourceId"]
    known: Mapping[str, Container[str]] = {
        "Automation": world.executions,
        "Document": world.documents,
        "OpsItem": world.ops_items,
    }
    if identity not in known[kind]:
        raise Refusal("InvalidResourceId", f"There is no {kind} {identity}.")
    return kind, identity
