import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from sns_messages import (
    ALARM,
    CERTIFICATE_URL,
    EVENT,
    OTHER_TOPIC,
    TOPIC,
    certificate,
    confirmation,
    envelope,
    sign,
)
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.load import Refused
from autocloudops.alarms.model import Alarm, AwsEvent, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.alarms.signature import CertificateLocation, Topic
from autocloudops.authenticity.cache import CertificateCache
from autocloudops.authenticity.gatekeeper import Gatekeeper, SignatureCheck
from autocloudops.errors import AutoCloudOpsError, ServiceUnavailable, SettingsInvalid, Throttled

SHAPES = Path(__file__).parents[3].parent / "shared" / "alarms"
CHECKING = [SignatureCheck.REQUIRED, SignatureCheck.STRICT]
DOWN = ServiceUnavailable("GET", CERTIFICATE_URL, "no route to host")


class World:
    """Everything outside the gatekeeper: a certificate host and the SNS API, which may fail."""

    def __init__(self, pem: bytes | None = None, error: AutoCloudOpsError | None = None) -> None:
        self.fetched: list[str] = []
        self.confirmed: list[tuple[str, str]] = []
        self._pem = pem or certificate()
        self._error = error

    async def fetch(self, location: CertificateLocation) -> bytes:
        self.fetched.append(location.url)
        if self._error:
            raise self._error
        return self._pem

    async def confirm(self, topic: Topic, token: str) -> str:
        self.confirmed.append((topic.arn, token))
        if self._error:
            raise self._error
        return f"{topic.arn}:4f95"


def admitted(
    body: object,
    check: SignatureCheck = SignatureCheck.REQUIRED,
    topics: Sequence[str] = (TOPIC,),
    world: World | None = None,
) -> Unparseable | AwsEvent | None:
    """Return what a gatekeeper says of a body; what is no text goes in as JSON."""
    world = world or World()
    clock = VirtualClock()
    gatekeeper = Gatekeeper(check, topics, CertificateCache(world, clock), world, clock)
    return run(gatekeeper.admit(body if isinstance(body, str) else json.dumps(body)))


def code_of(verdict: Unparseable | AwsEvent | None) -> str:
    """Return the code under which a body was parked."""
    assert isinstance(verdict, Unparseable)
    assert verdict.reason
    assert len(verdict.raw_sha256) == 64
    return verdict.code


@pytest.mark.parametrize("check", CHECKING)
@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["ALARM: checkout-latency", None])
def test_what_sns_signed_for_a_configured_topic_is_admitted(
    check: SignatureCheck, version: str, subject: str | None
) -> None:
    """Both signature versions pass, with and without a subject, and what is parsed next is the alarm."""
    body = json.dumps(sign(envelope(Subject=subject), version))
    world = World()
    assert admitted(body, check, world=world) is None
    assert world.fetched == [CERTIFICATE_URL]
    assert isinstance(parse(body)[0], Alarm)


@pytest.mark.parametrize(
    "field", ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Signature", "SignatureVersion"]
)
def test_no_signed_field_can_be_changed(field: str) -> None:
    """A change to any signed field is found, the topic among two configured ones included."""
    changed = {
        "Message": json.dumps({**ALARM, "AlarmName": "another"}),
        "MessageId": "another",
        "Subject": "another",
        "Timestamp": "2026-03-01T12:00:00.501Z",
        "TopicArn": f"{TOPIC}-2",
        "Signature": str(sign(envelope(Message="another"))["Signature"]),
        "SignatureVersion": "2",
    }[field]
    verdict = admitted({**sign(envelope()), field: changed}, topics=(TOPIC, f"{TOPIC}-2"))
    assert code_of(verdict) == "signature_invalid"


@pytest.mark.parametrize("name", ["message", "MESSAGE", "mEssage"])
def test_a_second_message_in_another_case_is_not_parsed_unsigned(name: str) -> None:
    """What verification reads and what parsing reads is one text, whichever of two spellings comes last."""
    forged = json.dumps({**ALARM, "AlarmName": "forged"})
    assert code_of(admitted({**sign(envelope()), name: forged})) == "signature_invalid"
    first = {name: forged, **sign(envelope())}
    assert admitted(first) is None
    (alarm,) = parse(json.dumps(first))
    assert isinstance(alarm, Alarm)
    assert alarm.key.name == "checkout-latency"


@pytest.mark.parametrize(
    "body",
    [
        ALARM,
        {"default": json.dumps(ALARM)},
        {"Records": [{"EventSource": "aws:sns", "Sns": sign(envelope())}]},
        {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(sign(envelope()))}]},
        {**sign(envelope()), "Records": [{"Sns": envelope()}]},
        [sign(envelope())],
        json.dumps(sign(envelope())),
        {"MetricAlarms": [ALARM]},
        {"unknown": True},
    ],
)
@pytest.mark.parametrize("check", CHECKING)
def test_what_is_no_envelope_bears_no_signature(body: object, check: SignatureCheck) -> None:
    """Raw delivery, and envelopes inside of anything else, are parked: the signature must cover all that is parsed."""
    verdict = admitted(json.dumps(body), check)
    assert code_of(verdict) == "signature_missing"


