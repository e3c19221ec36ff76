"""Lines without a secret that look as if they had one: what alarms, logs and events are full of.

`texts_of` adds the texts of recorded alarms, where they are.
"""

import json
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from uuid import UUID

from bench.redactions.material import WORDS, encoded, hexadecimal, letters, upper, url_safe

ACCOUNT = "111122223333"


def _uuid(random: Random) -> str:
    return str(UUID(bytes=random.randbytes(16), version=4))


def _id(prefix: str) -> Callable[[Random], str]:
    return lambda random: f"{prefix}-0{hexadecimal(random, 16)}"


def _name(random: Random) -> str:
    return "-".join(random.sample(WORDS, random.randrange(1, 4)))


def _camel(random: Random) -> str:
    return "".join(each.title() for each in random.sample(WORDS, 3))


def _arn(random: Random) -> str:
    name, digest = _name(random), hexadecimal(random, 16)
    tail = random.choice(
        (
            f"ecs:eu-west-1:{ACCOUNT}:task/{name}/{hexadecimal(random, 32)}",
            f"elasticloadbalancing:eu-west-1:{ACCOUNT}:targetgroup/{name}/{digest}",
            f"cloudwatch:eu-west-1:{ACCOUNT}:alarm:{_camel(random)}-{name}",
            f"secretsmanager:eu-west-1:{ACCOUNT}:secret:{name}/db-{letters(random, 6)}",
            f"kms:eu-west-1:{ACCOUNT}:key/{_uuid(random)}",
            f"lambda:eu-west-1:{ACCOUNT}:function:{_camel(random)}:{random.randrange(99)}",
            f"autoscaling:eu-west-1:{ACCOUNT}:autoScalingGroup:{_uuid(random)}:autoScalingGroupName/{name}",
            f"sts::{ACCOUNT}:assumed-role/{_camel(random)}/{_uuid(random)}",
            f"iam::{ACCOUNT}:role/service-role/{_camel(random)}Role-{upper(random, 12)}",
            f"states:eu-west-1:{ACCOUNT}:execution:{name}:{_uuid(random)}",
        )
    )
    return f"arn:aws:{tail}"


def _number(random: Random) -> str:
    return f"{random.uniform(0, 10 ** random.randrange(1, 10)):.{random.randrange(0, 6)}f}"


MAKERS: dict[str, Callable[[Random], str]] = {
    "arn": _arn,
    "uuid": _uuid,
    "name": _name,
    "camel": _camel,
    "number": _number,
    "sha1": lambda random: hexadecimal(random, 40),
    "sha256": lambda random: hexadecimal(random, 64),
    "hex16": lambda random: hexadecimal(random, 16),
    "hex32": lambda random: hexadecimal(random, 32),
    "host_id": lambda random: encoded(random, 57),
    "md5": lambda random: encoded(random, 16),
    "integrity": lambda random: encoded(random, 64),
    "page": lambda random: url_safe(random, 96),
    "request": lambda random: upper(random, 16),
    "instance": _id("i"),
    "subnet": _id("subnet"),
    "digits": lambda random: letters(random, random.randrange(8, 20), string.digits),
    "millis": lambda random: str(random.randrange(1_700_000_000_000, 1_800_000_000_000)),
    "nanos": lambda random: str(random.randrange(1_700_000_000_000_000_000, 1_800_000_000_000_000_000)),
    "port": lambda random: str(random.randrange(1024, 65535)),
    "trace": lambda random: f"1-{hexadecimal(random, 8)}-{hexadecimal(random, 24)}",
    "ip": lambda random: f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}",
}

