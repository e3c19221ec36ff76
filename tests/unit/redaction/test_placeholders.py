import hmac
import secrets
from collections.abc import Iterator

import pytest

from autocloudops.errors import SettingsInvalid
from autocloudops.redaction import configure, redact
from autocloudops.redaction.patterns import KINDS
from autocloudops.redaction.placeholders import PlaceholderKey, placeholder

KEY = bytes(range(32))
SECRET = "corr3ct" + "-horse"


def digest_of(text: str) -> str:
    """Return the digest of the one placeholder in a text."""
    return text.partition(":")[2].partition(">")[0]


def test_equal_secrets_are_joined_across_texts_and_kinds() -> None:
    """One secret has one digest, wherever it stands; another has another."""
    here, there = redact(f"<b>password={SECRET}"), redact(f"amqp//secret={SECRET}")
    assert digest_of(here) == digest_of(there) == digest_of(placeholder("card", SECRET))
    assert digest_of(redact(f"password={SECRET}2")) != digest_of(here)


def test_a_digest_is_that_of_the_key() -> None:
    """The digest is the beginning of an HMAC-SHA256, so that whoever has the key can look a secret up."""
    key = PlaceholderKey()
    key.use(KEY)
    assert key.digest(SECRET) == hmac.new(KEY, SECRET.encode(), "sha256").hexdigest()[:8]


def test_processes_without_a_key_share_nothing() -> None:
    """Nobody can try out secrets against the placeholders of a process whose key was never written down."""
    assert PlaceholderKey().digest(SECRET) != PlaceholderKey().digest(SECRET)


def test_a_short_key_is_refused() -> None:
    """A key that can be guessed would make placeholders guesses at their secrets."""
    with pytest.raises(SettingsInvalid, match="15 bytes is too short"):
        configure(KEY[:15])


def test_every_kind_can_be_told_from_a_secret() -> None:
    """A placeholder of any kind is left alone wherever a value may stand."""
    for kind in KINDS:
        shown = placeholder(kind, SECRET)
        for text in (f"password={shown}", f'{{"secret": "{shown}"}}', f"x://u:{shown}@host", f"token: {shown}, next"):
            assert redact(text) == text


@pytest.fixture
def shared_key() -> Iterator[bytes]:
    """Let placeholders be made with a known key for one test."""
    configure(KEY)
    yield KEY
    configure(secrets.token_bytes(32))


def test_processes_with_one_key_share_their_placeholders(shared_key: bytes) -> None:
    """With a key that every worker is given, a secret has the same placeholder in all of their texts."""
    expected = hmac.new(shared_key, SECRET.encode(), "sha256").hexdigest()[:8]
    assert redact(f"password={SECRET}") == f"password=<password:{expected}>"


@pytest.fixture
def hiding_addresses() -> Iterator[None]:
    """Replace Internet addresses for one test."""
    configure(addresses=True)
    yield
    configure()


@pytest.mark.usefixtures("hiding_addresses")
@pytest.mark.parametrize("address", ["10.0.3.17", "203.0.113.255", "2001:db8::8a2e:370:7334", "fe80::1"])
def test_addresses_are_replaced_where_a_team_says_so(address: str) -> None:
    """With the option on, Internet addresses are placeholders, and versions, times and ARNs are not."""
    assert redact(f"from {address} port 22") == f"from {placeholder('address', address)} port 22"
    harmless = "app 1.2.3, 03:11:42, arn:aws:iam::111122223333:role/shop, std::vector, 10.0.3.17.5"
    assert redact(harmless) == harmless


def test_addresses_are_evidence_unless_told_otherwise() -> None:
    """Which host it was is what people and the model look for."""
    assert redact("10.0.3.17 and fe80::1 time out") == "10.0.3.17 and fe80::1 time out"
