"""The event of a Lambda function that SNS invokes; each record is read on its own, also one alone.

https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

from autocloudops.alarms.load import Refused
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.shape import Inner, Node, Shape, Wire


def _is_page(node: Node) -> bool:
    records = read.items(node, "records")
    return bool(records) and "sns" in read.fold(records[0])


def _accepts(node: Node) -> bool:
    return _is_page(node) or isinstance(node.get("sns"), dict)


def _parts(node: Node, _wire: Wire) -> list[object]:
    return read.items(node, "records") if _is_page(node) else [node]


def _read(node: Node, _wire: Wire) -> Inner:
    message = read.child(node, "sns").get("message")
    if not isinstance(message, str | dict):
        raise Refused("empty", "the record has no SNS message")
    return Inner(message)


SHAPE = Shape("lambda_sns_event", _accepts, _read, _parts)
