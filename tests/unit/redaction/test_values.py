import json

import pytest
from placeholders import bare

from autocloudops.redaction import redact_json

SECRET = "corr3ct" + "-horse"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"DB_PASSWORD": SECRET}, {"DB_PASSWORD": "<password>"}),
        ({"passwords": [SECRET, "null"]}, {"passwords": ["<password>", "null"]}),
        ({"db": {"clientSecret": SECRET}}, {"db": {"clientSecret": "<credential>"}}),
        (
            {"environment": [{"name": "API_KEY", "value": SECRET}]},
            {"environment": [{"name": "API_KEY", "value": "<credential>"}]},
        ),
        ([{"Key": "auth_token", "Value": f"{SECRET}-7"}], [{"Key": "auth_token", "Value": "<token>"}]),
        ({"note": f"password={SECRET}"}, {"note": "password=<password>"}),
        ({f"password={SECRET}": 1}, {"password=<password>": 1}),
        (f"password={SECRET}", "password=<password>"),
        ({"password": {"value": SECRET}}, {"password": {"value": "<password>"}}),
        ({"passwords": [{"S": SECRET}]}, {"passwords": [{"S": "<password>"}]}),
        ({"NAME": "DB_PASSWORD", "VALUE": SECRET}, {"NAME": "DB_PASSWORD", "VALUE": "<password>"}),
        (
            {"Name": "DB_PASSWORD", "Value": SECRET, "name": "host", "value": "db"},
            {"Name": "DB_PASSWORD", "Value": "<password>", "name": "host", "value": "<password>"},
        ),
        (
            {"desc": f'{{"name": "DB_PASSWORD", "value": "{SECRET}"}}'},
            {"desc": '{"name": "DB_PASSWORD", "value": "<password>"}'},
        ),
        ({"desc": f"- name: DB_PASSWORD\n  value: {SECRET}"}, {"desc": "- name: DB_PASSWORD\n  value: <password>"}),
        ({"pa\N{LATIN SMALL LETTER LONG S}sword": SECRET}, {"pa\N{LATIN SMALL LETTER LONG S}sword": "<password>"}),
        ({"to\N{KELVIN SIGN}en": f"{SECRET}-7"}, {"to\N{KELVIN SIGN}en": "<token>"}),
    ],
)
def test_a_value_is_secret_where_its_name_says_so(value: object, expected: object) -> None:
    """Names and values that stand apart in JSON are read together, pairs of tags and variables too."""
    redacted = redact_json(value)
    assert json.loads(bare(json.dumps(redacted))) == expected
    assert redact_json(redacted) == redacted


@pytest.mark.parametrize(
    "value",
    [
        {"prompt_tokens": 412, "completion_tokens": "512", "budget_tokens": "1536"},
        {"key": {"account": "111122223333", "name": "orders"}, "token": None},
        {"masterUserPassword": "****", "secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop/db-a1b2c3"},
        {"name": "DB_HOST", "value": "db.internal", "passwordPolicy": "strict"},
        {"NAME": "DB_HOST", "VALUE": "db.internal", "value": {"text": "shown"}},
        {"password": {"valueFrom": {"secretKeyRef": {"name": "shop", "key": "password"}}}},
        {"x" * 200 + "password": "a name that nobody has"},
    ],
)
def test_harmless_values_stay(value: object) -> None:
    """Numbers, references and what only resembles a secret's name stay as they are."""
    assert redact_json(value) == value
