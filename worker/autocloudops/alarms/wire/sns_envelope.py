"""SNS's envelope, as queues and webhooks receive it. Neither its subject nor its time is trusted.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

from autocloudops.alarms.load import Refused
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.shape import Inner, Node, Shape, Wire

_CONFIRMATIONS = {
    "SubscriptionConfirmation": "subscription_confirmation",
    "UnsubscribeConfirmation": "unsubscribe_confirmation",
}


def _accepts(node: Node) -> bool:
    return isinstance(node.get("message"), str | dict) and (
        isinstance(node["message"], dict) or "topicarn" in node or "type" in node
    )


def _read(node: Node, _wire: Wire) -> Inner:
    kind = read.text(node, "type") or ""
    if kind in _CONFIRMATIONS:
        raise Refused(_CONFIRMATIONS[kind], f"SNS sent a {kind}, which carries no notification")
    return Inner(node["message"])


SHAPE = Shape("sns_envelope", _accepts, _read)
