"""What a wire shape is: how to know it, what parts it has, and how one part becomes a noun."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from autocloudops.alarms.model import Alarm, AwsEvent, Unparseable

Node = Mapping[str, object]
"""An object of the message with its keys in lower case; values are as sent."""


class Place(NamedTuple):
    """The account and region that a caller knows a body to come from."""

    account: str
    region: str


class Wire(NamedTuple):
    """What every noun of a body shares.

    Attributes:
        raw_sha256: the digest of the body as it arrived.
        shape: the carriers and the shape, outermost first, joined by `+`.
        place: used only where the message names neither account nor region.
    """

    raw_sha256: str
    shape: str
    place: Place | None = None


class Inner(NamedTuple):
    """What a carrier carries: a text to be decoded, or a value to be recognised."""

    content: object


def itself(node: Node, _wire: Wire) -> Sequence[object]:
    """Return the one part of a shape that is no list."""
    return (node,)


class Shape(NamedTuple):
    """One wire shape. A new one is a file with one of these, and a line in the table.

    Attributes:
        name: as it stands in `Alarm.shape`.
        accepts: tells the shape by its keys.
        read: turns one part into a noun, or hands over what it carries. Raises `Refused`.
        parts: the parts that are read, and refused, each on its own.
    """

    name: str
    accepts: Callable[[Node], bool]
    read: Callable[[Node, Wire], Alarm | AwsEvent | Unparseable | Inner]
    parts: Callable[[Node, Wire], Sequence[object]] = itself
