"""The alarm queue and that of follow-ups, each with its dead-letter queue."""

import json
from collections.abc import Mapping
from functools import partial

from autocloudops.aws import translated
from autocloudops.entrypoints.preflight.checks import Check, Weight, refused
from autocloudops.entrypoints.preflight.clients import CALL_SECONDS, Clients
from autocloudops.errors import SettingsInvalid
from autocloudops.settings import QueueSettings

LEAST_RECEIVES = 10
INVALID = frozenset({"InvalidParameterValue", "ReadCountOutOfRange"})
EMPTY = frozenset({"AWS.SimpleQueueService.EmptyBatchRequest", "EmptyBatchRequest"})
NO_RECEIPT = "none"


def queue_checks(clients: Clients, settings: QueueSettings, brings: str = "alarms") -> list[Check]:
    """Return the checks of a queue and its dead-letter queue. None of them receives, sends or deletes a message."""
    clients.needs("sqs")
    url, dlq = settings.url, settings.dlq_url
    return [
        Check(f"receive {brings}", url, Weight.VITAL, partial(_receive, clients, url)),
        Check(f"delete {brings}", url, Weight.VITAL, partial(_delete, clients, url)),
        Check("extend and release leases", url, Weight.VITAL, partial(_change, clients, url)),
        Check("visibility timeout", url, Weight.ADVISORY, partial(_visibility, clients, settings)),
        Check("redrive policy", url, Weight.ADVISORY, partial(_redrive, clients, settings)),
        Check("park unreadable bodies", dlq, Weight.VITAL, partial(_park, clients, dlq)),
    ]


def follow_up_checks(clients: Clients, settings: QueueSettings) -> list[Check]:
    """Return the checks of the queue of follow-ups, to which workers send as well."""
    send = Check("send follow-ups", settings.url, Weight.VITAL, partial(_park, clients, settings.url))
    return [*queue_checks(clients, settings, "follow-ups"), send]


async def attributes_of(clients: Clients, url: str) -> Mapping[str, str]:
    """Return every attribute of a queue."""
    sqs = await clients.get("sqs")
    with translated("sqs:GetQueueAttributes", url):
        answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    attributes: Mapping[str, str] = answer["Attributes"]
    return attributes


async def _receive(clients: Clients, url: str) -> str:
    sqs = await clients.get("sqs")
    await refused(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=0), "sqs:ReceiveMessage", url, INVALID)
    return "allowed"


async def _delete(clients: Clients, url: str) -> str:
    sqs = await clients.get("sqs")
    with translated("sqs:DeleteMessage", url):
        await sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": NO_RECEIPT}])
    return "allowed"


async def _change(clients: Clients, url: str) -> str:
    sqs = await clients.get("sqs")
    entry = {"Id": "0", "ReceiptHandle": NO_RECEIPT, "VisibilityTimeout": 0}
    with translated("sqs:ChangeMessageVisibility", url):
        await sqs.change_message_visibility_batch(QueueUrl=url, Entries=[entry])
    return "allowed"


async def _park(clients: Clients, url: str) -> str:
    sqs = await clients.get("sqs")
    await refused(sqs.send_message_batch(QueueUrl=url, Entries=[]), "sqs:SendMessage", url, EMPTY)
    return "allowed"


async def _visibility(clients: Clients, settings: QueueSettings) -> str:
    """AWS wants it longer than a client's read timeout: messages of a receive that nobody heard stay invisible."""
    seconds = int((await attributes_of(clients, settings.url)).get("VisibilityTimeout", "0"))
    least = settings.wait_seconds + CALL_SECONDS
    if seconds <= least:
        raise SettingsInvalid(
            f"messages come back after {seconds} s, and a receive alone may take {least} s",
            "set VisibilityTimeout of the queue to 180 s",
        )
    return f"{seconds} s"


async def _redrive(clients: Clients, settings: QueueSettings) -> str:
    """A message that ends its worker has to leave the queue; an outage must not make healthy ones leave it."""
    held = await attributes_of(clients, settings.url)
    policy = json.loads(held.get("RedrivePolicy", "{}"))
    if not policy:
        raise SettingsInvalid("a message that nobody can finish stays in the queue", "set a RedrivePolicy")
    receives, dlq = int(policy["maxReceiveCount"]), str(policy["deadLetterTargetArn"])
    if receives < LEAST_RECEIVES:
        raise SettingsInvalid(
            f"{receives} receives, which an outage of minutes uses up", "set maxReceiveCount to 1000, as the stack does"
        )
    if dlq.rpartition(":")[2] != settings.dlq_url.rpartition("/")[2]:
        raise SettingsInvalid(f"it names {dlq}, not the queue for unreadable bodies", "name the same queue in both")
    return f"after {receives} receives to {dlq}"
