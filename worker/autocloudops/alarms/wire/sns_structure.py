"""A message with one text for each protocol, as CloudWatch publishes it and alarm history records it.

https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html
"""

from autocloudops.alarms.wire.shape import Inner, Node, Shape, Wire

_PROTOCOLS = frozenset({"default", "email", "email-json", "http", "https", "lambda", "sms", "sqs"})


def _accepts(node: Node) -> bool:
    return isinstance(node.get("default"), str) and _PROTOCOLS.issuperset(node)


def _read(node: Node, _wire: Wire) -> Inner:
    return Inner(node["default"])


SHAPE = Shape("sns_structure", _accepts, _read)
