"""From settings to adapters: each opens what it needs and closes it with the stack."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from aiobotocore.config import AioConfig

from autocloudops import aws
from autocloudops.audit.objects import AuditObjects, FolderObjects, S3Objects
from autocloudops.authenticity.cache import CertificateCache
from autocloudops.authenticity.fetching import HttpsFetcher
from autocloudops.authenticity.gatekeeper import Gatekeeper
from autocloudops.authenticity.subscriptions import SnsSubscriptions
from autocloudops.clock import Clock
from autocloudops.environment import variable_of
from autocloudops.errors import SettingsInvalid
from autocloudops.incidents.model import Windows
from autocloudops.notify.sns import SnsNotifier
from autocloudops.queue.client import SqsQueue
from autocloudops.queue.lean import open_lean
from autocloudops.queue.sdk import open_sdk
from autocloudops.settings import ActionSettings, IncidentSettings, NotifySettings, QueueSettings, SnsSettings

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_sns.client import SNSClient
    from types_aiobotocore_sqs.client import SQSClient

CALL_SECONDS = 10
CALL_ATTEMPTS = 3


async def open_queue(stack: AsyncExitStack, settings: QueueSettings) -> SqsQueue:
    """Open the alarm queue; its read timeout outlasts the long poll."""
    opened = open_lean if settings.transport == "lean" else open_sdk
    with aws.translated("opening a client", "sqs"):
        client = await stack.enter_async_context(opened(settings.wait_seconds + CALL_SECONDS))
    return SqsQueue(cast("SQSClient", client), settings.url, settings.dlq_url, settings.wait_seconds)


def follow_up_queue(queue: QueueSettings, action: ActionSettings) -> QueueSettings | None:
    """Return how the queue of follow-ups is received from, as alarms are; None where there is none.

    Raises:
        SettingsInvalid: it is one of the queues of alarms, which would be taken for follow-ups that nobody can read.
    """
    if not action.followups_url:
        return None
    if action.followups_url in {queue.url, queue.dlq_url}:
        raise SettingsInvalid(
            f"{variable_of(ActionSettings, 'followups_url')}: {action.followups_url} is for alarms",
            "name a queue of its own, as FollowUpQueueUrl of the stack infrastructure/cloudformation/foundation.yaml",
        )
    return queue.model_copy(update={"url": action.followups_url, "dlq_url": action.followups_dlq_url})


def gatekeeper_of(settings: SnsSettings, clock: Clock) -> Gatekeeper:
    """Return who says which bodies may be parsed; it opens connections only when a message needs one.

    Raises:
        SettingsInvalid: an ARN names no topic, or signatures are to be checked but no topic is named.
    """
    calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=1)

    def open_sns(region: str) -> "AbstractAsyncContextManager[SNSClient]":
        context = aws.session().create_client("sns", region_name=region, config=calls)
        return cast("AbstractAsyncContextManager[SNSClient]", context)

    certificates = CertificateCache(HttpsFetcher(), clock)
    return Gatekeeper(settings.signatures, settings.topics, certificates, SnsSubscriptions(open_sns), clock)


async def open_table(stack: AsyncExitStack) -> "DynamoDBClient":
    """Open what the state table is read and written through."""
    calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=CALL_ATTEMPTS)
    return cast("DynamoDBClient", await open_client(stack, "dynamodb", calls))


async def open_audit(stack: AsyncExitStack, location: str, kms_key: str = "") -> AuditObjects:
    """Open where the audit is: `s3://bucket[/prefix]`, or a folder.

    Args:
        stack: closes it.
        location: where it is.
        kms_key: what new objects in a bucket are encrypted with; empty for what the bucket says.
    """
    if not location.startswith("s3://"):
        return FolderObjects(Path(location))
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=1)
    client = await open_client(stack, "s3", calls)
    return S3Objects(cast("S3Client", client), bucket, f"{prefix.rstrip('/')}/" if prefix else "", kms_key)


async def open_notifier(stack: AsyncExitStack, settings: NotifySettings) -> SnsNotifier:
    """Open the topic for decisions."""
    calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=CALL_ATTEMPTS)
    client = await open_client(stack, "sns", calls)
    return SnsNotifier(cast("SNSClient", client), settings.topic_arn)


async def open_client(stack: AsyncExitStack, service: str, calls: AioConfig, region: str | None = None) -> object:
    """Open a client, or say which part of the AWS configuration it lacks."""
    with aws.translated("opening a client", service):
        client = aws.shared_session().create_client(service, region_name=region, config=calls)
        return await stack.enter_async_context(client)


def windows_of(settings: IncidentSettings) -> Windows:
    """Return how long incidents wait for company."""
    return Windows(
        join=timedelta(seconds=settings.join_seconds),
        quiet=timedelta(seconds=settings.quiet_seconds),
        batch=timedelta(seconds=settings.batch_seconds),
    )
