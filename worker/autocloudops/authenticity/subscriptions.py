"""Subscriptions confirmed through the SNS API. The `SubscribeURL` of a message is never visited.

https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from autocloudops.alarms.load import Refused
from autocloudops.alarms.signature import Topic
from autocloudops.aws import error_code, error_message, translated

if TYPE_CHECKING:
    from types_aiobotocore_sns.client import SNSClient

HOPELESS = frozenset({"InvalidParameter", "InvalidParameterException", "NotFound", "NotFoundException"})
"""The token is wrong, used up or expired, or the topic is gone: asking again changes nothing."""


class SnsSubscriptions:
    """Confirms subscriptions in the region of their topic.

    Args:
        open_client: opens an SNS client for a region. Each confirmation opens one: a topic brings one in its life.
    """

    def __init__(self, open_client: Callable[[str], AbstractAsyncContextManager["SNSClient"]]) -> None:
        self._open_client = open_client

    async def confirm(self, topic: Topic, token: str) -> str:
        """Return the ARN of the subscription that `token` confirms. Nobody but its owners may then end it.

        Raises:
            Refused: `confirmation_refused`; SNS will refuse this token again.
            ServiceFailed: a permission is missing, or the call failed in a way that may pass.
        """
        with translated("sns:ConfirmSubscription", topic.arn):
            try:
                async with self._open_client(topic.region) as client:
                    answer = await client.confirm_subscription(
                        TopicArn=topic.arn, Token=token, AuthenticateOnUnsubscribe="true"
                    )
            except ClientError as error:
                if error_code(error) in HOPELESS:
                    raise Refused("confirmation_refused", f"SNS refused the token: {error_message(error)}") from error
                raise
        return answer["SubscriptionArn"]