LINES = (
    "Threshold Crossed: 1 datapoint [{number} (22/11/26 03:08:00)] was greater than the threshold ({number}).",
    (
        "Threshold Crossed: 3 out of the last 5 datapoints [{number} (22/11/26 03:08:00), {number} (22/11/26 "
        "03:07:00)] were less than the threshold ({number}) (minimum 3 datapoints for OK -> ALARM transition)."
    ),
    "Unchecked: Initial alarm creation",
    "{arn}",
    "User: {arn} is not authorized to perform: secretsmanager:GetSecretValue on resource: {arn}",
    "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: {arn}",
    "secret {name}/db was rotated by {arn}",
    "valueFrom: {arn}",
    "secret: {arn}",
    "credentials for {name} expire in {number} s",
    "Task {arn} stopped: Essential container in task exited, exit code 137, requestId={uuid}",
    "(service {name}, taskSet ecs-svc/{digits}) has begun draining connections on 3 tasks.",
    "pulled {ip}:{port}/{name}@sha256:{sha256} in 3.1 s",
    "{name}: image digest sha256:{sha256} was not found",
    "deployed commit {sha1} of {name}",
    "X-Amzn-Trace-Id: Root={trace};Sampled=1",
    "traceparent: 00-{hex32}-{hex16}-01",
    "S3 503 SlowDown, request id {request}, host id {host_id}",
    "x-amz-request-id: {request} x-amz-id-2: {host_id}",
    "Content-MD5: {md5} ETag: {hex32}",
    '"integrity": "sha512-{integrity}"',
    "START RequestId: {uuid} Version: $LATEST",
    "REPORT RequestId: {uuid} Duration: {number} ms Billed Duration: 3 ms Memory Size: 512 MB Max Memory Used: 91 MB",
    "aws: [{instance}] joined {subnet} in eu-west-1a",
    "tokens per second {number}, max_tokens=800, prompt_tokens: {digits}, TokenCount={digits}",
    "bucket has no tokens left, token bucket refills at {number}/s",
    'FATAL: password authentication failed for user "{name}"',
    "the passwords do not match; passed: {digits} bypass: no, compass=north",
    "password policy was updated by {arn}",
    "password_policy=strict min_password_length={port}",
    "the api key of {name} is rotated each quarter, see the runbook",
    "no api key given; set it with the usual variable",
    "password: ******** user: {name}",
    "password=${DB_PASSWORD} host={ip}",
    "token: null, secret: none, apiKey: undefined",
    "Authorization header is missing or invalid",
    "bearer authentication is required for {name}",
    "basic authentication was switched off for {name}",
    "cookie consent of {name}: {number} of visitors",
    "kex_exchange_identification: read: Connection reset by {ip} port {port}",
    "sshd[{port}]: Accepted publickey for deploy from {ip} port {port} ssh2: RSA SHA256:{md5}",
    "at com.example.{name}.Pool.acquire(Pool.java:{port}) ~[app-2.4.1.jar!/:?]",
    "Caused by: java.util.concurrent.TimeoutException: {camel} did not answer within {number} ms",
    '  File "/srv/app/{name}/handlers.py", line {port}, in handle_{name}',
    "goroutine 81 [running]: main.(*Server).handle(0x{hex16}, 0x{hex16}) /src/{name}/main.go:83 +0x1d",
    "http://{ip}:{port}/metrics returned 503",
    "https://console.aws.amazon.com:443/cloudwatch/home?region=eu-west-1#alarm:name={name}",
    "https://eu-west-1.console.aws.amazon.com/states/home#/executions/details/{arn}",
    "postgresql://{name}.cluster-{hex16}.eu-west-1.rds.amazonaws.com:5432/shop is not reachable",
    "git clone ssh://git@git.example.net:2222/{name}.git",
    "kafka: partition {digits} of {name} lags by {digits} at offset {digits}",
    '{"level":"warn","ts":{millis},"msg":"slow query","ms":{number},"trace":"{hex32}"}',
    '{"time":{nanos},"metric":"{camel}","value":{number},"dimensions":{"ServiceName":"{name}"}}',
    "evaluated {camel} over {digits} rows, checksum {sha256}",
    "order {digits} of customer {uuid} was shipped",
    "ListTasks was throttled; next page {page}",
    "CloudFormation: stack {name} UPDATE_ROLLBACK_COMPLETE, resource {camel}{request}",
    "cgroup: memory: usage 524288kB, limit 524288kB, failcnt {digits}",
    "disk-monitor: /var/lib/docker/overlay2/{sha256}/merged is 91 % full",
    "orders@v2 answered 500 to {number} of requests",
    "docker run --user 1000:1000 --name {name} {name}:2.4.1",
    "mysqldump -h {name} -u backup --single-transaction shop took {number} s",
    "curl -s http://{ip}:{port}/health timed out",
    "env: HOME=/srv PWD=/srv/{name} OLDPWD=/srv SHLVL=1",
    "keyboard: de, monkey=3, keys: {digits}, primary key={digits}",
    "kms key {uuid} is pending deletion",
    "signature of the function changed: handle(event, context)",
    "session {name}-{hex16} of {arn} ended",
    "BEGIN transaction {hex16}; the public key was read",
    "Dimensions: [LoadBalancer app/{name}/{hex16}] [TargetGroup targetgroup/{name}/{hex16}]",
)


def lines(seed: int, count: int) -> Iterator[str]:
    """Yield clean lines, the same for the same seed."""
    random = Random(seed)  # noqa: S311 - a repeatable bench, not a key
    for number in range(count):
        yield _filled(LINES[number % len(LINES)], random)


def _filled(line: str, random: Random) -> str:
    for name, make in MAKERS.items():
        while f"{{{name}}}" in line:
            line = line.replace(f"{{{name}}}", make(random), 1)
    return line


def texts_of(folder: Path) -> list[str]:
    """Return the lines of every text in the JSON files of a folder, each once, without those that hold an `@`.

    People left addresses in some of them, and a login in one.
    """
    found: dict[str, None] = {}
    for path in sorted(folder.rglob("*.json")):
        found.update(
            dict.fromkeys(line.strip() for text in _texts(path.read_text("utf-8")) for line in text.split("\n"))
        )
    return [line for line in found if line and "@" not in line]


def _texts(document: str) -> Iterator[str]:
    """Yield the texts of a JSON document, and of the documents that its texts are."""
    try:
        value = json.loads(document)
    except ValueError:
        yield document
        return
    yield from _texts_in(value)


def _texts_in(value: object) -> Iterator[str]:
    match value:
        case str():
            yield from _texts(value) if value.startswith(("{", "[")) else (value,)
        case list():
            for item in value:
                yield from _texts_in(item)
        case dict():
            for item in value.values():
                yield from _texts_in(item)
        case _:
            return
