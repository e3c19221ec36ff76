import json
from collections.abc import Mapping

import pytest
from sns_messages import ALARM, CERTIFICATE_URL, EVENT, FILE, HOST, TOPIC, confirmation, envelope, sign

from autocloudops.alarms.load import Refused
from autocloudops.alarms.signature import (
    Topic,
    certificate_location,
    outermost,
    signed,
    text_to_sign,
    topic_of,
)
from autocloudops.alarms.wire.read import fold

NOTIFICATION_TEXT = """Message
two
lines
MessageId
m-1
Subject
ALARM: späti
Timestamp
2026-03-01T12:00:00.500Z
TopicArn
arn:aws:sns:eu-west-1:111122223333:alarms
Type
Notification
"""
CONFIRMATION_TEXT = """Message
confirm
MessageId
m-2
SubscribeURL
https://sns.eu-west-1.amazonaws.com/?Token=t
Timestamp
2026-03-01T12:00:00.500Z
Token
t
TopicArn
arn:aws:sns:eu-west-1:111122223333:alarms
Type
{kind}
"""


def topic(arn: str = TOPIC) -> Topic:
    """Return a topic that is known to be one."""
    found = topic_of(arn)
    assert found is not None
    return found


def code_of(node: Mapping[str, object]) -> str:
    """Return the code under which an envelope is refused."""
    with pytest.raises(Refused) as refused:
        signed(fold(node), topic())
    return refused.value.code


def test_the_signed_text_of_a_notification_is_that_of_the_guide() -> None:
    """Names and values stand on lines of their own in byte order, escapes undone, ending with a line break."""
    node = envelope(Message="two\nlines", MessageId="m-1", Subject="ALARM: späti")
    body = json.dumps(node)
    assert text_to_sign(outermost(body)[1]) == NOTIFICATION_TEXT.encode()


def test_a_subject_counts_only_where_there_is_one() -> None:
    """A subject that is absent or null is left out of the text; an empty one is in it."""
    assert b"Subject" not in text_to_sign(fold(envelope(Subject=None)))
    assert b"Subject" not in text_to_sign(fold({**envelope(), "Subject": None}))
    assert b"\nSubject\n\nTimestamp\n" in text_to_sign(fold(envelope(Subject="")))


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_the_signed_text_of_a_confirmation_holds_its_token_and_url(kind: str) -> None:
    """Both kinds of confirmation sign token and URL, and no subject."""
    node = confirmation(
        Type=kind,
        Message="confirm",
        MessageId="m-2",
        Token="t",
        SubscribeURL="https://sns.eu-west-1.amazonaws.com/?Token=t",
        Subject="not signed",
    )
    assert text_to_sign(fold(node)).decode() == CONFIRMATION_TEXT.format(kind=kind)


def test_what_is_to_be_verified_comes_whole() -> None:
    """Version, decoded signature and certificate come with the text, whichever way the URL's name is spelt."""
    node = sign(envelope(), version="2")
    node["SigningCertUrl"] = node.pop("SigningCertURL")
    what = signed(fold(node), topic())
    assert what.version == "2"
    assert len(what.signature) == 256
    assert what.text == text_to_sign(fold(envelope()))
    assert what.certificate.url == CERTIFICATE_URL


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Signature": None}, "signature_missing"),
        ({"Signature": " "}, "signature_missing"),
        ({"Signature": 7}, "signature_missing"),
        ({"SignatureVersion": None}, "signature_missing"),
        ({"SigningCertURL": None}, "signature_missing"),
        ({"SignatureVersion": "3"}, "signature_invalid"),
        ({"Signature": "no base64!"}, "signature_invalid"),
        ({"Signature": "ÄÖÜ="}, "signature_invalid"),
        ({"Signature": "YWJ"}, "signature_invalid"),
        ({"Type": "Rumour"}, "signature_invalid"),
        ({"Type": ["Notification"]}, "signature_invalid"),
        ({"Type": None}, "signature_invalid"),
        ({"MessageId": None}, "signature_invalid"),
        ({"Timestamp": 1772366400}, "signature_invalid"),
        ({"Message": {"default": "x"}}, "signature_invalid"),
        ({"Subject": 5}, "signature_invalid"),
        ({"Type": "SubscriptionConfirmation"}, "signature_invalid"),
        ({"SigningCertURL": "https://example.com/x.pem"}, "certificate_refused"),
    ],
)
def test_an_envelope_that_cannot_be_verified_is_refused(changes: Mapping[str, object], code: str) -> None:
    """Each missing or strange field has its code; nothing is guessed."""
    node = {name: value for name, value in {**sign(envelope()), **changes}.items() if value is not None}
    assert code_of(node) == code


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/{FILE}",
        f"HTTPS://{HOST}/{FILE}",
        f"https://{HOST}:443/{FILE}",
        f"https://{HOST}:8443/{FILE}",
        f"https://{HOST}./{FILE}",
        f"https://{HOST}.example.com/{FILE}",
        f"https://{HOST}@example.com/{FILE}",
        f"https://example.com@{HOST}/{FILE}",
        f"https://example.com/{HOST}/{FILE}",
        f"https://example.com#{HOST}/{FILE}",
        f"https://x{HOST}/{FILE}",
        f"https://sns.us-east-1.amazonaws.com/{FILE}",
        f"https://sns.eu-west-1.amazonaws.com.cn/{FILE}",
        f"https://sns-eu-west-1.s3.amazonaws.com/{FILE}",
        f"https://sns.eu-west-1.amazonaws.com\\@example.com/{FILE}",
        f"https://{HOST}/bucket/{FILE}",
        f"https://{HOST}/../{FILE}",
        f"https://{HOST}//{FILE}",
        f"https://{HOST}/{FILE}?x=1",
        f"https://{HOST}/{FILE}#x",
        f"https://{HOST}/{FILE}\n",
        f" https://{HOST}/{FILE}",
        f"https://{HOST}/SimpleNotificationService.pem",
        f"https://{HOST}/SimpleNotificationService-0123.pem",
        f"https://{HOST}/SimpleNotificationService-{'g' * 32}.pem",
        f"https://{HOST}/SimpleNotificationService-{'A' * 32}.pem",
        f"https://{HOST}/SimpleNotificationService-{'0' * 65}.pem",
        f"https://{HOST}/SimpleNotificationService-{'0' * 32}xpem",
        f"https://{HOST}/?Action=ConfirmSubscription",
        f"https://{HOST}/",
        "",
    ],
)
def test_only_the_topics_own_endpoint_may_hold_the_certificate(url: str) -> None:
    """Another scheme, host, port, user, path, query or file is refused, however close it looks."""
    with pytest.raises(Refused) as refused:
        certificate_location(url, topic())
    assert refused.value.code == "certificate_refused"


