"""Secrets of every format, planted in whatever comes from outside, through the whole service and its adapters."""

import asyncio
import gzip
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from alarm_bodies import ACCOUNT, REGION, alarm_detail, alert, alertmanager, eventbridge, sns_alarm, sns_envelope, state
from audit_actions import entry
from memory_audit import MemoryObjects
from triage import reply
from virtual_time import START
from worlds import Model, World, served

from autocloudops.actions.facts.reading import Reads
from autocloudops.actions.ops_items import SsmOpsItems
from autocloudops.audit.actions import ActionObjects
from autocloudops.decisions.claims import Finding, Helped, Step
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.errors import ModelUnavailable
from autocloudops.telemetry import JsonLines

sys.path.append(str(Path(__file__).parents[2]))

from bench.redactions.planting import Planted, planted

SEEDS = (31, 32)
PIECE = 16


class Talkative(Model):
    """A model that repeats secrets: in what it cannot say properly, in its answers, and when it fails."""

    def __init__(self, plants: Sequence[Planted]) -> None:
        super().__init__(seconds=0.5)
        self.heard: list[str] = []
        self._plants = plants

    async def complete(self, request: CompletionRequest) -> Completion:
        said = self._plants[len(self.heard) % len(self._plants)].line
        self.heard.append("\n".join(message.content for message in request.messages))
        turn = len(self.heard) % 3
        if turn == 0:
            raise ModelUnavailable(self.name, f"refused: {said}", f"look at {said}")
        await asyncio.sleep(0.5)
        return Completion(
            content=said if turn == 1 else reply(root_cause=said, gaps=[said], evidence_for=["E1"]),
            finish_reason="stop",
            model="test",
            prompt_tokens=10,
            completion_tokens=5,
            latency_seconds=0.5,
        )


class Kept(logging.Handler):
    """What the service's log would say."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Kept]:
    """Keep everything that is logged, at any level."""
    kept, logger = Kept(), logging.getLogger("autocloudops")
    before = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    yield kept
    logger.removeHandler(kept)
    logger.setLevel(before)


def bodies(number: int, plant: Planted) -> list[str]:
    """Return one message of each shape with a plant in every text that people or programs write."""
    line, secret = plant.line, plant.secret
    name, database = f"alarm-{number}", f"db-{number}"
    metric = {"namespace": "AWS/RDS", "name": "ReadLatency", "dimensions": {"DBInstanceIdentifier": f"e{database}"}}
    row = {"id": "m1", "metricStat": {"metric": metric, "period": 60, "stat": "p99"}, "label": line, "returnData": True}
    told = state(reason=line, reasonData=json.dumps({"recentDatapoints": [line], "threshold": line}))
    detail = alarm_detail(alarmName=f"e{name}", state=told, configuration={"metrics": [row], "description": line})
    trigger = {**sns_alarm()["Trigger"], "Dimensions": [{"value": database, "name": "DBInstanceIdentifier"}]}
    alarm = sns_alarm(
        AlarmName=name,
        AlarmArn=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
        AlarmDescription=line,
        NewStateReason=line,
        Trigger=trigger,
    )
    deployment = {"eventName": "SERVICE_DEPLOYMENT_FAILED", "reason": line, "deploymentId": f"ecs-svc/{number}"}
    labels = {"alertname": f"Slow{number}", "instance": f"host-{number}", "note": line, "password": secret}
    return [
        json.dumps(sns_envelope(alarm, Subject=line)),
        json.dumps(eventbridge(detail)),
        json.dumps(
            eventbridge(
                {**deployment, "environment": [{"name": "DB_PASSWORD", "value": secret}]},
                source="aws.ecs",
                detail_type="ECS Deployment",
            )
        ),
        json.dumps(alertmanager(alert(labels=labels, annotations={"summary": line, "description": line}))),
        f"not JSON: {line}",
    ]


def through_the_service(plants: Sequence[Planted]) -> World:
    """Return the world after a worker took messages with every plant."""
    sent = [body for number, each in enumerate(plants) for body in bodies(number, each)]
    model = Talkative(plants)
    return served(*((at * 0.01, body) for at, body in enumerate(sent)), world=World(durable=True, model=model))


def pieces_of(secret: str) -> Iterator[str]:
    """Yield what must not be seen of a secret: every other 16 characters in a row, or all of a shorter one."""
    length = min(PIECE, len(secret))
    return (secret[start : start + length] for start in range(0, len(secret) - length + 1, PIECE // 2))


def leaked(plants: Sequence[Planted], sink: str) -> list[str]:
    """Return the formats of which something is in a sink, as it is or as JSON writes it."""
    return [
        each.format
        for each in plants
        if any(written in sink for piece in pieces_of(each.secret) for written in {piece, json.dumps(piece)[1:-1]})
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_planted_secrets_reach_nobody(seed: int, log: Kept) -> None:
    """No secret of any format gets from an alarm, an event or a reply to model, record, state, people or log."""
    plants = list(planted(seed, 1))
    world = through_the_service(plants)
    lines = b"\n".join(gzip.decompress(body) for body in world.objects.objects.values()).decode()
    sinks: Mapping[str, Sequence[str]] = {
        "prompt": cast("Talkative", world.model).heard,
        "audit": lines.splitlines(),
        "state": [json.dumps(item, default=repr) for item in world.table.items],
        "notification": [told.model_dump_json() for told in world.told.notifications],
        "log": log.lines,
    }
    assert len(world.decided) >= 2 * len(plants)
    assert all(sinks.values())
    found = {name: leaked(plants, "\n".join(said)) for name, said in sinks.items()}
    assert not any(found.values()), found


class Asked:
    """Calls that are kept instead of made."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    async def ask(self, *_: object, **parameters: Any) -> Mapping[str, object]:  # noqa: ANN401 - any call's parameters
        self.calls.append(parameters)
        return {"OpsItemId": "oi-1"}


@pytest.mark.parametrize("seed", SEEDS)
async def test_planted_secrets_reach_neither_action_log_nor_ops_item(seed: int) -> None:
    """What a runbook, a target or a check said is kept and shown without its secrets."""
    objects, calls = MemoryObjects(), Asked()
    plants = list(planted(seed, 1))
    for number, each in enumerate(plants):
        said = entry(Step.OUTCOME, number, said=each.line)
        before, request = {"Note": each.line}, said.claim.request
        parameters = {**request.parameters, "Note": each.line}
        found = Finding(helped=Helped.NOT_VERIFIED, at=START, why=each.line)
        claim = said.claim.model_copy(
            update={"before": before, "request": request.model_copy(update={"parameters": parameters}), "found": found}
        )
        await ActionObjects(objects).write(said.model_copy(update={"claim": claim}))
        await SsmOpsItems(cast("Reads", calls)).open(claim)
    log_text = b"\n".join(objects.objects.values()).decode()
    shown = "\n".join(
        text for call in calls.calls for text in (call["Title"], call["Description"], str(call["OperationalData"]))
    )
    assert len(objects.objects) == len(calls.calls) == len(plants)
    assert (leaked(plants, log_text), leaked(plants, shown)) == ([], [])
