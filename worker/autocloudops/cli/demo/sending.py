"""Sending the samples over HTTP, each the way it would come in production."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, cast

from autocloudops import aws
from autocloudops.errors import SandboxFailed
from autocloudops.sandbox import SandboxResources
from autocloudops.sandbox.foundation import client
from autocloudops.sandbox.samples import Route, Sample

if TYPE_CHECKING:
    from types_aiobotocore_sns.client import SNSClient
    from types_aiobotocore_sqs.client import SQSClient


async def send(samples: Sequence[Sample], resources: SandboxResources) -> AsyncIterator[Sample]:
    """Send every sample in order, and yield each once it is sent.

    Raises:
        SandboxFailed: the event bus refused one.
        ServiceFailed: the emulator refused or did not answer.
    """
    async with AsyncExitStack() as stack:
        sqs = cast("SQSClient", await stack.enter_async_context(client("sqs", resources.endpoint_url)))
        sns = cast("SNSClient", await stack.enter_async_context(client("sns", resources.endpoint_url)))
        events = await stack.enter_async_context(client("events", resources.endpoint_url))
        for sample in samples:
            with aws.translated(f"sending a sample by {sample.route}", resources.endpoint_url):
                match sample.route:
                    case Route.SQS:
                        await sqs.send_message(QueueUrl=resources.queue_url, MessageBody=sample.body)
                    case Route.SNS:
                        await sns.publish(TopicArn=resources.intake_topic_arn, Message=sample.body)
                    case Route.EVENTBRIDGE:
                        answer = await events.put_events(Entries=[_entry(sample, resources.event_source)])
                        _require_taken(sample, answer["FailedEntryCount"])
            yield sample


def _entry(sample: Sample, source: str) -> dict[str, object]:
    """Return a sample as an entry of PutEvents, from a source that the sandbox's rule accepts beside AWS's own."""
    event = json.loads(sample.body)
    return {
        "Source": source,
        "DetailType": event["detail-type"],
        "Resources": event["resources"],
        "Detail": json.dumps(event["detail"]),
    }


def _require_taken(sample: Sample, refused: int) -> None:
    if refused:
        raise SandboxFailed(f"PutEvents refused the sample {sample.name}", "compare it with the event structure")
