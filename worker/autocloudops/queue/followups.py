"""Follow-ups: messages that bring a claim back to a worker after a while. They carry its id and nothing else.

What is to be done about the claim stands in the ledger, so a message that is forged, repeated or late changes nothing.
"""

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from autocloudops.aws import translated

if TYPE_CHECKING:
    from types_aiobotocore_sqs.client import SQSClient

LONGEST = timedelta(seconds=900)
"""The longest that SQS delays a message (API reference, SendMessage, DelaySeconds)."""
BODY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


class SqsFollowUps:
    """Sends follow-ups to one SQS queue.

    Args:
        client: an SQS client.
        url: the queue of follow-ups.
    """

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    async def send(self, claim_id: UUID, after: timedelta) -> None:
        """Let a worker look at a claim after a while: 15 minutes at most, then it has to be sent on.

        Raises:
            ServiceFailed: the message is not in the queue, or nobody knows.
        """
        seconds = math.ceil(min(max(after, timedelta()), LONGEST).total_seconds())
        with translated("sqs:SendMessage", self._url):
            await self._client.send_message(QueueUrl=self._url, MessageBody=str(claim_id), DelaySeconds=seconds)


def parse_follow_up(body: str) -> UUID | None:
    """Return the claim that a message is about, or None for anything that no worker of ours sends."""
    return UUID(body) if BODY.fullmatch(body) else None
