import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest
from triage import database_alarm
from virtual_time import START, VirtualClock, run

from autocloudops.diagnosis.gathering import Gathered, Gatherer, Piece, Source, Subject, numbered
from autocloudops.errors import (
    AccessDenied,
    AccountUnread,
    ServiceUnavailable,
    SettingsInvalid,
    TargetMissing,
    Throttled,
)

ALARM = database_alarm()
SUBJECT = Subject(incident_id=UUID(int=1), resource=ALARM.resource, alarm=ALARM, alarms=(ALARM,), at=START)


class Told:
    """A source that answers as it is told to."""

    permissions = frozenset({"cloudwatch:DescribeAlarms"})

    def __init__(
        self, kind: str, *pieces: Piece, essential: bool = False, seconds: float = 0, error: Exception | None = None
    ) -> None:
        self.kind = kind
        self.essential = essential
        self._pieces = pieces
        self._seconds = seconds
        self._error = error

    async def read(self, subject: Subject) -> Sequence[Piece]:
        assert subject == SUBJECT
        await asyncio.sleep(self._seconds)
        if self._error:
            raise self._error
        return self._pieces


def piece(kind: str, worth: int, *, missing: bool = False) -> Piece:
    """Return a fact of some worth."""
    return Piece(kind=kind, source="test", text=f"{kind} of {worth}", worth=worth, missing=missing)


def gathered(*sources: Source) -> tuple[Gathered, float]:
    """Return what the sources come to, and the virtual seconds that it took."""

    async def gathering() -> tuple[Gathered, float]:
        clock = VirtualClock()
        return await Gatherer(sources, clock).gather(SUBJECT), clock.monotonic()

    return run(gathering())


def test_the_worthiest_facts_come_first() -> None:
    """Pieces of every source are ordered by worth, and numbered on from the alarms."""
    found, _ = gathered(Told("past", piece("past", 10)), Told("metric", piece("metric", 90), piece("metric", 5)))
    assert [each.worth for each in found.pieces] == [90, 10, 5]
    assert [f"{each.id} {each.text}" for each in numbered(found.pieces)] == [
        "E1 metric of 90",
        "E2 past of 10",
        "E3 metric of 5",
    ]
    assert found.unread == ()


def test_every_source_hanging_costs_the_wall_time_once() -> None:
    """Twenty sources that never answer take 1.5 s together, and each is said to be missing."""
    found, seconds = gathered(*(Told(f"hanging-{'abcdefghijklmnopqrst'[number]}", seconds=1e6) for number in range(20)))
    assert seconds == 1.5
    assert len(found.pieces) == 20
    assert all(each.missing and "no answer within 1.5 s" in each.text for each in found.pieces)


def test_a_source_that_fails_says_what_is_missing() -> None:
    """A denied, throttled, absent or broken source becomes evidence that names the call, never an error."""
    call, target = "rds:DescribeDBInstances", "orders-db"
    found, _ = gathered(
        Told("denied", error=AccessDenied(call, target, "no")),
        Told("throttled", error=Throttled(call, target, "slow down")),
        Told("absent", error=TargetMissing(call, target, "404")),
        Told("broken", error=ServiceUnavailable(call, target, "503")),
        Told("elsewhere", error=AccountUnread(call, target, "it is in account 4")),
        Told("well", piece("well", 50)),
    )
    assert {each.kind: each.text for each in found.pieces} == {
        "well": "well of 50",
        "denied": "NOT READ: no permission rds:DescribeDBInstances",
        "throttled": "NOT READ: rds:DescribeDBInstances was throttled",
        "absent": "NOT READ: rds:DescribeDBInstances: orders-db is not there",
        "broken": "NOT READ: rds:DescribeDBInstances failed",
        "elsewhere": "NOT READ: rds:DescribeDBInstances: it is in another account than the role of this worker",
    }
    assert [use.kind for use in found.uses if use.failure] == ["denied", "throttled", "absent", "broken", "elsewhere"]


@pytest.mark.parametrize("error", [KeyError("StateValue"), SettingsInvalid("no credentials", "give the task a role")])
def test_a_source_that_errs_costs_its_own_facts(error: Exception) -> None:
    """Whatever a source gets wrong, the question is asked with what the others say, and knows what is missing."""
    found, _ = gathered(Told("erring", essential=True, error=error), Told("well", piece("well", 50)))
    assert [each.kind for each in found.pieces] == ["well", "erring"]
    assert found.pieces[1].missing
    assert found.unread == ("erring",)


def test_essential_sources_that_were_not_read_are_named() -> None:
    """A failure or a missing piece of an essential source is reported; of another source it is not."""
    failing = AccessDenied("cloudwatch:DescribeAlarms", "orders", "no")
    found, _ = gathered(
        Told("alarm-now", essential=True, error=failing),
        Told("metric", piece("metric", 50), piece("metric", 0, missing=True), essential=True),
        Told("configuration", piece("configuration", 20), essential=True),
        Told("past", error=failing),
    )
    assert found.unread == ("alarm-now", "metric")
