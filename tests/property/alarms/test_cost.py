"""What parsing costs beside decoding: a bounded multiple, and a constant for each noun."""

import json
from collections.abc import Callable
from time import process_time

import pytest
from alarm_bodies import (
    alarm_detail,
    alert,
    alertmanager,
    described,
    eventbridge,
    history_item,
    lambda_action,
    sns_alarm,
    sns_envelope,
)

from autocloudops.alarms.parse import parse

MULTIPLE = 10
CONSTANT_SECONDS = 1e-3
"""For each noun: its values are validated and its resource is resolved. Some ten times what it takes on a laptop."""

MIB = 1024 * 1024
BODIES = {
    "sns": sns_alarm(),
    "sns in sns": sns_envelope(sns_alarm()),
    "eventbridge": eventbridge(),
    "lambda": lambda_action(),
    "a page": {"MetricAlarms": [described(AlarmName=f"a{n}") for n in range(500)]},
    "history": {"AlarmHistoryItems": [history_item() for _ in range(500)]},
    "alerts": alertmanager(*(alert(fingerprint=f"{n:016x}") for n in range(500))),
    "records": {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(eventbridge())} for _ in range(300)]},
    "a huge description": sns_alarm(AlarmDescription="d" * MIB),
    "a huge rule": sns_alarm(Trigger=..., AlarmRule="ALARM(" * (MIB // 6)),
    "a huge reason": sns_alarm(Trigger={}, NewStateReason="less than the " * (MIB // 14)),
    "a huge detail": eventbridge(alarm_detail(more=[[n, 1.5, "x"] for n in range(60_000)]), detail_type="Other"),
    "half characters": sns_alarm(AlarmDescription="\ud800" * (MIB // 6)),
    "brackets": {"a": [[] for _ in range(100_000)]},
    "empty objects": [{} for _ in range(5_000)],
}


def _seconds(act: Callable[[], object], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        before = process_time()
        act()
        best = min(best, process_time() - before)
    return best


@pytest.mark.parametrize("what", BODIES)
def test_parsing_costs_a_bounded_multiple_of_decoding(what: str) -> None:
    """Parsing a body takes at most ten times the CPU of decoding it, and a constant for each noun in it."""
    body = json.dumps(BODIES[what]).encode()
    nouns = len(parse(body))
    decoding = _seconds(lambda: json.loads(body), 5)
    parsing = _seconds(lambda: parse(body), 5)
    assert parsing <= MULTIPLE * decoding + CONSTANT_SECONDS * nouns + CONSTANT_SECONDS


HOSTILE = {
    "a literal": b"{'alarmData': [" + b"'a', " * 12_000 + b"]}",
    "an open literal": b"{'a': '" + b"\\'" * MIB,
    "assignments": b"StackId='" + b"x='" * MIB,
    "open brackets": b"[" * MIB,
    "open texts": b'{"a": "' * (MIB // 7),
    "digits": b'{"a": ' + b"9" * MIB + b"}",
    "no UTF-8": b"\xff" * MIB,
    "words": b"ALARM " * (MIB // 6),
}
PATIENCE_SECONDS = 1.0


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_bodies_are_refused_soon(what: str) -> None:
    """A body made to be slow is refused within a second of CPU."""
    assert _seconds(lambda: parse(HOSTILE[what]), 1) < PATIENCE_SECONDS