def test_eventbridge_passes_unless_the_check_is_strict() -> None:
    """Events of EventBridge are never signed: `required` leaves them to the queue's policy, `strict` parks them."""
    assert admitted(EVENT, SignatureCheck.REQUIRED) is None
    assert code_of(admitted(EVENT, SignatureCheck.STRICT)) == "signature_missing"
    through_topic = sign(envelope(Message=json.dumps(EVENT), Subject=None))
    assert admitted(through_topic, SignatureCheck.STRICT) is None


def test_an_unsigned_envelope_is_parked() -> None:
    """An envelope without signature says so, before anything is fetched."""
    world = World()
    assert code_of(admitted(envelope(), world=world)) == "signature_missing"
    assert world.fetched == []


@pytest.mark.parametrize("check", list(SignatureCheck))
@pytest.mark.parametrize("node", [envelope(TopicArn=OTHER_TOPIC), envelope(TopicArn=None), envelope(TopicArn=[TOPIC])])
def test_other_topics_are_parked_however_well_they_are_signed(
    node: Mapping[str, object], check: SignatureCheck
) -> None:
    """SNS signs for everybody: a message of a topic that is not configured is parked, and nothing is fetched for it."""
    world = World()
    assert code_of(admitted(sign(node), check, world=world)) == "topic_not_configured"
    assert world.fetched == []


def test_no_url_but_the_pinned_one_is_fetched() -> None:
    """A certificate offered elsewhere is refused unseen."""
    world = World()
    verdict = admitted(sign(envelope(), url="https://sns.eu-west-1.amazonaws.com.example.com/x.pem"), world=world)
    assert code_of(verdict) == "certificate_refused"
    assert world.fetched == []


@pytest.mark.parametrize(
    "pem", [certificate(("example.com",)), certificate(begin=START.replace(year=2024)), b"no certificate"]
)
def test_a_certificate_that_is_not_snss_admits_nothing(pem: bytes) -> None:
    """Another name, dates that have passed, or no certificate at all: parked."""
    assert code_of(admitted(sign(envelope()), world=World(pem))) == "certificate_refused"


@pytest.mark.parametrize("check", CHECKING)
def test_without_the_certificate_host_nothing_is_decided(check: SignatureCheck) -> None:
    """A host that cannot be reached is no reason to accept or to park: the message comes back."""
    with pytest.raises(ServiceUnavailable):
        admitted(sign(envelope()), check, world=World(error=DOWN))


@pytest.mark.parametrize(
    "body", [envelope(), sign(envelope()), EVENT, ALARM, {"Records": [{"Sns": envelope()}]}, [], 7]
)
@pytest.mark.parametrize("topics", [(), (TOPIC,)])
def test_a_check_that_is_off_asks_for_nothing(body: object, topics: Sequence[str]) -> None:
    """By default every body of our own topic, and whatever is no envelope, goes on without a look at signatures."""
    world = World(error=DOWN)
    assert admitted(body, SignatureCheck.OFF, topics, world) is None
    assert world.fetched == []


@pytest.mark.parametrize("check", list(SignatureCheck))
@pytest.mark.parametrize("body", ["", "no JSON", "{", '{"a":', "NaN,"])
def test_what_cannot_be_decoded_is_left_to_parsing(body: str, check: SignatureCheck) -> None:
    """Parsing parks it with its own reason, so nothing of it can get further."""
    assert admitted(body, check) is None
    assert all(isinstance(part, Unparseable) for part in parse(body))


@pytest.mark.parametrize(("check", "node"), [("off", confirmation()), ("required", sign(confirmation()))])
def test_a_confirmation_for_a_configured_topic_is_answered_through_the_api(
    check: str, node: Mapping[str, object]
) -> None:
    """The token goes to the API, no URL is visited, and the subscription is context of the topic's account."""
    world = World()
    event = admitted(node, SignatureCheck(check), world=world)
    assert isinstance(event, AwsEvent)
    assert world.confirmed == [(TOPIC, "2336412f37fb687f5d51e6e241d")]
    assert world.fetched == ([CERTIFICATE_URL] if check == "required" else [])
    assert (event.source, event.account, event.region) == ("aws.sns", "111122223333", "eu-west-1")
    assert event.resources == (TOPIC, f"{TOPIC}:4f95")
    assert event.at == START
    repeated = admitted(node, SignatureCheck(check))
    assert isinstance(repeated, AwsEvent)
    assert repeated.event_id == event.event_id


