"""SNS as a sender: envelopes signed with a certificate that is made when the tests run."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"
OTHER_TOPIC = "arn:aws:sns:eu-west-1:999988887777:alarms"
HOST = "sns.eu-west-1.amazonaws.com"
FILE = "SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
CERTIFICATE_URL = f"https://{HOST}/{FILE}"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
ALARM: Mapping[str, object] = {
    "AlarmName": "checkout-latency",
    "AlarmDescription": "the till is slow",
    "AWSAccountId": "111122223333",
    "NewStateValue": "ALARM",
    "OldStateValue": "OK",
    "NewStateReason": "Threshold Crossed: 1 datapoint [2.5 (01/03/26 11:59:00)] was greater than the threshold (1.0).",
    "StateChangeTime": "2026-03-01T12:00:00.000+0000",
    "Region": "EU (Ireland)",
    "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:checkout-latency",
    "Trigger": {"MetricName": "Latency", "Namespace": "AWS/ELB", "Dimensions": [], "Threshold": 1.0},
}
EVENT: Mapping[str, object] = {
    "version": "0",
    "id": "3fb6f2b0-6a1c-4d1e-9a57-2c1f2f0a7b11",
    "detail-type": "CloudWatch Alarm State Change",
    "source": "aws.cloudwatch",
    "account": "111122223333",
    "time": "2026-03-01T12:00:01Z",
    "region": "eu-west-1",
    "resources": ["arn:aws:cloudwatch:eu-west-1:111122223333:alarm:checkout-latency"],
    "detail": {
        "alarmName": "checkout-latency",
        "state": {"value": "ALARM", "reason": "too slow", "timestamp": "2026-03-01T12:00:00.000+0000"},
        "previousState": {"value": "OK", "timestamp": "2026-03-01T11:00:00.000+0000"},
        "configuration": {},
    },
}


@cache
def key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the one key of this size; SNS's has 2048 bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def certificate(
    names: Sequence[str] = ("sns.amazonaws.com",), holder: rsa.RSAPrivateKey | None = None, begin: datetime = BEGIN
) -> bytes:
    """Return a certificate for `names` as PEM, good for the year from `begin`."""
    private = holder or key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=365))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
    return builder.sign(private, SHA256()).public_bytes(Encoding.PEM)


def envelope(**fields: object) -> dict[str, object]:
    """Return a notification of our topic without a signature; fields that are `None` are left out."""
    node: dict[str, object] = {
        "Type": "Notification",
        "MessageId": "5b1c9f7e-4d0b-5b6e-8f57-c1d2e3f4a5b6",
        "TopicArn": TOPIC,
        "Subject": "ALARM: checkout-latency",
        "Message": json.dumps(ALARM),
        "Timestamp": "2026-03-01T12:00:00.500Z",
        "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe&SubscriptionArn={TOPIC}:1",
        **fields,
    }
    return {name: value for name, value in node.items() if value is not None}


def confirmation(**fields: object) -> dict[str, object]:
    """Return a subscription confirmation of our topic without a signature."""
    words = {
        "Type": "SubscriptionConfirmation",
        "Token": "2336412f37fb687f5d51e6e241d",
        "Message": "You have chosen to subscribe to the topic.\nVisit the SubscribeURL.",
        "SubscribeURL": f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb",
        "Subject": None,
        "UnsubscribeURL": None,
    }
    return envelope(**{**words, **fields})


def sign(node: Mapping[str, object], version: str = "1", url: str = CERTIFICATE_URL) -> dict[str, object]:
    """Return an envelope with SNS's signature, computed here as its developer guide describes it."""
    names = [name for name in SIGNED[str(node["Type"])] if name in node]
    text = "".join(f"{name}\n{node[name]}\n" for name in names)
    digest = SHA1() if version == "1" else SHA256()  # noqa: S303 - what SNS uses for version 1
    signature = key().sign(text.encode(), PKCS1v15(), digest)
    return {
        **node,
        "SignatureVersion": version,
        "Signature": b64encode(signature).decode(),
        "SigningCertURL": url,
    }
