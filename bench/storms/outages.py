"""What one cause does to alarms: who turns to ALARM when, and when it turns back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from bench.storms.estate import Watch

from autocloudops.alarms.model import AlarmState

APART_SECONDS = 10.0
"""Between two changes of one alarm: the shortest evaluation that CloudWatch offers."""
RECOVERY_SECONDS = 20.0
"""Within which alarms return to OK once their cause is over."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One state change, seconds after the storm began; `trigger` is the child that a composite alarm follows."""

    at_seconds: float
    watch: Watch
    state: AlarmState
    cause: str
    trigger: "Turn | None" = None


@dataclass(frozen=True, slots=True)
class Span:
    """When a cause begins, within how many seconds its alarms first fire, and when it is over."""

    start: float
    spread: float
    end: float


@dataclass(frozen=True, slots=True)
class Manner:
    """How the alarms of one owner behave.

    `slow` is a metric whose alarms need more datapoints than the others, and so fire `lag_seconds` later. `says_ok`
    tells whether the owner's alarms notify when they return to OK.
    """

    says_ok: bool = True
    slow: str = ""
    lag_seconds: float = 0.0


PROMPT = Manner()


def outage(random: Random, watches: Sequence[Watch], wobbles: int, span: Span, manner: Manner) -> list[Turn]:
    """Return the turns of `watches` under one cause, which is still to be named.

    Every alarm fires once and returns to OK when the cause is over; some return to OK for a moment before.

    Args:
        random: the source of every choice.
        watches: alarms of one owner.
        wobbles: how many of them turn to ALARM twice.
        span: when; it is over at least 40 s after the last alarm has fired.
        manner: how these alarms behave.
    """
    steady = [watch for watch in watches if not _is_slow(watch, manner)]
    unsteady = set(random.sample(range(len(steady)), wobbles))
    turns: list[Turn] = []
    for number, watch in enumerate(steady):
        onset = span.start + span.spread * random.random() ** 1.5
        turns += _twice(random, watch, onset, span) if number in unsteady else _once(random, watch, onset, span)
    for watch in (watch for watch in watches if _is_slow(watch, manner)):
        turns += _once(random, watch, span.start + manner.lag_seconds + 15 * random.random(), span)
    return [turn for turn in turns if manner.says_ok or turn.state is AlarmState.ALARM]


def _is_slow(watch: Watch, manner: Manner) -> bool:
    return watch.gauge is not None and watch.gauge.metric == manner.slow


def _once(random: Random, watch: Watch, onset: float, span: Span) -> Iterator[Turn]:
    yield Turn(onset, watch, AlarmState.ALARM, "")
    yield Turn(span.end + RECOVERY_SECONDS * random.random(), watch, AlarmState.OK, "")


def _twice(random: Random, watch: Watch, onset: float, span: Span) -> Iterator[Turn]:
    again = random.uniform(onset + 2 * APART_SECONDS, span.end - APART_SECONDS)
    yield Turn(onset, watch, AlarmState.ALARM, "")
    yield Turn(again - APART_SECONDS, watch, AlarmState.OK, "")
    yield from _once(random, watch, again, span)


def flapping(random: Random, watch: Watch, alarms: int, start: float) -> list[Turn]:
    """Return the turns of one alarm alone that cannot make up its mind: ALARM, OK, ALARM, OK."""
    turns: list[Turn] = []
    at = start
    for _ in range(alarms):
        for state in (AlarmState.ALARM, AlarmState.OK):
            turns.append(Turn(at, watch, state, ""))
            at += random.uniform(APART_SECONDS, 2 * APART_SECONDS)
    return turns


def summary(random: Random, composite: Watch, turns: Sequence[Turn]) -> list[Turn]:
    """Return the turns of a composite alarm that is in ALARM while any of its children is.

    CloudWatch evaluates it within about a second of its children, and names the child that turned it.
    """
    children = [turn for turn in turns if turn.watch.name in composite.children]
    first = min((turn for turn in children if turn.state is AlarmState.ALARM), key=lambda turn: turn.at_seconds)
    oks = [turn for turn in children if turn.state is AlarmState.OK]
    found = [Turn(first.at_seconds + random.uniform(0.2, 1.2), composite, AlarmState.ALARM, "", first)]
    if oks:
        last = max(oks, key=lambda turn: turn.at_seconds)
        found.append(Turn(last.at_seconds + random.uniform(0.2, 1.2), composite, AlarmState.OK, "", last))
    return found


def caused_by(cause: str, turns: Sequence[Turn]) -> list[Turn]:
    """Return `turns` with their cause's name."""
    return [replace(turn, cause=cause) for turn in turns]
