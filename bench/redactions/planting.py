"""Secrets in the lines in which they turn up: logs, alarm descriptions, settings, command lines, URLs.

Each format is one row: its name, and a function that makes a secret and a text that holds it.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from bench.redactions.material import (
    LETTERS_AND_DIGITS,
    WORDS,
    card,
    encoded,
    hexadecimal,
    key_block,
    letters,
    password,
    upper,
    url_safe,
    web_token,
)

Held = tuple[str, str]
Format = Callable[[Random], Held]


@dataclass(frozen=True, slots=True)
class Planted:
    """One line with a secret in it."""

    format: str
    line: str
    secret: str


def _held(make: Callable[[Random], str], *texts: str) -> Format:
    """Return the format of a secret that `make` makes and one of `texts` holds, where `{}` stands."""
    return lambda random: (random.choice(texts).replace("{}", secret := make(random)), secret)


def _prefixed(prefix: str, body: Callable[[Random], str], *texts: str) -> Format:
    return _held(lambda random: prefix + body(random), *texts, "got {} from the environment", "token={}", "X-Token: {}")


def _secret_key(random: Random) -> str:
    return f"{letters(random, 1, 'abcdefgh')}{encoded(random, 27)}{upper(random, 2)}7"


def _escaped(random: Random) -> Held:
    secret = password(random)
    return json.dumps({"message": json.dumps({"user": "app", "password": secret})}), secret


def _login(random: Random) -> str:
    return base64.b64encode(f"{random.choice(WORDS)}:{password(random)}".encode()).decode()


def _email(random: Random) -> str:
    return f"{random.choice(WORDS)}.{random.choice(WORDS)}@{random.choice(WORDS)}.example.com"


def _encoded_password(random: Random) -> Held:
    secret = quote(password(random), safe="")
    return f"POST /login body=user%3Dapp%26password%3D{secret}%26next%3D1", secret


def _key_block(random: Random) -> Held:
    block = key_block(random)
    text = random.choice(("loaded {} from disk", '{"tls.key": "{}"}', "key:\n{}\n"))
    body = block.split("\n")[2]
    return text.replace("{}", block if "\n" in text else block.replace("\n", "\\n")), body


FORMATS: dict[str, Format] = {
    "AWS access key id": _held(
        lambda random: random.choice(("AK", "AS")) + "IA" + upper(random, 16),
        "aws_access_key_id = {}",
        "The user with access key {} was denied",
        '{"accessKeyId":"{}"}',
    ),
    "AWS secret key": _held(
        _secret_key,
        "aws_secret_access_key = {}",
        '"SecretAccessKey": "{}"',
        "export AWS_SECRET_ACCESS_KEY={}",
        "secret key {} was rejected",
    ),
    "AWS session token": _held(
        lambda random: random.choice(("IQoJb3JpZ2lu", "FwoGZXIvYXdz")) + encoded(random, 240),
        "aws_session_token={}",
        "x-amz-security-token: {}",
        "assumed role, got {}",
    ),
    "presigned URL": _held(
        lambda random: hexadecimal(random, 64),
        "GET https://shop.s3.amazonaws.com/a.csv?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=900&X-Amz-Signature={}",
        "403 for https://shop.s3.eu-west-1.amazonaws.com/b?X-Amz-Signature={}&x-id=GetObject",
    ),
    "shared access signature": _held(
        lambda random: quote(encoded(random, 32), safe=""),
        "https://shop.blob.core.windows.net/logs?sv=2024-11-04&se=2026-12-01&sr=c&sp=rl&sig={}",
    ),
    "JWT": _held(web_token, "Authorization: Bearer {}", "jwt expired: {}", 'claims of "{}" refused', "?id_token={}"),
    "private key": _key_block,
    "GitHub token": _prefixed("gh" + "p_", lambda random: letters(random, 36), "git clone https://{}@github.com/a/b"),
    "GitHub fine-grained token": _prefixed("github_" + "pat_", lambda random: letters(random, 82)),
    "GitLab token": _prefixed("gl" + "pat-", lambda random: url_safe(random, 15)),
    "Slack token": _prefixed(
        "xo" + "xb-", lambda random: f"{random.randrange(10**11, 10**12)}-{letters(random, 24)}", "slack said no to {}"
    ),
    "Slack webhook": _held(
        lambda random: f"T{upper(random, 8)}/B{upper(random, 8)}/{letters(random, 24)}",
        "POST https://hooks.slack.com/services/{} answered 500",
    ),
    "Stripe key": _prefixed("sk_" + "live_", lambda random: letters(random, 24), "No such key: {}"),
    "Google API key": _prefixed("AI" + "za", lambda random: letters(random, 35), "/maps/api/geocode/json?key={}"),
    "NVIDIA key": _prefixed("nv" + "api" + "-", lambda random: url_safe(random, 48), "NGC refused {}"),
    "npm token": _prefixed("np" + "m_", lambda random: letters(random, 36), "//registry.example.com/:_authToken={}"),
    "PyPI token": _prefixed("pypi-" + "AgEI", lambda random: url_safe(random, 120), "twine upload failed for {}"),
    "model API key": _prefixed("sk" + "-proj-", lambda random: url_safe(random, 60) + "1", "Incorrect API key: {}"),
    "Hugging Face token": _prefixed("hf" + "_", lambda random: letters(random, 34), "cannot pull the model with {}"),
    "SendGrid key": _prefixed("S" + "G.", lambda random: f"{url_safe(random, 16)}.{url_safe(random, 32)}"),
    "DigitalOcean token": _prefixed("dop" + "_v1_", lambda random: hexadecimal(random, 64)),
    "Grafana token": _prefixed("gl" + "sa_", lambda random: f"{letters(random, 32)}_{hexadecimal(random, 8)}"),
    "Vault token": _prefixed("hv" + "s.", lambda random: letters(random, 90), "vault: permission denied for {}"),
    "Telegram token": _held(
        lambda random: f"{random.randrange(10**8, 10**10)}:AA{letters(random, 33)}",
        "https://api.telegram.org/bot/{}/sendMessage",
        "TELEGRAM {}",
    ),
    "bearer header": _held(
        lambda random: f"{letters(random, 40)}7", "Authorization: Bearer {}", "curl -H 'authorization: bearer {}'"
    ),
    "basic header": _held(_login, "Authorization: Basic {}", '"authorization": ["Basic {}"]', "proxy sent basic {}"),
    "registry login": _held(_login, '{"auths": {"registry.example.com": {"auth": "{}"}}}'),
    "API key header": _held(
        lambda random: hexadecimal(random, 32), "x-api-key: {}", "x-functions-key: {}", "Ocp-Apim-Subscription-Key: {}"
    ),
    "cookie": _held(
        lambda random: letters(random, 32), "Cookie: lang=en; session={}", "Set-Cookie: sid={}; HttpOnly; Path=/"
    ),
    "password in URL": _held(
        lambda random: letters(random, 18) + "7",
        "cannot connect to postgresql://shop:{}@db.internal:5432/shop",
        "redis://:{}@cache.internal:6379/0 timed out",
        "mongodb+srv://app:{}@cluster0.example.net/orders",
        "amqps://worker:{}@mq.internal:5671/%2f",
    ),
    "key=value": _held(password, "user=app password={} host=db", "DB_PASSWORD={}", "db.pwd = {}", "PGPASSWORD={} psql"),
    "JSON": _held(password, '{"user":"app","password":"{}"}', '{"db": {"Passwd": "{}"}}', "{'secret': '{}'}"),
    "JSON in JSON": _escaped,
    "YAML": _held(password, "  password: {}", "    client_secret: '{}'", 'api_key: "{}"', "SECRET_KEY_BASE: {}"),
    "form body": _encoded_password,
    "connection string": _held(
        lambda random: letters(random, 20) + "7",
        "Server=tcp:db.example.net;Database=shop;User ID=app;Password={};Encrypt=True",
        "Data Source=db;Uid=app;Pwd={};",
        "jdbc:mysql://db:3306/shop?user=app&password={}&useSSL=true",
        "jdbc:oracle:thin:app/{}@db:1521/ORCL",
    ),
    "storage account key": _held(
        lambda random: encoded(random, 64),
        "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={};EndpointSuffix=core.windows.net",
        "Endpoint=sb://shop.example.net/;SharedAccessKeyName=root;SharedAccessKey={}",
    ),
    "command line": _held(
        lambda random: letters(random, 16) + "7",
        "restore --host db --password {} --verbose",
        "deploy --api-key {}",
        "mysql -u root -p{} shop",
        "sshpass -p {} ssh deploy@web",
        "curl -s -u admin:{} https://nexus.internal/",
    ),
    "SQL": _held(
        password,
        "CREATE USER app IDENTIFIED BY '{}'",
        "ALTER ROLE app WITH PASSWORD '{}'",
        "ALTER USER app SET password = '{}'",
    ),
    "XML": _held(password, "<property><password>{}</password></property>", "<db:adminSecret>{}</db:adminSecret>"),
    "words": _held(password, "the password is '{}' until Monday", "Passphrase: {}", 'password "{}" was not accepted'),
    "pair of name and value": _held(
        lambda random: letters(random, 16) + "7",
        '{"name": "DB_PASSWORD", "value": "{}"}',
        '{\\"Name\\": \\"/shop/db/password\\", \\"Type\\": \\"SecureString\\", \\"Value\\": \\"{}\\"}',
        "- name: DB_PASSWORD\n  value: {}\n",
        "--parameters ParameterKey=DbPassword,ParameterValue={}",
    ),
    "container": _held(
        lambda random: letters(random, 16) + "7",
        '"password": ["{}"]',
        "passwords: [{}]",
        '"client_secret": {"value": "{}"}',
        "password: >-\n  {}\n",
    ),
    "default": _held(
        lambda random: letters(random, 16) + "7", "PASSWORD=${DB_PASSWORD:-{}}", "password%22%3A%22{}", "smtpPass: {}"
    ),
    "alerting credential": _held(
        lambda random: hexadecimal(random, 32),
        "Authorization: GenieKey {}",
        "authorization: Splunk {}",
        "routing_key: {}",
        "https://events.pagerduty.com/integration/{}/enqueue",
        "https://discord.com/api/webhooks/123456789012345678/{}{}",
    ),
    "e-mail": _held(_email, "page {} first", "owner: {} (payments)", "bounced for <{}>"),
    "card": _held(card, "charge of card {} was declined", '{"pan":"{}"}', "payment with {} failed"),
    "generic token": _held(
        lambda random: letters(random, 32, LETTERS_AND_DIGITS + "_-") + "7",
        "access_token={}",
        '"refreshToken": "{}"',
        "REGISTRY_TOKEN: {}",
        "callback?state=1&token={}",
    ),
}

FRAMES = (
    "{}",
    "2026-11-22T03:11:42.125Z ERROR [orders-api] {}",
    "Nov 22 03:11:42 ip-10-0-3-17 app[2291]: {}",
    "If this fires look at the runbook; {}",
    'level=error ts=2026-11-22T03:11:42Z caller=main.go:83 msg="retrying" detail={}',
    "java.sql.SQLException: connection refused ({}) at com.example.shop.Pool.get(Pool.java:112)",
)


def planted(seed: int, of_each: int) -> Iterator[Planted]:
    """Yield `of_each` lines of every format, the same for the same seed."""
    random = Random(seed)  # noqa: S311 - a repeatable bench, not a key
    for name, make in FORMATS.items():
        for _ in range(of_each):
            text, secret = make(random)
            frame = random.choice(FRAMES) if "\n" not in text else "{}"
            yield Planted(name, frame.replace("{}", text), secret)
