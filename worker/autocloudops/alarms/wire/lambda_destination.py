"""What Lambda sends to a destination about an asynchronous invocation; the event that it was invoked with is read.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from autocloudops.alarms.load import Refused
from autocloudops.alarms.wire.shape import Inner, Node, Shape, Wire


def _accepts(node: Node) -> bool:
    return "requestcontext" in node and "requestpayload" in node


def _read(node: Node, _wire: Wire) -> Inner:
    payload = node["requestpayload"]
    if not isinstance(payload, str | dict | list):
        raise Refused("empty", "the invocation had no event")
    return Inner(payload)


SHAPE = Shape("lambda_destination", _accepts, _read)