@pytest.mark.parametrize(
    ("check", "topics", "node", "code"),
    [
        ("off", (), confirmation(), "topic_not_configured"),
        ("off", (TOPIC,), confirmation(TopicArn=OTHER_TOPIC), "topic_not_configured"),
        ("off", (TOPIC,), confirmation(Token=None), "confirmation_refused"),
        ("off", (TOPIC,), confirmation(Token=""), "confirmation_refused"),
        ("off", (TOPIC,), confirmation(Token=5), "confirmation_refused"),
        ("required", (TOPIC,), confirmation(), "signature_missing"),
        ("required", (TOPIC,), {**sign(confirmation()), "Token": "t"}, "signature_invalid"),
        ("required", (TOPIC,), sign(confirmation(TopicArn=OTHER_TOPIC)), "topic_not_configured"),
    ],
)
def test_no_other_subscription_is_confirmed(
    check: str, topics: Sequence[str], node: Mapping[str, object], code: str
) -> None:
    """Without topics none is, and never one of another topic, without token, or unsigned where that matters."""
    world = World()
    assert code_of(admitted(node, SignatureCheck(check), topics, world)) == code
    assert world.confirmed == []


def test_a_token_that_sns_refuses_is_parked() -> None:
    """An expired token will be refused again, so the message does not come back."""
    world = World(error=Refused("confirmation_refused", "SNS refused the token: expired"))
    assert code_of(admitted(confirmation(), SignatureCheck.OFF, world=world)) == "confirmation_refused"


def test_a_confirmation_that_may_succeed_later_comes_back() -> None:
    """What the API could not do now is raised, so that the message is delivered again."""
    with pytest.raises(Throttled):
        admitted(confirmation(), SignatureCheck.OFF, world=World(error=Throttled("sns", TOPIC, "slow down")))


def test_an_unsubscribe_confirmation_goes_to_parsing() -> None:
    """It is verified like any message and confirms nothing: parsing parks it with its name."""
    world = World()
    body = json.dumps(sign(confirmation(Type="UnsubscribeConfirmation")))
    assert admitted(body, world=world) is None
    assert world.confirmed == []
    assert [part.code for part in parse(body) if isinstance(part, Unparseable)] == ["unsubscribe_confirmation"]


RECORDS: list[Mapping[str, object]] = [
    {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(sign(envelope()))},
    {"EventSource": "aws:sns", "Sns": sign(envelope())},
    {"requestContext": {}, "requestPayload": {"Records": [{"Sns": sign(envelope())}]}},
    {**EVENT, "requestContext": {}, "requestPayload": {"Records": [{"Sns": sign(envelope())}]}},
]


@pytest.mark.parametrize("check", CHECKING)
@pytest.mark.parametrize("record", RECORDS)
def test_a_record_that_holds_an_envelope_is_none(check: SignatureCheck, record: Mapping[str, object]) -> None:
    """What parsing reads as an alarm needs a signature of its own: records and wrappers bear none, nor do lists."""
    assert isinstance(parse(json.dumps(record))[0], Alarm)
    assert code_of(admitted(record, check)) == "signature_missing"
    assert code_of(admitted([record], check)) == "signature_missing"


@pytest.mark.parametrize("check", CHECKING)
def test_signatures_without_topics_are_no_check(check: SignatureCheck) -> None:
    """Since anybody can have SNS sign, a check without topics would prove nothing and is refused at start."""
    with pytest.raises(SettingsInvalid, match="no topic is named"):
        admitted(envelope(), check, topics=())


def test_a_topic_must_be_a_topic() -> None:
    """A mistyped ARN is found at start, not by parking every alarm."""
    with pytest.raises(SettingsInvalid, match="names no SNS topic"):
        admitted(envelope(), SignatureCheck.OFF, topics=(TOPIC, "arn:aws:sqs:eu-west-1:111122223333:alarms"))


@pytest.mark.parametrize(
    ("shape", "codes"),
    [
        ("sns_envelope", {"topic_not_configured"}),
        ("sns_alarm", {"signature_missing"}),
        ("lambda_sns_event", {"signature_missing"}),
        ("lambda_sqs_event", {"signature_missing"}),
        ("lambda_action", {"signature_missing"}),
        ("eventbridge_alarm", set()),
        ("eventbridge_other", set()),
    ],
)
def test_real_messages_of_others_are_parked(shape: str, codes: set[str]) -> None:
    """None of the real payloads is for our topic, and only EventBridge's go on without a signature."""
    folder = SHAPES / shape
    if not folder.is_dir():
        pytest.skip(f"the shared payloads are not beside this repository: {folder.name}")
    bodies = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.iterdir())]
    verdicts = [verdict for verdict in map(admitted, bodies) if verdict is not None]
    assert {code_of(verdict) for verdict in verdicts} == codes
    assert len(verdicts) == (len(bodies) if codes else 0)
