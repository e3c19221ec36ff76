"""From a body, of whatever shape, to the nouns in it. Total: no body makes it raise."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import islice

from autocloudops.alarms.load import Refused, decode, raw_of, text_of
from autocloudops.alarms.model import Parsed, Unparseable
from autocloudops.alarms.wire import SHAPES
from autocloudops.alarms.wire.read import fold
from autocloudops.alarms.wire.shape import Inner, Node, Place, Shape, Wire

MAX_PARTS = 10_000
"""Nouns in one body: the largest batch of SQS records that Lambda hands over."""
MAX_WRAPPERS = 8
"""Carriers within carriers. The longest real chain, a queue behind a topic behind a bus, has four."""
UNKNOWN = "unknown"


def parse(body: str | bytes, place: Place | None = None) -> list[Parsed]:
    """Return the alarms and events in `body`; at least one result, and `Unparseable` for what became neither.

    Results stand in the order of the body. `shape` is the chain of wire shapes that were recognised, outermost first,
    joined by `+`: `lambda_sqs_event+sns_envelope+sns_alarm`. It ends in `unknown` where nothing was.

    Args:
        body: one message, event or API answer; text, or bytes in UTF-8.
        place: the account and region that the caller knows the body to come from. Used only where the body names none,
            as the items of alarm history do.
    """
    wire = Wire(sha256(raw_of(body)).hexdigest(), "", place)
    try:
        text = text_of(body)
    except Refused as why:
        return [_unparseable(why, wire)]
    found = list(islice(_nouns(text, wire, 0), MAX_PARTS + 1))
    if len(found) > MAX_PARTS:
        return [_unparseable(Refused("too_many", f"it holds more than {MAX_PARTS} messages"), wire)]
    return found


def _unparseable(why: Refused, wire: Wire) -> Unparseable:
    return Unparseable(code=why.code, reason=why.message, raw_sha256=wire.raw_sha256, shape=wire.shape or UNKNOWN)


def _within(wire: Wire, name: str) -> Wire:
    return Wire(wire.raw_sha256, f"{wire.shape}+{name}" if wire.shape else name, wire.place)


def _nouns(content: object, wire: Wire, depth: int) -> Iterator[Parsed]:
    try:
        value = _value(content, depth)
    except Refused as why:
        yield _unparseable(why, _within(wire, UNKNOWN))
        return
    if isinstance(value, dict):
        yield from _of_object(fold(value), wire, depth)
    elif isinstance(value, str):
        yield from _nouns(value, wire, depth + 1)
    else:
        for item in value:
            yield from _nouns(item, wire, depth + 1)


def _value(content: object, depth: int) -> dict[str, object] | list[object] | str:
    if depth > MAX_WRAPPERS:
        raise Refused("too_deep", f"messages are wrapped more than {MAX_WRAPPERS} times")
    value = decode(content) if isinstance(content, str) else content
    if value == []:
        raise Refused("empty", "the list is empty")
    if not isinstance(value, dict | list | str):
        raise Refused("shape_unknown", "it is no object, but a bare value")
    return value


def _shape_of(node: Node) -> Shape | None:
    for shape in SHAPES:
        if shape.accepts(node):
            return shape
    return None


def _of_object(node: Node, wire: Wire, depth: int) -> Iterator[Parsed]:
    shape = _shape_of(node)
    if shape is None:
        why = Refused("shape_unknown", "no wire shape has these keys")
        yield _unparseable(why, _within(wire, UNKNOWN))
        return
    within = _within(wire, shape.name)
    parts = shape.parts(node, within)
    if not parts:
        yield _unparseable(Refused("empty", "the page holds no item"), within)
    for part in parts:
        yield from _of_part(shape, part, within, depth)


def _of_part(shape: Shape, part: object, wire: Wire, depth: int) -> Iterator[Parsed]:
    try:
        noun = shape.read(fold(part), wire)
    except Refused as why:
        yield _unparseable(why, wire)
        return
    if isinstance(noun, Inner):
        yield from _nouns(noun.content, wire, depth + 1)
    else:
        yield noun
