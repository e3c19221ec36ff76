import pytest
from placeholders import bare

from autocloudops.redaction import redact, redact_json

PASSWORD = "hunter2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"smtpPass: {PASSWORD}", "smtpPass: <password>"),
        (f'"dbPass": "{PASSWORD}"', '"dbPass": "<password>"'),
        (f"DbPass={PASSWORD}", "DbPass=<password>"),
        (f"userpass={PASSWORD}", "userpass=<password>"),
        (f"requirepass: {PASSWORD}", "requirepass: <password>"),
    ],
)
def test_pass_is_a_password_as_the_end_of_a_longer_name(text: str, expected: str) -> None:
    """`Pass` as a hump of camel case, or after what has passwords, tells one in text and in JSON."""
    assert bare(redact(text)) == expected
    assert redact(redact(text)) == redact(text)
    assert PASSWORD not in str(redact_json({"smtpPass": PASSWORD, "userpass": PASSWORD}))


@pytest.mark.parametrize(
    "text", ["bypass: on", "byPass=3", "ByPass: 3", "compass=north", "trespass: 4", "lowPass=440", "testsPass: 12"]
)
def test_other_words_that_end_with_pass_stay(text: str) -> None:
    """Neither a word that ends with it nor what passes a test or a filter has a password."""
    name, value = text.replace("=", ": ").split(": ")
    assert redact(text) == text
    assert redact_json({name: value}) == {name: value}
