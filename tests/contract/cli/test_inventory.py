import asyncio
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from command_line import typed

from autocloudops import aws
from autocloudops.knowledge import inventory as reading
from autocloudops.sandbox import SandboxResources

PAGES = 103
"""Alarms of the test: more than one page of DescribeAlarms holds."""


async def client() -> Any:  # noqa: ANN401 - the client of CloudWatch has no type here
    """Return an open CloudWatch client; the caller leaves it."""
    return aws.session().create_client("cloudwatch", config=aws.config(read_timeout_seconds=10))


def metric_alarm(name: str, **changes: object) -> dict[str, Any]:
    """Return what PutMetricAlarm is asked for."""
    return {
        "AlarmName": name,
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": "orders"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 300.0,
        "ComparisonOperator": "GreaterThanThreshold",
        **changes,
    }


async def put_alarms(prefix: str, count: int) -> None:
    """Make alarms: one is autoscaling's, one is never right, one has no owner, one is off."""
    async with await client() as cloudwatch:
        special = [
            metric_alarm(f"TargetTracking-{prefix}"),
            metric_alarm(f"{prefix}-wrong", Namespace="AWS/EC2", MetricName="CPUUtilization", Threshold=101.0),
            metric_alarm(f"{prefix}-ownerless", Namespace="Shop", Dimensions=[]),
            metric_alarm(f"{prefix}-off", ActionsEnabled=False),
        ]
        plain = [metric_alarm(f"{prefix}-{number:03d}") for number in range(count - len(special))]
        for request in (*special, *plain):
            await cloudwatch.put_metric_alarm(**request)


async def fire_and_clear(names: list[str], times: int) -> None:
    """Turn alarms to ALARM and back."""
    async with await client() as cloudwatch:
        for name in names * times:
            for state in ("ALARM", "OK"):
                await cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


def listed(*arguments: str) -> Any:  # noqa: ANN401 - what JSON holds
    """Return the inventory as JSON, after checking that the command did not fail."""
    done = typed("alarms", "inventory", "--output", "json", *arguments)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_every_page_is_listed_and_judged(emulator: str) -> None:
    """Alarms beyond the first page are there; robots, wrong alarms, ownerless and switched-off ones are marked."""
    assert emulator
    prefix = f"t{uuid4().hex[:8]}"
    asyncio.run(put_alarms(prefix, PAGES))
    alarms = {each["key"]["name"]: each for each in listed()["alarms"]}
    mine = {name.replace(prefix, "x"): each for name, each in alarms.items() if prefix in name}
    assert len(mine) == PAGES
    assert (mine["TargetTracking-x"]["robot"], mine["TargetTracking-x"]["excluded"]) == ("target-tracking", True)
    assert (mine["x-off"]["switched_off"], mine["x-off"]["excluded"]) == (True, False)
    assert mine["x-wrong"]["wrong"]
    assert mine["x-ownerless"]["ownerless"]
    assert (mine["x-000"]["excluded"], mine["x-000"]["wrong"]) == (False, False)
    assert mine["x-000"]["resource"]["owner"] == "sqs-queue/orders"


def test_history_becomes_incidents_questions_and_costs(ministack: str, point_at: Callable[[str], None]) -> None:
    """What CloudWatch remembers is replayed: each episode of its own owner is an incident and a question."""
    point_at(ministack)
    prefix = f"t{uuid4().hex[:8]}"

    async def prepare() -> None:
        async with await client() as cloudwatch:
            for number in range(2):
                dimensions = [{"Name": "QueueName", "Value": f"{prefix}-{number}"}]
                await cloudwatch.put_metric_alarm(**metric_alarm(f"{prefix}-{number}", Dimensions=dimensions))
        await fire_and_clear([f"{prefix}-0", f"{prefix}-1"], 1)

    asyncio.run(prepare())
    found = listed("--history", "1h")
    noise = {each["key"]["name"]: each for each in found["history"]["noisiest"]}
    assert [noise[f"{prefix}-{n}"]["record"]["fires"] for n in range(2)] == [1, 1]
    assert [noise[f"{prefix}-{n}"]["questions"] for n in range(2)] == [1, 1]
    assert {each["gpu"] for each in found["costs"]["scenarios"]} >= {"a10g", "h100"}
    assert found["missing"] == []


def test_saved_alarms_are_kept_in_the_state_table(deployed: SandboxResources) -> None:
    """--save writes every alarm, says how many, and prints the inventory all the same."""
    asyncio.run(put_alarms(f"t{uuid4().hex[:8]}", 5))
    done = typed("alarms", "inventory", "--save", "--output", "text")
    assert done.exit_code == 0, done.stderr
    assert f"are kept in {deployed.state_table}, 0 are gone" in done.stderr
    assert done.stdout.startswith("alarms ")


def test_history_that_the_emulator_lacks_leaves_the_rest(
    moto: str, point_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where DescribeAlarmHistory fails, the alarms are printed, what is missing is said, and the exit code is 1."""
    monkeypatch.setattr(reading, "FIRST_PAUSE_SECONDS", 0.01)
    point_at(moto)
    asyncio.run(put_alarms(f"t{uuid4().hex[:8]}", 5))
    done = typed("alarms", "inventory", "--history", "1h", "--output", "text")
    assert done.exit_code == 1
    assert "candidates" in done.stdout
    assert "missing: alarm history of eu-west-1" in done.stderr


class Denying(BaseHTTPRequestHandler):
    """Stands before an emulator and denies the history of alarms, in the wire form of CloudWatch."""

    behind = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["X-Amz-Target"].endswith("DescribeAlarmHistory"):
            said = {"__type": "com.amazonaws.cloudwatch#AccessDeniedException", "message": "not allowed"}
            self._answer(403, json.dumps(said).encode())
            return
        forwarded = Request(f"{self.behind}{self.path}", body, dict(self.headers), method="POST")  # noqa: S310 - loopback
        with urlopen(forwarded) as answer:  # noqa: S310 - loopback
            self._answer(answer.status, answer.read())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def denying(ministack: str, point_at: Callable[[str], None]) -> Iterator[None]:
    """An account whose caller may describe alarms, but not their history."""
    handler = type("Handler", (Denying,), {"behind": ministack})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        point_at(f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()


@pytest.mark.usefixtures("denying")
def test_denied_history_names_the_permission_to_add() -> None:
    """The alarms are printed all the same, and the missing permission is said as IAM writes it."""
    asyncio.run(put_alarms(f"t{uuid4().hex[:8]}", 5))
    done = typed("alarms", "inventory", "--history", "1h", "--output", "text")
    assert done.exit_code == 1
    assert "candidates" in done.stdout
    assert "incidents" not in done.stdout
    assert "allow cloudwatch:DescribeAlarmHistory on *" in done.stderr


@pytest.mark.parametrize("span", ["31d", "0h", "soon"])
def test_a_span_that_cannot_be_is_a_usage_error(span: str) -> None:
    """CloudWatch keeps thirty days; what is longer, empty or no span is refused before any call."""
    assert typed("alarms", "inventory", "--history", span).exit_code == 252


def test_without_a_region_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No region is an error of configuration."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    done = typed("alarms", "inventory")
    assert (done.exit_code, "give --region" in done.stderr) == (253, True)
