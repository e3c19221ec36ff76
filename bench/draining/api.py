"""The calls of SQS that consumers make, and three of ours to fill a queue and to read its counts.

Source: SQS API reference, request and response syntax of each action.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.draining.queues import VISIBILITY_SECONDS, Content, Message, Queue, content_of

ACCOUNT = "000000000000"

Fields = Mapping[str, Any]
Call = Callable[[Queue, Fields], Mapping[str, object]]


class UnknownQueueError(Exception):
    """A call named a queue that nobody made."""


class Api:
    """Every queue of the server, and what can be done with them.

    `base` is the URL that queue URLs start with; `names` has the actions by their names in small letters.
    """

    def __init__(self) -> None:
        self.base = ""
        self.queues: dict[str, Queue] = {}
        self._calls: Mapping[str, Call] = {"GetQueueUrl": self._found, **CALLS}
        self.names = {name.lower(): name for name in (*self._calls, "CreateQueue", "ListQueues", "ReceiveMessage")}

    def answer(self, action: str, fields: Fields) -> str:
        """Return the JSON text that answers a call which needs no waiting.

        Raises:
            UnknownQueueError: the queue does not exist.
            KeyError: the call is not one of those here, or lacks a field.
        """
        match action:
            case "CreateQueue":
                queue = self.queues.setdefault(fields["QueueName"], Queue(fields["QueueName"]))
                return json.dumps(self._found(queue, fields))
            case "ListQueues":
                begin = fields.get("QueueNamePrefix") or ""
                return json.dumps({"QueueUrls": [self._url(name) for name in self.queues if name.startswith(begin)]})
        call = self._calls[action]
        return json.dumps(call(self.queue(action, fields), fields))

    def queue(self, action: str, fields: Fields) -> Queue:
        """Return the queue that a call is for, and count the call."""
        name = str(fields.get("QueueName") or fields["QueueUrl"].rpartition("/")[2])
        if name not in self.queues:
            raise UnknownQueueError(name)
        queue = self.queues[name]
        queue.counts.calls[action] += 1
        return queue

    def _found(self, queue: Queue, _: Fields) -> Mapping[str, object]:
        return {"QueueUrl": self._url(queue.name)}

    def _url(self, name: str) -> str:
        return f"{self.base}/{ACCOUNT}/{name}"


def received(fields: Fields, messages: Sequence[Message]) -> str:
    """Return the answer to a receive, with the attributes that it asked for."""
    if not messages:
        return "{}"
    system = bool(fields.get("AttributeNames") or fields.get("MessageSystemAttributeNames"))
    own = bool(fields.get("MessageAttributeNames"))
    return f'{{"Messages":[{",".join(_encoded(message, system, own) for message in messages)}]}}'


def _encoded(message: Message, system: bool, own: bool) -> str:
    parts = [f'{{"MessageId":"{message.id}","ReceiptHandle":"{message.receipt}"', message.content.encoded]
    if system:
        parts.append(
            f'"Attributes":{{"ApproximateReceiveCount":"{message.receives}","SenderId":"{ACCOUNT}",'
            f'"SentTimestamp":"{message.sent_milliseconds}"}}'
        )
    if own and message.content.attributes:
        parts.append(message.content.attributes)
    return ",".join(parts) + "}"


def _attributes(queue: Queue, _: Fields) -> Mapping[str, object]:
    return {
        "Attributes": {
            "ApproximateNumberOfMessages": str(queue.waiting),
            "ApproximateNumberOfMessagesNotVisible": str(queue.in_flight),
            "ApproximateNumberOfMessagesDelayed": "0",
            "QueueArn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{queue.name}",
            "VisibilityTimeout": str(int(VISIBILITY_SECONDS)),
        }
    }


def _send(queue: Queue, fields: Fields) -> Mapping[str, object]:
    content = content_of(fields["MessageBody"], fields.get("MessageAttributes") or {})
    return {"MessageId": queue.send(content).id, "MD5OfMessageBody": content.checksum}


def _send_batch(queue: Queue, fields: Fields) -> Mapping[str, object]:
    return {"Successful": [{"Id": each["Id"], **_send(queue, each)} for each in fields["Entries"]], "Failed": []}


def _delete(queue: Queue, fields: Fields) -> Mapping[str, object]:
    queue.delete(fields["ReceiptHandle"])
    return {}


def _delete_batch(queue: Queue, fields: Fields) -> Mapping[str, object]:
    for entry in fields["Entries"]:
        queue.delete(entry["ReceiptHandle"])
    return {"Successful": [{"Id": entry["Id"]} for entry in fields["Entries"]], "Failed": []}


def _change(queue: Queue, fields: Fields) -> Mapping[str, object]:
    queue.change(fields["ReceiptHandle"], fields["VisibilityTimeout"])
    return {}


def _change_batch(queue: Queue, fields: Fields) -> Mapping[str, object]:
    held = {each["Id"]: queue.change(each["ReceiptHandle"], each["VisibilityTimeout"]) for each in fields["Entries"]}
    failed = [
        {"Id": name, "SenderFault": True, "Code": "MessageNotInflight"} for name, still in held.items() if not still
    ]
    return {"Successful": [{"Id": name} for name, still in held.items() if still], "Failed": failed}


def _keep(queue: Queue, fields: Fields) -> Mapping[str, object]:
    samples: list[Content] = [content_of(body, {}) for body in fields["Bodies"]]
    queue.keep(samples)
    return {}


def _fill(queue: Queue, fields: Fields) -> Mapping[str, object]:
    queue.fill(fields["Count"])
    return {"ServerCpuSeconds": time.process_time()}


def _stats(queue: Queue, _: Fields) -> Mapping[str, object]:
    counts = queue.counts
    return {
        "calls": sum(number for name, number in counts.calls.items() if not name.startswith("Bench")),
        "redelivered": counts.redelivered,
        "deleted": counts.deleted,
        "in_flight": queue.in_flight,
        "seconds": counts.last_delete - counts.first_receive,
        "server_cpu_seconds": time.process_time(),
    }


CALLS: Mapping[str, Call] = {
    "GetQueueAttributes": _attributes,
    "SendMessage": _send,
    "SendMessageBatch": _send_batch,
    "DeleteMessage": _delete,
    "DeleteMessageBatch": _delete_batch,
    "ChangeMessageVisibility": _change,
    "ChangeMessageVisibilityBatch": _change_batch,
    "BenchKeep": _keep,
    "BenchFill": _fill,
    "BenchStats": _stats,
}
