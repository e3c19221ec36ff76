import json

import pytest
from placeholders import bare

from autocloudops.redaction import clean, redact

PAIR = {"name": "DB_PASSWORD", "value": "hunter2"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(PAIR),
        json.dumps(json.dumps(PAIR)),
        json.dumps(PAIR, indent=2),
        json.dumps(json.dumps(PAIR, indent=2)),
        '{"NAME":"DB_PASSWORD","VALUE":"hunter2"}',
        '{"Name": "/shop/db/password", "Type": "SecureString", "Value": "hunter2", "Version": 1}',
        "- name: DB_PASSWORD\n  value: hunter2\n- name: DB_HOST\n  value: db",
        "- name: DB_PASSWORD\r\n  value: 'hunter2'\r\n",
        "- name: DB_PASSWORD\n  value: |-\n    hunter2\n",
        "--parameters ParameterKey=DbPassword,ParameterValue=hunter2",
    ],
)
def test_a_value_beside_its_name_is_replaced_in_text(text: str) -> None:
    """A pair of a name and a value is read together in text too, as JSON, escaped, as YAML or on a command line."""
    expected = text.replace("hunter2", "<password>")
    assert bare(redact(text)) == expected
    assert bare(clean(text, 1_000)) == expected.replace("\r", "")
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"name": "DB_HOST", "value": "db.internal"}),
        json.dumps({"name": "DB_PASSWORD", "valueFrom": "arn:aws:ssm:eu-west-1:111122223333:parameter/db"}),
        json.dumps([{"name": "DB_PASSWORD"}, {"name": "DB_HOST", "value": "db.internal"}]),
        json.dumps({"name": "max_tokens", "value": "800"}),
        '{"name":"DB_PASSWORD","value":"${DB_PASSWORD}"}',
        "- name: DB_PASSWORD\n- name: DB_HOST\n  value: db",
        "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: shop",
        "Name=PasswordResets,Value=web",
        '{"name": "ByPass", "value": "on"}',
    ],
)
def test_other_pairs_stay(text: str) -> None:
    """A value belongs to its own name only, and a reference is none."""
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"password": ["hunter2"]', '"password": ["<password>"]'),
        ('{\\"password\\": [\\"hunter2\\"]}', '{\\"password\\": [\\"<password>\\"]}'),
        ('passwords: ["a1b2","c3d4"] of 2', 'passwords: ["<password>"] of 2'),
        ("passwords: [a1b2, c3d4] of 2", "passwords: [<password>] of 2"),
        ('"password": {"value": "hunter2"}, "x": 1', '"password": {"value": "<password>"}, "x": 1'),
        ('"passwords": [{"value": "hunter2"}]', '"passwords": [{"value": "<password>"}]'),
    ],
)
def test_a_secret_in_a_container_is_replaced(text: str, expected: str) -> None:
    """A list under a secret's name goes with all of its items, and an object's value where its key says nothing."""
    assert bare(redact(text)) == expected
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        '"secrets": [{"name": "DB", "valueFrom": "arn:aws:ssm:eu-west-1:111122223333:parameter/db"}]',
        '"password": {"secretKeyRef": {"name": "shop"}}',
        '"tokens": [412, 512], "tokens": ["the", "cat"]',
        '"credentials": [], "secrets": {}, "password": [null], "password": {"value": null}',
        "password=[redacted]",
        "password: {{ vault.db }}",
    ],
)
def test_containers_without_a_secret_stay(text: str) -> None:
    """References, numbers, words and empty containers are evidence, and no bracket of theirs is taken for a secret."""
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password: >-\n  hunter2\nuser: app", "password: >-\n  <password>\nuser: app"),
        ("db:\n  password: |\n    a b\n    c d\n\n  user: app", "db:\n  password: |\n    <password>\n\n  user: app"),
        ('"client_secret": |2-\r\n  hunter2\r\nx: y', '"client_secret": |2-\r\n  <credential>\r\nx: y'),
    ],
)
def test_a_block_of_yaml_is_replaced(text: str, expected: str) -> None:
    """What follows `password: |` in the lines below is the secret, and not the sign that announces it."""
    assert bare(redact(text)) == expected
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text", ["password: |\nuser: app", "x > 1\npassword >\n  y", "password: |\n  ${DB_PASSWORD}\n"]
)
def test_blocks_without_a_secret_stay(text: str) -> None:
    """Neither the next member, nor a comparison, nor a reference is a block with a secret."""
    assert redact(text) == text
