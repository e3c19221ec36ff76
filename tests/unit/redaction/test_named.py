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


# Built from parts, so that this file holds nothing that looks like a credential.
HEX = "0123456789abcdef" * 2
UUID = "8f14e45f-ceea-467a-9575-6cd1b1a0d2a1"
BOT = "123456789:" + "AA" + "aB3" * 11
HOOK = "https://discord.com/api/webhooks/123456789012345678/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Authorization: GenieKey {UUID}", "Authorization: GenieKey <authorization>"),
        (f'{{"Authorization": "Splunk {UUID}"}}', '{"Authorization": "Splunk <authorization>"}'),
        (f"Authorization:[Bot {HEX}]", "Authorization:[Bot <authorization>]"),
        (f"curl -H 'authorization: SSWS no{HEX}'", "curl -H 'authorization: SSWS <authorization>'"),
        (f"Authorization: Key {HEX}", "Authorization: Key <authorization>"),
        (f"https://api.telegram.org/bot{BOT}/sendMessage", "https://api.telegram.org/bot<telegram-token>/sendMessage"),
        (f"routing_key: {HEX}", "routing_key: <integration-key>"),
        (f"integration_key={HEX}&x=1", "integration_key=<integration-key>&x=1"),
        (
            f"https://events.pagerduty.com/integration/{HEX}/enqueue",
            "https://events.pagerduty.com/integration/<integration-key>/enqueue",
        ),
        (f"POST {HOOK}{'aB3_' * 17} 500", f"POST {HOOK}<discord-webhook> 500"),
    ],
)
def test_credentials_of_alerting_tools_are_replaced(text: str, expected: str) -> None:
    """What pages people and collects alarms takes credentials, which are found in headers, URLs and settings."""
    assert bare(redact(text)) == expected
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: AWS4-HMAC-SHA256 SignedHeaders=host;x-amz-date",
        "authorization: denied arn:aws:iam::111122223333:role/shop",
        "authorization: failed 2026-11-22T03:11:42.125Z",
        "authorization: by arn:aws:iam::111122223333:role/shop",
        "Authorization header is missing or invalid",
        f"robot{BOT}",
        "routing_key=orders.created",
        "service_key: checkout-eu-west-1-primary-cluster",
        "https://events.pagerduty.com/v2/enqueue answered 202",
        f"{HOOK} is not reachable",
    ],
)
def test_what_alerting_tools_say_without_credentials_stays(text: str) -> None:
    """Signatures of AWS, queues, and addresses without a key are evidence."""
    assert redact(text) == text


def test_an_integration_key_is_told_in_json_by_its_form() -> None:
    """A routing key is PagerDuty's where it looks so, and a queue's otherwise."""
    redacted = redact_json({"routing_key": HEX, "routingKey": "orders.created"})
    assert HEX not in redacted["routing_key"]
    assert redacted["routingKey"] == "orders.created"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('--password "correct horse" -v', '--password "<password>" -v'),
        ('{"cmd": "run --token \\"a b\\" -v"}', '{"cmd": "run --token \\"<password>\\" -v"}'),
        ("sshpass -p 'abc d' ssh web", "sshpass -p '<password>' ssh web"),
        ("mysql -u root -p'abc d' shop", "mysql -u root -p'<password>' shop"),
        ("curl -u 'admin:abc d' https://x", "curl -u 'admin:<password>' https://x"),
        ("ALTER ROLE app WITH PASSWORD 'it''s' VALID", "ALTER ROLE app WITH PASSWORD '<password>' VALID"),
        ("SET password = 'it''s', user = 'x'", "SET password = '<password>', user = 'x'"),
        ("CREATE USER app IDENTIFIED BY 'cut of", "CREATE USER app IDENTIFIED BY '<password>"),
        ("PASSWORD=${X:-default123} next", "PASSWORD=<password> next"),
        ("API_KEY=${X-default123}", "API_KEY=<credential>"),
        ("password%22%3A%22hunter2", "password%22%3A%22<password>"),
        ("%7B%22password%22%3A%22hunter2%22%2C%22user", "%7B%22password%22%3A%22<password>%22%2C%22user"),
        ("Uid=app;Pwd={hun;ter2};Encrypt=yes", "Uid=app;Pwd=<password>;Encrypt=yes"),
    ],
)
def test_a_secret_in_quotes_or_by_default_is_replaced_whole(text: str, expected: str) -> None:
    """A value goes to the quote that ends it, also where that is encoded or doubled, and takes its default with it."""
    assert bare(redact(text)) == expected
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        '--password "$DB_PASSWORD" --token "" -v',
        "--token missing, --password ${DB_PASSWORD}",
        "mysql -h db -p shop",
        "PASSWORD=${DB_PASSWORD} API_KEY=${spring.api.key}",
        "PASSWORD=${env:DB_PASSWORD} TOKEN=${ssm:/shop/prod/api-token}",
        "PASSWORD=${DB_PASSWORD:-} SECRET=${SECRET:?no secret was given}",
        "password='' user='x'",
        '{\\"password\\":\\"\\",\\"user\\":\\"bob\\"}',
        "password: >-",
    ],
)
def test_references_and_empty_values_stay(text: str) -> None:
    """What says where a secret is kept, and what holds none, is evidence."""
    assert redact(text) == text