@pytest.mark.parametrize(
    ("arn", "host", "names"),
    [
        (TOPIC, HOST, {"sns.amazonaws.com", "sns-eu-west-1.amazonaws.com", "sns-signing.eu-west-1.amazonaws.com"}),
        (
            "arn:aws-cn:sns:cn-north-1:111122223333:alarms",
            "sns.cn-north-1.amazonaws.com.cn",
            {
                "sns.amazonaws.com.cn",
                "sns-cn-north-1.amazonaws.com.cn",
                "sns-signing.cn-north-1.amazonaws.com.cn",
            },
        ),
        (
            "arn:aws-us-gov:sns:us-gov-east-1:111122223333:alarms.fifo",
            "sns.us-gov-east-1.amazonaws.com",
            {
                "sns.amazonaws.com",
                "sns-us-gov-west-1.amazonaws.com",
                "sns-signing.us-gov-west-1.amazonaws.com",
            },
        ),
        (
            "arn:aws-eusc:sns:eusc-de-east-1:111122223333:alarms",
            "sns.eusc-de-east-1.amazonaws.eu",
            {"sns.amazonaws.eu", "sns-eusc-de-east-1.amazonaws.eu", "sns-signing.eusc-de-east-1.amazonaws.eu"},
        ),
    ],
)
def test_host_and_names_follow_from_the_topic(arn: str, host: str, names: set[str]) -> None:
    """Each partition has its domain, and GovCloud signs for both of its regions in one."""
    location = certificate_location(f"https://{host}/{FILE}", topic(arn))
    assert location.url == f"https://{host}/{FILE}"
    assert location.names == names


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "alarms",
        "arn:aws:sqs:eu-west-1:111122223333:alarms",
        "arn:aws:sns:eu-west-1:111122223333:alarms:subscription",
        "arn:aws:sns:eu-west-1:1111:alarms",
        "arn:aws:sns:eu-west-1:١١١١٢٢٢٢٣٣٣٣:alarms",
        "arn:aws:sns:EU-WEST-1:111122223333:alarms",
        "arn:aws:sns:evil.example.com/:111122223333:alarms",
        "arn:aws:sns::111122223333:alarms",
        "arn:aws:sns:everywhere:111122223333:alarms",
        "arn:aws-iso:sns:us-iso-east-1:111122223333:alarms",
        "arn:aws:sns:eu-west-1:111122223333:alarms\n",
        f"arn:aws:sns:eu-west-1:111122223333:{'a' * 257}",
    ],
)
def test_what_is_no_topic_of_a_known_partition_is_none(arn: str) -> None:
    """No host is ever derived from anything but a whole, well-formed topic ARN."""
    assert topic_of(arn) is None


@pytest.mark.parametrize(
    ("node", "shape"),
    [
        (envelope(), "sns_envelope"),
        (EVENT, "eventbridge_alarm"),
        (ALARM, "sns_alarm"),
        ({**envelope(), "Records": [{"Sns": {"Message": "x"}}]}, "lambda_sns_event"),
        ({**envelope(), **EVENT}, "eventbridge_alarm"),
        ({"nothing": 1}, None),
        ([envelope()], None),
        (json.dumps(envelope()), None),
    ],
)
def test_the_outermost_shape_is_the_one_that_parsing_takes(node: object, shape: str | None) -> None:
    """A body dressed as two shapes counts as the one by which it will be parsed; only an object has one."""
    found, _ = outermost(json.dumps(node))
    assert (found.name if found else None) == shape


def test_of_keys_in_several_cases_the_one_that_parsing_reads_is_signed() -> None:
    """A second `message` in another case changes the text to be verified, as it changes what is parsed."""
    forged = {**envelope(), "message": "forged"}
    assert text_to_sign(fold(forged)).startswith(b"Message\nforged\n")
