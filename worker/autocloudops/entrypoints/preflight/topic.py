"""The topic that decisions are told on."""

from functools import partial

from autocloudops.aws import translated
from autocloudops.entrypoints.preflight.checks import Check, Weight, refused
from autocloudops.entrypoints.preflight.clients import Clients
from autocloudops.errors import SettingsInvalid

INVALID = frozenset({"InvalidParameter"})
LIMIT_BYTES = 262_144
TOO_LONG = "x" * (LIMIT_BYTES + 1)
"""More than SNS takes (API reference, Publish)."""


def topic_checks(clients: Clients, topic: str) -> list[Check]:
    """Return the checks of the topic. Nothing is published."""
    clients.needs("sns")
    return [
        Check("tell people", topic, Weight.REQUIRED, partial(_publish, clients, topic)),
        Check("somebody listens", topic, Weight.ADVISORY, partial(_listeners, clients, topic)),
    ]


async def _publish(clients: Clients, topic: str) -> str:
    sns = await clients.get("sns")
    await refused(sns.publish(TopicArn=topic, Message=TOO_LONG), "sns:Publish", topic, INVALID)
    return "allowed"


async def _listeners(clients: Clients, topic: str) -> str:
    sns = await clients.get("sns")
    with translated("sns:GetTopicAttributes", topic):
        held = (await sns.get_topic_attributes(TopicArn=topic))["Attributes"]
    confirmed = int(held.get("SubscriptionsConfirmed", "0"))
    if not confirmed:
        raise SettingsInvalid("nobody has subscribed to the topic", "subscribe an address, and confirm it")
    return f"{confirmed} subscriptions"
