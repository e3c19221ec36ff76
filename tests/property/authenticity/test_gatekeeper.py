import json
from collections.abc import Mapping

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sns_messages import ALARM, CERTIFICATE_URL, EVENT, TOPIC, certificate, confirmation, envelope, sign
from virtual_time import VirtualClock, run

from autocloudops.alarms.model import Parsed, Unparseable
from autocloudops.alarms.parse import parse
from autocloudops.alarms.signature import CertificateLocation, Topic
from autocloudops.authenticity.cache import CertificateCache
from autocloudops.authenticity.gatekeeper import Gatekeeper, SignatureCheck

EXAMPLES = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FORGED_ALARM = json.dumps({**ALARM, "AlarmName": "forged"})
SIGNED = sign(envelope())
NAMES = [*SIGNED, "Records", "default", "detail-type", "source", "detail", "Token", "SubscribeURL", "MetricAlarms"]

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
values = st.sampled_from([FORGED_ALARM, ALARM, EVENT, json.dumps(EVENT), TOPIC, *SIGNED.values()]) | scalars
spelt = st.sampled_from(NAMES).flatmap(lambda name: st.sampled_from([name, name.lower(), name.upper(), name.title()]))
fields = st.dictionaries(spelt, values | st.lists(values, max_size=2), max_size=6)
json_values = st.recursive(
    scalars | st.floats(allow_nan=False) | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(spelt | st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


class Host:
    """SNS as the gatekeeper sees it: one certificate, and every token is good."""

    async def fetch(self, location: CertificateLocation) -> bytes:
        assert location.url == CERTIFICATE_URL
        return PEM

    async def confirm(self, topic: Topic, token: str) -> str:
        return f"{topic.arn}:{len(token)}"


PEM = certificate()


def is_admitted(body: str, check: SignatureCheck) -> bool:
    """Tell whether a gatekeeper for our topic lets a body go on to parsing."""
    host, clock = Host(), VirtualClock()
    gatekeeper = Gatekeeper(check, (TOPIC,), CertificateCache(host, clock), host, clock)
    return run(gatekeeper.admit(body)) is None


def meaning(parts: list[Parsed]) -> list[Mapping[str, object]]:
    """Return what was parsed, without the digest of the body that it came in."""
    return [part.model_dump(exclude={"raw_sha256"}) for part in parts]


@EXAMPLES
@given(more=fields, before=st.booleans(), without=st.sets(st.sampled_from(sorted(SIGNED)), max_size=2))
def test_what_is_admitted_says_what_sns_signed(more: Mapping[str, object], before: bool, without: set[str]) -> None:
    """Whatever is added to a signed envelope, taken from it or reordered: it is parked, or means what it meant."""
    kept = {name: value for name, value in SIGNED.items() if name not in without}
    body = json.dumps({**more, **kept} if before else {**kept, **more})
    if is_admitted(body, SignatureCheck.STRICT):
        assert meaning(parse(body)) == meaning(parse(json.dumps(SIGNED)))


@EXAMPLES
@given(value=json_values, indent=st.sampled_from([None, 1]))
def test_nothing_unsigned_reaches_parsing_under_a_strict_check(value: object, indent: int | None) -> None:
    """Of bodies that nobody signed, those alone go on that parsing refuses as well."""
    body = json.dumps(value, indent=indent)
    if is_admitted(body, SignatureCheck.STRICT):
        assert all(isinstance(part, Unparseable) for part in parse(body))


@EXAMPLES
@given(body=st.text(max_size=200) | st.sampled_from(["{'a': 1}", "Key='value'", '"{}"', "\ufeff[]", "[" * 70]))
def test_every_text_gets_an_answer(body: str) -> None:
    """No text makes the gatekeeper raise, whatever it checks; texts that nobody signed yield no noun."""
    for check in SignatureCheck:
        if is_admitted(body, check) and check is not SignatureCheck.OFF:
            assert all(isinstance(part, Unparseable) for part in parse(body))


@EXAMPLES
@given(
    message=st.text(),
    subject=st.none() | st.text(max_size=100),
    version=st.sampled_from(["1", "2"]),
    ascii_only=st.booleans(),
    position=st.integers(min_value=0),
)
def test_every_text_that_sns_signs_verifies_until_a_character_changes(
    message: str, subject: str | None, version: str, ascii_only: bool, position: int
) -> None:
    """Line breaks, controls, emoji, raw or escaped, survive; one character more anywhere in the message does not."""
    node = sign(envelope(Message=message, Subject=subject), version)
    assert is_admitted(json.dumps(node, ensure_ascii=ascii_only), SignatureCheck.REQUIRED)
    at = position % (len(message) + 1)
    changed = {**node, "Message": f"{message[:at]}x{message[at:]}"}
    assert not is_admitted(json.dumps(changed, ensure_ascii=ascii_only), SignatureCheck.REQUIRED)


@EXAMPLES
@given(more=fields)
def test_a_confirmation_is_never_parsed(more: Mapping[str, object]) -> None:
    """A subscription confirmation, however it is dressed up, is answered or parked, or read as no SNS envelope."""
    body = json.dumps({**more, **sign(confirmation())})
    if is_admitted(body, SignatureCheck.REQUIRED):
        assert all("sns_envelope" not in part.shape for part in parse(body))
