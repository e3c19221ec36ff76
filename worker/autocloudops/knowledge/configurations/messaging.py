"""SQS queues, SNS topics, Kinesis streams."""

import json

from autocloudops.knowledge.configurations.reading import Answer, Described, Describer, Limit, Reading
from autocloudops.knowledge.configurations.words import MIB, counted, named, since, term
from autocloudops.knowledge.wording import duration

_QUEUE_URL = "sqs:GetQueueUrl"
_QUEUE = "sqs:GetQueueAttributes"
_TOPIC = "sns:GetTopicAttributes"
_STREAM = "kinesis:DescribeStreamSummary"
IN_FLIGHT = 120_000
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
SHARD_BYTES, SHARD_RECORDS, SHARD_READ_BYTES = MIB, 1000, 2 * MIB
"""A second, for each shard: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""
_HOUR_SECONDS = 3600
_ATTRIBUTES = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "DelaySeconds",
    "FifoQueue",
    "LastModifiedTimestamp",
    "MessageRetentionPeriod",
    "RedrivePolicy",
    "VisibilityTimeout",
)
"""`Policy` is not asked for."""


async def _queue(reading: Reading) -> Described:
    located = await reading.ask(_QUEUE_URL, QueueName=reading.resource.id)
    names = [each for each in _ATTRIBUTES if each != "FifoQueue" or reading.resource.id.endswith(".fifo")]
    answer = await reading.ask(_QUEUE, QueueUrl=located["QueueUrl"], AttributeNames=names)
    found: dict[str, str] = answer.get("Attributes", {})
    kept = int(found.get("MessageRetentionPeriod", 0))
    limits = {"ApproximateNumberOfMessagesNotVisible": Limit("messages in flight", IN_FLIGHT, "a quota of SQS")}
    if kept:
        limits["ApproximateAgeOfOldestMessage"] = Limit("retention", kept, f"{duration(kept)}, in seconds")
    return Described(
        lines=(
            (
                f"messages: {_count(found, '')} waiting, {_count(found, 'NotVisible')} in flight, "
                f"{_count(found, 'Delayed')} delayed"
            ),
            f"visibility timeout: {int(found.get('VisibilityTimeout', 0))} s",
            f"delay: {int(found.get('DelaySeconds', 0))} s",
            _redrive(found.get("RedrivePolicy")),
            f"kind: {'FIFO' if found.get('FifoQueue') == 'true' else 'standard'}",
        ),
        limits=limits,
    )


def _count(found: dict[str, str], suffix: str) -> int:
    return int(found.get(f"ApproximateNumberOfMessages{suffix}", 0))


def _redrive(policy: str | None) -> str:
    if not policy:
        return "dead-letter queue: none"
    try:
        said = json.loads(policy)
        return (
            f"dead-letter queue: {named(str(said['deadLetterTargetArn']).rpartition(':')[2])} "
            f"after {int(said['maxReceiveCount'])} receives"
        )
    except (KeyError, TypeError, ValueError):
        return f"dead-letter queue: {named(policy)}"


async def _topic(reading: Reading) -> Described:
    arn = reading.resource.arn or reading.resource.id
    found = (await reading.ask(_TOPIC, TopicArn=arn)).get("Attributes", {})
    return Described(
        lines=(
            (
                f"subscriptions: {term(found.get('SubscriptionsConfirmed'))} confirmed, "
                f"{term(found.get('SubscriptionsPending'))} pending, {term(found.get('SubscriptionsDeleted'))} deleted"
            ),
            f"kind: {'FIFO' if found.get('FifoTopic') == 'true' else 'standard'}",
            f"encrypted with: {named(found['KmsMasterKeyId'])}" if found.get("KmsMasterKeyId") else "",
            f"retries: {'its own policy' if found.get('DeliveryPolicy') else 'the default policy'}",
        )
    )


async def _stream(reading: Reading) -> Described:
    answer = await reading.ask(_STREAM, StreamName=reading.names[0])
    found = answer.get("StreamDescriptionSummary", {})
    mode = str(found.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED"))
    enhanced = [each for item in found.get("EnhancedMonitoring", ()) for each in item.get("ShardLevelMetrics", ())]
    return Described(
        lines=(
            f"stream: {found.get('OpenShardCount')} open shards, {term(mode)}, {term(found.get('StreamStatus'))}",
            f"retention: {found.get('RetentionPeriodHours')} h; consumers: {found.get('ConsumerCount', 0)}",
            f"made: {since(found.get('StreamCreationTimestamp'))}",
            f"metrics of shards: {counted(enhanced)}" if enhanced else "",
        ),
        limits=_shard_limits(found, mode),
    )


def _shard_limits(found: Answer, mode: str) -> dict[str, Limit]:
    kept = found.get("RetentionPeriodHours", 0) * _HOUR_SECONDS * 1000
    limits = {"GetRecords.IteratorAgeMilliseconds": Limit("retention", kept, "in ms; older records are lost")}
    shards = found.get("OpenShardCount", 0)
    if mode == "PROVISIONED" and shards:
        note = f"{shards} shards"
        limits["IncomingBytes"] = Limit("bytes in", shards * SHARD_BYTES, note, per_second=True)
        limits["IncomingRecords"] = Limit("records in", shards * SHARD_RECORDS, note, per_second=True)
        limits["GetRecords.Bytes"] = Limit("bytes out", shards * SHARD_READ_BYTES, note, per_second=True)
    return limits


DESCRIBERS = (
    Describer(("sqs:queue",), (_QUEUE_URL, _QUEUE), _queue),
    Describer(("sns:topic",), (_TOPIC,), _topic),
    Describer(("kinesis:consumer", "kinesis:shard", "kinesis:stream"), (_STREAM,), _stream),
)
