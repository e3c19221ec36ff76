"""The event of a Lambda function that reads SQS, and the answer of ReceiveMessage; each body is read on its own.

A record alone is read too: EventBridge Pipes hand over bare ones.
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from autocloudops.alarms.load import Refused
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.shape import Inner, Node, Shape, Wire


def _is_page(node: Node) -> bool:
    messages = read.items(node, "records", "messages")
    first = read.fold(messages[0]) if messages else read.NOTHING
    return "body" in first or first.get("eventsource") == "aws:sqs"


def _accepts(node: Node) -> bool:
    return _is_page(node) or node.get("eventsource") == "aws:sqs" or {"messageid", "body"} <= node.keys()


def _parts(node: Node, _wire: Wire) -> list[object]:
    return read.items(node, "records", "messages") if _is_page(node) else [node]


def _read(node: Node, _wire: Wire) -> Inner:
    body = node.get("body")
    if not isinstance(body, str | dict):
        raise Refused("empty", "the message has no body")
    return Inner(body)


SHAPE = Shape("lambda_sqs_event", _accepts, _read, _parts)
