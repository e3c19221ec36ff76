from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from sns_messages import BEGIN, CERTIFICATE_URL, TOPIC, certificate, envelope, key, sign

from autocloudops.alarms.load import Refused
from autocloudops.alarms.signature import CertificateLocation, Signed, certificate_location, signed, topic_of
from autocloudops.alarms.wire.read import fold
from autocloudops.authenticity.certificates import signing_certificate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEAK_BITS = 1024


def location() -> CertificateLocation:
    """Return where our topic's certificate is."""
    topic = topic_of(TOPIC)
    assert topic is not None
    return certificate_location(CERTIFICATE_URL, topic)


def message(version: str = "1") -> Signed:
    """Return a signed notification of our topic, ready to be verified."""
    topic = topic_of(TOPIC)
    assert topic is not None
    return signed(fold(sign(envelope(), version)), topic)


def elliptic() -> bytes:
    """Return a certificate of SNS's name with an elliptic key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("sns.amazonaws.com")]), critical=False)
        .sign(private, SHA256())
        .public_bytes(Encoding.PEM)
    )


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_signature_versions_verify(version: str) -> None:
    """SHA1withRSA for version 1 and SHA256withRSA for version 2 are told apart and accepted."""
    accepted = signing_certificate(certificate(), location())
    accepted.verify(message(version), NOON)
    other = Signed(message(version).text, message(version).signature, "12".replace(version, ""), location())
    with pytest.raises(Refused, match="not SNS's"):
        accepted.verify(other, NOON)


@pytest.mark.parametrize(
    ("text", "signature"), [(b"another text", None), (None, b"\0" * 256), (None, b""), (None, b"\xff" * 4096)]
)
def test_another_text_or_signature_is_invalid(text: bytes | None, signature: bytes | None) -> None:
    """Whatever does not fit the certificate's key is refused, whatever its length."""
    right = message()
    wrong = Signed(
        right.text if text is None else text,
        right.signature if signature is None else signature,
        right.version,
        right.certificate,
    )
    with pytest.raises(Refused) as refused:
        signing_certificate(certificate(), location()).verify(wrong, NOON)
    assert refused.value.code == "signature_invalid"


def test_a_strangers_key_signs_nothing() -> None:
    """A certificate of the right name with another key does not verify SNS's signature."""
    stranger = signing_certificate(certificate(holder=key(3072)), location())
    with pytest.raises(Refused) as refused:
        stranger.verify(message(), NOON)
    assert refused.value.code == "signature_invalid"


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        (BEGIN - timedelta(seconds=1), False),
        (BEGIN, True),
        (BEGIN + timedelta(days=365), True),
        (BEGIN + timedelta(days=365, seconds=1), False),
    ],
)
def test_a_certificate_counts_between_its_dates_only(now: datetime, counts: bool) -> None:
    """The first and the last second belong to it; before and after, nothing verifies."""
    accepted = signing_certificate(certificate(), location())
    if counts:
        accepted.verify(message(), now)
        return
    with pytest.raises(Refused) as refused:
        accepted.verify(message(), now)
    assert refused.value.code == "certificate_refused"


@pytest.mark.parametrize(
    "name", ["sns.amazonaws.com", "sns-signing.eu-west-1.amazonaws.com", "sns-eu-west-1.amazonaws.com"]
)
def test_the_names_that_sns_signs_under_are_accepted(name: str) -> None:
    """One of them among other names is enough."""
    assert signing_certificate(certificate(("example.com", name)), location()).key.key_size == 2048


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"<UnknownOperationException/>",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        certificate() + certificate(),
        certificate(()),
        certificate(("s3.amazonaws.com",)),
        certificate(("*.amazonaws.com",)),
        certificate(("sns-signing.us-east-1.amazonaws.com",)),
        certificate(holder=key(WEAK_BITS)),
        elliptic(),
    ],
    ids=["empty", "xml", "no-der", "two", "no-name", "other-name", "wildcard", "other-region", "weak", "elliptic"],
)
def test_any_other_file_is_no_signing_certificate(pem: bytes) -> None:
    """What cannot be read, names somebody else, or holds no strong RSA key is refused."""
    with pytest.raises(Refused) as refused:
        signing_certificate(pem, location())
    assert refused.value.code == "certificate_refused"
