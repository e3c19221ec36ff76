import base64
import json

import pytest
from placeholders import bare

from autocloudops.redaction import redact
from autocloudops.redaction.pattern import LINE_LIMIT

# Built from parts, so that this file holds nothing that looks like a credential.
KEY_ID = "AK" + "IA" + "Q3EGRIXLVM7ZC2TD"
SESSION_KEY_ID = "AS" + "IA" + "Q3EGRIXLVM7ZC2TD"
SECRET_KEY = "hU7" + "bZ0q/Lw" + "3XeN9+" + "aTgR5kYcV1m" + "PdF8sJ2oQ4iBtW"[:13]
SEGMENT = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": "b7"}).encode()).decode().rstrip("=")
JWT = f"{SEGMENT}.{SEGMENT}.{'Sg' * 30}"
PASSWORD = "corr3ct" + "-horse"
DASHES = "-" * 5
PEM = f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\nMIIB{'Og' * 20}\nq1w2{'e3' * 20}\n{DASHES}END RSA PRIVATE KEY{DASHES}"

PLANTED = [
    (f"key {KEY_ID} was used", KEY_ID, "key <aws-access-key> was used"),
    (f"aws_access_key_id={KEY_ID}", KEY_ID, "aws_access_key_id=<aws-access-key>"),
    (f"({SESSION_KEY_ID})", SESSION_KEY_ID, "(<aws-access-key>)"),
    (f"aws_secret_access_key = {SECRET_KEY}", SECRET_KEY, "aws_secret_access_key = <aws-secret-key>"),
    (f'"SecretAccessKey": "{SECRET_KEY}"', SECRET_KEY, '"SecretAccessKey": "<aws-secret-key>"'),
    (f"{KEY_ID} {SECRET_KEY}", SECRET_KEY, "<aws-access-key> <aws-secret-key>"),
    (f"got {JWT}, refused", JWT, "got <jwt>, refused"),
    (f"Authorization: Bearer {JWT}", JWT, "Authorization: Bearer <jwt>"),
    (f"Authorization: Basic {SEGMENT}", SEGMENT, "Authorization: Basic <authorization>"),
    (f'{{"authorization":"Bearer {"k7" * 12}"}}', "k7k7", '{"authorization":"Bearer <authorization>"}'),
    (f"curl -H 'X: bearer {'k7' * 12}='", "k7k7", "curl -H 'X: bearer <bearer-token>'"),
    (f"push with gh{'p_'}{'a1B2' * 9}", "a1B2", "push with <github-token>"),
    (f"NIM refused nv{'api-'}{'a1_B2-' * 10}", "a1_B2", "NIM refused <nvidia-key>"),
    (f"postgres://app:{PASSWORD}@db:5432/shop", PASSWORD, "postgres://app:<url-password>@db:5432/shop"),
    (f"redis://:{PASSWORD}@cache", PASSWORD, "redis://:<url-password>@cache"),
    (f"amqp://u:{PASSWORD}@x@mq/v", PASSWORD, "amqp://u:<url-password>@mq/v"),
    (f"password={PASSWORD}", PASSWORD, "password=<password>"),
    (f"DB_PASSWORD: {PASSWORD}, next", PASSWORD, "DB_PASSWORD: <password>, next"),
    (f'{{"password": "{PASSWORD} and more"}}', PASSWORD, '{"password": "<password>"}'),
    (f'{{"password": "{PASSWORD}\\"tail"}}', "tail", '{"password": "<password>"}'),
    (f'{{\\"password\\": \\"{PASSWORD}\\"}}', PASSWORD, '{\\"password\\": \\"<password>\\"}'),
    (f'password="{PASSWORD} never closed', "never", 'password="<password>'),
    (f"Server=db;Uid=app;Pwd={PASSWORD};", PASSWORD, "Server=db;Uid=app;Pwd=<password>;"),
    (f"PGPASSWORD={PASSWORD} psql", PASSWORD, "PGPASSWORD=<password> psql"),
    (f"client_secret={PASSWORD}&scope=x", PASSWORD, "client_secret=<credential>&scope=x"),
    (f"NGC_API_KEY={PASSWORD}", PASSWORD, "NGC_API_KEY=<credential>"),
    (f"?X-Amz-Signature={'9f' * 32}&X-Amz-Date=1", "9f9f", "?X-Amz-Signature=<signature>&X-Amz-Date=1"),
    (f"sessionToken: {'Fwo' * 12}==", "Fwo", "sessionToken: <token>"),
    (PEM, "MIIB", "<private-key>"),
    (f"a {PEM} b", "q1w2", "a <private-key> b"),
    (PEM.replace("\n", "\\n"), "MIIB", "<private-key>"),
    (PEM[:60], "MIIB", "<private-key>"),
    ("ask jo.doe+ops@mail.example.com now", "jo.doe", "ask <email> now"),
]

HARMLESS = [
    "Threshold Crossed: 1 datapoint [91.0 (22/11/26 03:08:00)] was greater than the threshold (80.0).",
    "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/shop/50dc6c495c0c9188",
    "https://console.aws.amazon.com:443/cloudwatch/home?region=eu-west-1",
    "secretsmanager:GetSecretValue was denied; the SecretId is shop/db",
    "max_tokens=800, TokenCount: 512, tokens per second 31",
    "passed: 14, bypass: no, compass=north",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b in the aws pipeline",
    "keyboard: de, monkey=3, keys: 12",
    "orders@v2 deployed",
]


@pytest.mark.parametrize(("text", "secret", "expected"), PLANTED)
def test_planted_secret_is_replaced(text: str, secret: str, expected: str) -> None:
    """A secret of every known kind is replaced by its placeholder, and what stands around it stays."""
    redacted = redact(text)
    assert secret not in redacted
    assert bare(redacted) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays(text: str) -> None:
    """Text that only resembles a secret reaches the model as it was."""
    assert redact(text) == text


def test_a_long_text_keeps_its_lines() -> None:
    """A text over the limit whose lines are not is searched in pieces, and comes back whole."""
    text = "\n".join([*(f"{'x' * each} line {each}" for each in range(400)), "", f"password={PASSWORD}", ""])
    assert bare(redact(text)) == text.replace(PASSWORD, "<password>")


def test_overlong_line_is_cut_before_it_is_searched() -> None:
    """What is beyond the line limit cannot pass unsearched: it is cut, and that is visible."""
    text = f"{'x' * LINE_LIMIT} password={PASSWORD}\nnext line"
    first, second = redact(text).split("\n")
    assert PASSWORD not in first
    assert first.endswith("characters]")
    assert len(first) <= LINE_LIMIT
    assert second == "next line"
