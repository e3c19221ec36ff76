"""What SNS signs in a message, and where the certificate that shows it may come from. Nothing is fetched here.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html

A body is decoded, recognised and folded exactly as `parse` does it. What was verified is then what is acted on: a
forged `message` beside a signed `Message`, or records beside an envelope, gain nothing.
"""

import re
from base64 import b64decode
from typing import NamedTuple

from autocloudops.alarms.load import Refused, decode, text_of
from autocloudops.alarms.regions import is_region_code
from autocloudops.alarms.wire import SHAPES
from autocloudops.alarms.wire.read import fold, shown, text
from autocloudops.alarms.wire.shape import Node, Shape

NOTIFICATION = "Notification"
SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"

_CONFIRMATION_FIELDS = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED_FIELDS = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION_CONFIRMATION: _CONFIRMATION_FIELDS,
    UNSUBSCRIBE_CONFIRMATION: _CONFIRMATION_FIELDS,
}
_OPTIONAL_FIELD = "Subject"
_VERSIONS = ("1", "2")

_TOPIC_ARN = (
    r"arn:(?P<partition>aws[a-z-]{0,16}):sns:(?P<region>[a-z0-9-]{1,32}):(?P<account>[0-9]{12}):"
    r"[A-Za-z0-9_-]{1,256}(?:\.fifo)?"
)
_DOMAINS = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-us-gov": "amazonaws.com",
}
_CERTIFICATE_FILE = re.compile(r"SimpleNotificationService-[0-9a-f]{32,64}\.pem")
_SIGNING_REGION = {"us-gov-east-1": "us-gov-west-1"}


class Topic(NamedTuple):
    """A topic that messages may come from, taken apart.

    Attributes:
        arn: the whole ARN.
        region: the region's code.
        account: the owner's twelve digits.
        domain: the DNS domain of the AWS partition.
    """

    arn: str
    region: str
    account: str
    domain: str

    @property
    def certificate_names(self) -> frozenset[str]:
        """The DNS names of which SNS's signing certificate for this region bears one.

        As in `SnsHostProvider` of the AWS SDK for Java 2; every one of them belongs to AWS.
        """
        region = _SIGNING_REGION.get(self.region, self.region)
        return frozenset(f"{host}.{self.domain}" for host in ("sns", f"sns-{region}", f"sns-signing.{region}"))


class CertificateLocation(NamedTuple):
    """Where a certificate may be fetched, and the DNS names of which it must bear one.

    Made by `certificate_location` only, so that holding one means that the URL was accepted.
    """

    url: str
    names: frozenset[str]


class Signed(NamedTuple):
    """What there is to verify: text, signature, the signature's version (`1` or `2`), and where its certificate is."""

    text: bytes
    signature: bytes
    version: str
    certificate: CertificateLocation


def outermost(body: str) -> tuple[Shape | None, Node]:
    """Return the wire shape by which `parse` will read `body`, and the body's object; no shape where it has none.

    Raises:
        Refused: the body cannot be decoded; `parse` refuses it in the same words.
    """
    node = fold(decode(text_of(body)))
    return next((shape for shape in SHAPES if shape.accepts(node)), None), node


def topic_of(arn: str) -> Topic | None:
    """Return the topic that `arn` names; `None` where it is no topic ARN of a partition that is known here."""
    found = re.fullmatch(_TOPIC_ARN, arn)
    domain = _DOMAINS.get(found["partition"]) if found else None
    if found is None or domain is None or not is_region_code(found["region"]):
        return None
    return Topic(arn, found["region"], found["account"], domain)


def certificate_location(url: str, topic: Topic) -> CertificateLocation:
    """Return where the certificate for a message of `topic` may be fetched.

    The one host that is accepted follows from the topic, not from the message: `sns.<region>.<domain>`, the regional
    endpoint, over https on its own port. The file is `SimpleNotificationService-<hex>.pem`, without query or fragment.

    Args:
        url: the message's `SigningCertURL`.
        topic: the topic that the message comes from.

    Raises:
        Refused: `certificate_refused`.
    """
    endpoint = f"https://sns.{topic.region}.{topic.domain}/"
    if not url.startswith(endpoint) or not _CERTIFICATE_FILE.fullmatch(url, len(endpoint)):
        raise Refused("certificate_refused", f"{shown(url)} is no certificate of {endpoint}")
    return CertificateLocation(url, topic.certificate_names)


def text_to_sign(node: Node) -> bytes:
    """Return the text that SNS signs: name and value of each signed field, each on a line, in byte order.

    Args:
        node: the envelope, folded.

    Raises:
        Refused: `signature_invalid`; a signed field is missing, or SNS signs no such type.
    """
    kind = node.get("type")
    fields = _SIGNED_FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise Refused("signature_invalid", f"SNS signs no message of type {shown(kind)}")
    return "".join(
        f"{field}\n{value}\n" for field in fields if (value := _signed_value(node, field)) is not None
    ).encode()


def _signed_value(node: Node, field: str) -> str | None:
    value = node.get(field.lower())
    if isinstance(value, str) or (value is None and field == _OPTIONAL_FIELD):
        return value
    raise Refused("signature_invalid", f"the signed field {field} is missing or no text")


def signed(node: Node, topic: Topic) -> Signed:
    """Return what there is to verify in an envelope.

    Args:
        node: the envelope, folded.
        topic: the topic that it names.

    Raises:
        Refused: `signature_missing`, `signature_invalid` or `certificate_refused`.
    """
    version, signature, url = (text(node, key) for key in ("signatureversion", "signature", "signingcerturl"))
    if version is None or signature is None or url is None:
        raise Refused("signature_missing", "the envelope bears no signature")
    if version not in _VERSIONS:
        raise Refused("signature_invalid", f"{shown(version)} is no signature version that is known")
    return Signed(text_to_sign(node), _from_base64(signature), version, certificate_location(url, topic))


def _from_base64(signature: str) -> bytes:
    try:
        return b64decode(signature, validate=True)
    except ValueError as error:
        raise Refused("signature_invalid", "the signature is no Base64 text") from error
