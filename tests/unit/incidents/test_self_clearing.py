"""Alarms that clear by themselves are asked about once they last longer than usual, in virtual time."""

import pytest
from database_alarms import sns
from worlds import World, served

from autocloudops.alarms.model import Alarm
from autocloudops.decisions.model import Verdict
from autocloudops.incidents.track_record import SelfClearing

STORES = pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
P90_SECONDS = 252


class Usual:
    """Every alarm clears by itself."""

    async def self_clearing(self, alarm: Alarm) -> SelfClearing | None:
        assert alarm.key.name
        return SelfClearing(share=38 / 41, p90_seconds=P90_SECONDS, fires=41)


def world(*, durable: bool) -> World:
    """Return a world whose alarms mostly clear by themselves."""
    return World(durable=durable, track_records=Usual())


@STORES
def test_what_clears_in_time_is_never_asked_about(durable: bool) -> None:
    """An alarm that is OK again before its 90th percentile costs no question, and nobody is told."""
    came = served((0, sns("reads")), (120, sns("reads", "OK", 120)), world=world(durable=durable))
    assert [line.decision.verdict for line in came.decided if line.decision] == [Verdict.SUPPRESSED]
    assert (came.model.asked_at, came.told.notifications) == ([], [])


@STORES
def test_what_lasts_longer_than_usual_is_asked_about_once(durable: bool) -> None:
    """The sweeper asks about an alarm that still fires then, and people are told."""
    came = served((0, sns("reads")), world=world(durable=durable))
    assert [line.decision.revision for line in came.decided if line.decision] == [0, 1]
    (asked_at,) = came.model.asked_at
    assert P90_SECONDS < asked_at <= P90_SECONDS + 60
    assert len(came.told.notifications) == 1


@STORES
def test_another_kind_of_trouble_ends_the_wait(durable: bool) -> None:
    """A member that brings a new metric is asked about at once, with the one that was left to clear."""
    came = served((0, sns("reads")), (60, sns("writes", "ALARM", 60, "WriteLatency")), world=world(durable=durable))
    (asked_at,) = came.model.asked_at
    assert 60 <= asked_at < 80
    assert len(came.decided[-1].members) == 2


@STORES
def test_another_alarm_of_the_same_kind_does_not_end_the_wait(durable: bool) -> None:
    """A member of the same family joins what waits."""
    came = served((0, sns("reads")), (60, sns("reads-2", "ALARM", 60)), world=world(durable=durable))
    (asked_at,) = came.model.asked_at
    assert asked_at > P90_SECONDS
