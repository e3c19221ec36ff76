"""What may enter the pipeline: whose topic a message comes from, and whether SNS signed it."""

from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from autocloudops.alarms.load import Refused, raw_of
from autocloudops.alarms.model import AwsEvent, Unparseable
from autocloudops.alarms.signature import (
    SUBSCRIPTION_CONFIRMATION,
    CertificateLocation,
    Signed,
    Topic,
    outermost,
    signed,
    topic_of,
)
from autocloudops.alarms.wire import eventbridge, eventbridge_alarm, sns_envelope
from autocloudops.alarms.wire.read import shown
from autocloudops.alarms.wire.shape import Node, Shape
from autocloudops.clock import Clock
from autocloudops.errors import SettingsInvalid

if TYPE_CHECKING:
    from autocloudops.authenticity.certificates import SigningCertificate

EVENTBRIDGE_SHAPES = (eventbridge.SHAPE, eventbridge_alarm.SHAPE)


class SignatureCheck(StrEnum):
    """Which bodies need a signature of SNS. What each proves: docs/sns-authenticity.md."""

    OFF = "off"
    REQUIRED = "required"
    STRICT = "strict"


class Certificates(Protocol):
    """Whoever has SNS's certificates. Raises `Refused` and `ServiceUnavailable`."""

    async def get(self, location: CertificateLocation) -> "SigningCertificate":
        """Return the certificate of `location`."""
        ...


class Subscriptions(Protocol):
    """Whoever confirms subscriptions. Raises `Refused` and `ServiceFailed`."""

    async def confirm(self, topic: Topic, token: str) -> str:
        """Return the ARN of the subscription that `token` confirms."""
        ...


class Gatekeeper:
    """Admits, parks or answers each body before it is parsed.

    Args:
        check: `off`; `required`, for every body but EventBridge events; `strict`, for these too.
        topics: ARNs of the topics that envelopes may come from. Without any, envelopes of all topics are admitted
            and no subscription is confirmed.
        certificates: for verifying signatures.
        subscriptions: for answering subscription confirmations.
        clock: the time at which certificates must count.

    Raises:
        SettingsInvalid: an ARN names no topic, or signatures are to be checked but no topic is named.
    """

    def __init__(
        self,
        check: SignatureCheck,
        topics: Sequence[str],
        certificates: Certificates,
        subscriptions: Subscriptions,
        clock: Clock,
    ) -> None:
        if check is not SignatureCheck.OFF and not topics:
            raise SettingsInvalid(
                "signatures are to be checked but no topic is named",
                "name the topics in AUTOCLOUDOPS_SNS_TOPICS: SNS signs for every customer of AWS",
            )
        self._check = check
        self._topics = {arn: _configured(arn) for arn in topics}
        self._certificates = certificates
        self._subscriptions = subscriptions
        self._clock = clock

    async def admit(self, body: str) -> Unparseable | AwsEvent | None:
        """Return `None` for a body that is to be parsed, and else what it came to.

        `Unparseable` is to be parked, with one of the codes `topic_not_configured`, `signature_missing`,
        `signature_invalid`, `certificate_refused` and `confirmation_refused`. `AwsEvent` is a subscription to a
        configured topic that has been confirmed: context.

        Raises:
            ServiceFailed: a certificate or a confirmation cannot be had now; the message must come back.
        """
        try:
            shape, node = outermost(body)
        except Refused:
            return None
        raw_sha256 = sha256(raw_of(body)).hexdigest()
        try:
            return await self._judged(shape, node, raw_sha256)
        except Refused as why:
            name = shape.name if shape else "unknown"
            return Unparseable(code=why.code, reason=why.message, raw_sha256=raw_sha256, shape=name)

    async def _judged(self, shape: Shape | None, node: Node, raw_sha256: str) -> AwsEvent | None:
        if shape is not sns_envelope.SHAPE:
            self._require_no_signature(shape)
            return None
        topic = self._topic(node)
        if topic is not None and self._check is not SignatureCheck.OFF:
            await self._verify(signed(node, topic))
        if topic is not None and node.get("type") == SUBSCRIPTION_CONFIRMATION:
            return await self._confirmed(node, topic, raw_sha256)
        return None

    def _require_no_signature(self, shape: Shape | None) -> None:
        if self._check is SignatureCheck.OFF:
            return
        if self._check is SignatureCheck.STRICT or shape not in EVENTBRIDGE_SHAPES:
            raise Refused("signature_missing", "it is no SNS envelope, and only those bear signatures")

    def _topic(self, node: Node) -> Topic | None:
        """Return the configured topic that an envelope names; `None` where topics do not matter."""
        if not self._topics and node.get("type") != SUBSCRIPTION_CONFIRMATION:
            return None
        arn = node.get("topicarn")
        topic = self._topics.get(arn) if isinstance(arn, str) else None
        if topic is None:
            raise Refused("topic_not_configured", f"{shown(arn)} is none of the configured topics")
        return topic

    async def _verify(self, what: Signed) -> None:
        certificate = await self._certificates.get(what.certificate)
        certificate.verify(what, self._clock.now())

    async def _confirmed(self, node: Node, topic: Topic, raw_sha256: str) -> AwsEvent:
        token = node.get("token")
        if not isinstance(token, str) or not token:
            raise Refused("confirmation_refused", "it bears no token")
        subscription = await self._subscriptions.confirm(topic, token)
        return AwsEvent(
            source="aws.sns",
            detail_type="Subscription Confirmed",
            account=topic.account,
            region=topic.region,
            at=self._clock.now(),
            raw_sha256=raw_sha256,
            shape=sns_envelope.SHAPE.name,
            resources=(topic.arn, subscription),
        )


def _configured(arn: str) -> Topic:
    topic = topic_of(arn)
    if topic is None:
        raise SettingsInvalid(f"{arn!r} names no SNS topic", "write arn:aws:sns:REGION:ACCOUNT:NAME")
    return topic
