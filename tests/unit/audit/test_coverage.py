from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from triage import cpu_alarm
from virtual_time import START

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmState, Unparseable
from autocloudops.audit.coverage import EXAMPLES, Coverage, SeenChanges, Unseen, Why
from autocloudops.audit.record import AuditRecord, Outcome
from autocloudops.incidents.replay import Transition

KEY = cpu_alarm().key
OTHER = KEY.model_copy(update={"name": "other"})
ABROAD = KEY.model_copy(update={"region": "us-east-1"})
NOW = START + timedelta(days=1)


def alarm(key: AlarmKey = KEY, at: datetime = START, state: AlarmState = AlarmState.ALARM) -> Alarm:
    """Return a change as a message tells it."""
    return cpu_alarm().model_copy(update={"key": key, "at": at, "state": state})


def seen_of(*alarms: Alarm, parked: Iterable[datetime] = ()) -> SeenChanges:
    """Return what an audit with these changes has seen."""
    seen = SeenChanges()
    for each in alarms:
        seen.add(AuditRecord(outcome=Outcome.JOINED, at=each.at + timedelta(seconds=3), alarm=each))
    lost = Unparseable(code="not_json", reason="no JSON", raw_sha256="0" * 64)
    for at in parked:
        seen.add(AuditRecord(outcome=Outcome.PARKED, at=at, unparseable=lost))
    return seen


def change(key: AlarmKey = KEY, at: datetime = START, state: AlarmState = AlarmState.ALARM) -> Transition:
    """Return a change as the history tells it."""
    return Transition(key, state, at)


def compared(
    seen: SeenChanges, *changes: Transition, begins: datetime = START, off: Iterable[AlarmKey] = ()
) -> list[Unseen]:
    """Return what was not seen of these changes."""
    coverage = Coverage(seen, begins, NOW, frozenset(off))
    for each in changes:
        coverage.take(each)
    return list(coverage.unseen())


def why(seen: SeenChanges, missing: Transition, off: Iterable[AlarmKey] = ()) -> Why:
    """Return why one change was not seen."""
    (unseen,) = compared(seen, missing, off=off)
    return unseen.why


@pytest.mark.parametrize("milliseconds", [-2000, -1, 0, 1, 700, 2000])
def test_a_change_is_seen_by_its_approximate_time(milliseconds: int) -> None:
    """The history's time is that of its record; within two seconds of key and state it is the same change."""
    at = START + timedelta(milliseconds=milliseconds)
    assert compared(seen_of(alarm()), change(at=at)) == []


@pytest.mark.parametrize(
    "missing",
    [
        change(at=START + timedelta(milliseconds=2001)),
        change(at=START + timedelta(hours=1)),
    ],
)
def test_the_same_change_at_another_time_is_lost(missing: Transition) -> None:
    """What arrived at other times and not at this one has no innocent reason."""
    assert why(seen_of(alarm()), missing) is Why.LOST


def test_the_likeliest_reason_is_named() -> None:
    """From nothing of a region to one state of one alarm, the reason is the widest that fits."""
    seen = seen_of(alarm())
    assert why(seen, change(ABROAD)) is Why.PLACE
    assert why(seen, change(OTHER)) is Why.ALARM
    assert why(seen, change(OTHER), off=[OTHER]) is Why.SWITCHED_OFF
    assert why(seen, change(state=AlarmState.OK)) is Why.STATE


def test_a_parked_message_explains_a_gap() -> None:
    """A message that could not be read, soon after the change, is the likeliest reason; hours later it is not."""
    at = START + timedelta(hours=1)
    assert why(seen_of(alarm(), parked=[at + timedelta(minutes=1)]), change(at=at)) is Why.PARKED
    assert why(seen_of(alarm(), parked=[at + timedelta(hours=2)]), change(at=at)) is Why.LOST


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (START - timedelta(seconds=10), Why.BEFORE_AUDIT),
        (NOW - timedelta(minutes=9), Why.ON_ITS_WAY),
    ],
)
def test_what_nobody_could_have_recorded_is_expected(at: datetime, expected: Why) -> None:
    """Before the audit began, and a moment ago, nothing is wrong."""
    reason = why(seen_of(alarm()), change(at=at))
    assert reason is expected
    assert reason.expected


def test_every_other_reason_is_a_finding() -> None:
    """Only the two that nobody could have recorded are as they should be."""
    assert {each for each in Why if each.expected} == {Why.BEFORE_AUDIT, Why.ON_ITS_WAY}


def test_contributors_are_alarms_of_their_own() -> None:
    """A contributor's change does not stand for that of its alarm."""
    one = KEY.model_copy(update={"contributor": "c-1"})
    assert why(seen_of(alarm(one)), change()) is Why.ALARM


def test_changes_are_counted_by_alarm_and_reason() -> None:
    """Each alarm has one row for each reason, with how many of its changes were seen, and the first examples."""
    missing = [change(at=START + timedelta(hours=1, seconds=10 * n)) for n in range(EXAMPLES + 5)]
    coverage = Coverage(seen_of(alarm()), START, NOW, frozenset())
    for each in (change(), *missing, change(state=AlarmState.OK, at=NOW - timedelta(hours=1)), change(OTHER)):
        coverage.take(each)
    rows = {(each.key.name, each.why): each for each in coverage.unseen()}
    assert set(rows) == {(KEY.name, Why.LOST), (KEY.name, Why.STATE), (OTHER.name, Why.ALARM)}
    lost = rows[KEY.name, Why.LOST]
    assert (lost.changes, lost.seen, lost.unseen, len(lost.examples)) == (27, 1, 25, EXAMPLES)
    assert (lost.first, lost.last) == (missing[0].at, missing[-1].at)
    assert coverage.counts == {"alarms": 2, "changes": 28, "seen": 1}


def test_a_change_that_comes_twice_counts_once() -> None:
    """Reading the history again after a refused token repeats the last change."""
    (unseen,) = compared(seen_of(alarm()), change(OTHER), change(OTHER))
    assert unseen.changes == unseen.unseen == 1


def test_the_first_record_says_when_the_audit_began() -> None:
    """Records may be read in any order."""
    later = START + timedelta(hours=1)
    seen = seen_of(alarm(at=later), alarm())
    assert seen.begins == START + timedelta(seconds=3)
    assert seen_of().begins is None
