"""No body makes the parser raise: generated ones, and real ones with parts changed."""

import json
import random
from pathlib import Path
from typing import Any

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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autocloudops.alarms.model import Alarm, AwsEvent, Parsed, Unparseable
from autocloudops.alarms.parse import parse

SHARED = Path(__file__).parents[3].parent / "shared" / "alarms"
GENERATED, MUTATED = 500, 4_500
SOAK_PARTS, PART_GENERATED, MUTATED_SOAK = 10, 2_000, 80_000

BODIES = [
    sns_alarm(),
    sns_envelope(sns_alarm()),
    eventbridge(),
    lambda_action(),
    alertmanager(alert(), alert()),
    {"MetricAlarms": [described()]},
    {"AlarmHistoryItems": [history_item(), history_item("Action"), history_item("ConfigurationUpdate")]},
    {"messageId": "1", "body": json.dumps(sns_alarm()), "eventSource": "aws:sqs"},
    {"requestContext": {}, "requestPayload": {"Records": [{"Sns": sns_envelope(sns_alarm())}]}},
    {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(sns_envelope(eventbridge(alarm_detail())))}]},
]
NUMBERS: list[Any] = [None, True, 0, -1, 10**30, 1e308]
TEXTS: list[Any] = ["", " ", "\x00", "\ud800", "[]", "{", "a" * 9_000]
ODD: list[Any] = [*NUMBERS, *TEXTS, [], {}, [[]], {"": None}]
WORDS = sorted({key for body in BODIES for key in body} | {"Sns", "body", "Message", "detail", "alarmData", "labels"})

_leaves = st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS)
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)


def _checked(body: str | bytes) -> list[Parsed]:
    nouns = parse(body)
    assert nouns
    for noun in nouns:
        assert isinstance(noun, Alarm | AwsEvent | Unparseable)
        assert noun.model_dump_json()
        assert noun.shape
        if isinstance(noun, Unparseable):
            assert noun.code
            assert len(noun.reason) < 200
        else:
            assert noun.event_id.version == 5
            assert noun.at.microsecond % 1000 == 0
    return nouns


@st.composite
def _bodies(draw: st.DrawFn) -> str | bytes:
    body = draw(st.sampled_from(BODIES))
    changes = draw(st.dictionaries(st.sampled_from(WORDS), _values, max_size=4))
    value = draw(st.sampled_from([{**body, **changes}, {**body, **changes}, draw(_values)]))
    written = st.sampled_from([json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value)])
    return draw(st.binary(max_size=200) | st.text(max_size=200) | written)


@settings(max_examples=GENERATED, deadline=None, suppress_health_check=list(HealthCheck))
@given(_bodies())
def test_generated_bodies(body: str | bytes) -> None:
    """Any bytes, text or message yields nouns that can be stored and told apart."""
    _checked(body)


@pytest.mark.soak
@pytest.mark.parametrize("_part", range(SOAK_PARTS))
@settings(max_examples=PART_GENERATED, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=_bodies())
def test_generated_bodies_at_length(_part: int, body: str | bytes) -> None:
    """The same, forty times as long; in parts, for hypothesis keeps what it generates: gigabytes for all of them."""
    _checked(body)


def _paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in _paths(item, (*path, key)))]


def _mutated_value(value: object, chance: random.Random) -> object:
    """Return `value` with one place in it removed, replaced or doubled; texts that hold JSON are entered."""
    path = chance.choice(_paths(value))
    if not path:
        return chance.choice(ODD)
    copied = json.loads(json.dumps(value))
    holder = copied
    for key in path[:-1]:
        holder = holder[key]
    last = path[-1]
    held = holder[last]
    if isinstance(held, str) and held[:1] == "{" and chance.random() < 0.8:
        holder[last] = _mutated_text(held, chance)
    elif chance.random() < 0.3:
        del holder[last]
    elif chance.random() < 0.2:
        holder[last] = [held, held]
    else:
        holder[last] = chance.choice(ODD)
    return copied


def _mutated_text(text: str, chance: random.Random) -> str:
    try:
        return json.dumps(_mutated_value(json.loads(text), chance))
    except ValueError:
        return text


def _mutated_bytes(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    noise = chance.choice([b"", b"\xff", b"\\u", b"\\ud8", b'"', b"{", b"[", b"1e9", b"\x00", raw[at : at + 40]])
    return raw[:at] + noise + raw[at + chance.randrange(4) :]


def _mutated(raw: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return _mutated_bytes(raw, chance)
    return _mutated_text(raw.decode("utf-8", "ignore"), chance).encode("utf-8", "replace")


def _mutants(count: int) -> int:
    if not SHARED.is_dir():
        pytest.skip("the shared payloads are not beside this repository")
    files = [path.read_bytes() for path in sorted(SHARED.glob("*/*.json"))]
    chance = random.Random(20260301)  # noqa: S311  # a seed, so that a failure comes again
    for number in range(count):
        raw = files[number % len(files)]
        for _ in range(chance.randrange(1, 4)):
            raw = _mutated(raw, chance)
        _checked(raw)
    return count


def test_mutated_payloads() -> None:
    """Real payloads with values, keys and bytes changed never make the parser raise."""
    assert _mutants(MUTATED) == MUTATED


@pytest.mark.soak
def test_mutated_payloads_at_length() -> None:
    """The same, twenty times as long."""
    assert _mutants(MUTATED_SOAK) == MUTATED_SOAK
