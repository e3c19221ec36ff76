import json
from datetime import timedelta

import pytest
from alarm_bodies import alarm_detail, eventbridge, state
from database_alarms import arn_of, moment, owner_of, sns
from pydantic import ValidationError
from virtual_time import START
from worlds import World, served

from autocloudops.audit.record import Outcome
from autocloudops.decisions.model import Verdict
from autocloudops.incidents.silence import LONGEST, Silence

HOUR = timedelta(hours=1)


def silence(lasts: timedelta = HOUR, database: str = "orders-db") -> Silence:
    """Return a silence of a database that begins with the tests."""
    return Silence(
        owner_key=owner_of(database), since=START, until=START + lasts, reason="storage is migrated", by="ana"
    )


@pytest.mark.parametrize("lasts", [timedelta(), -HOUR, LONGEST + timedelta(seconds=1)])
def test_a_silence_ends_within_a_day(lasts: timedelta) -> None:
    """No silence is endless, or over before it begins."""
    with pytest.raises(ValidationError, match="ends after it begins"):
        silence(lasts)


def test_a_silence_has_a_reason_and_an_author() -> None:
    """Nobody silences anonymously or without saying why."""
    said = silence().model_dump()
    for name in ("reason", "by", "owner_key"):
        with pytest.raises(ValidationError):
            Silence.model_validate(said | {name: ""})


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
def test_a_silenced_owner_is_grouped_and_recorded_but_not_asked_about(durable: bool) -> None:
    """Its alarms end as one incident, decided `suppressed` with who and why; no model is asked, nobody is told."""
    world = served(
        (0, sns("reads")),
        (0.2, sns("writes", seconds=0.2, metric="WriteLatency")),
        (120, sns("connections", seconds=120, metric="DatabaseConnections")),
        world=World(durable=durable),
        silence=silence(),
    )
    (incident,) = world.incidents.values()
    assert (incident.members, incident.revision) == (3, 0)
    assert not world.model.asked_at
    assert not world.told.notifications
    (record,) = world.decided
    assert record.decision
    assert record.decision.verdict is Verdict.SUPPRESSED
    assert record.decision.refused_by == "suppression"
    assert "silenced by ana until 13:00:00Z: storage is migrated" in record.decision.gates[0].reason
    assert [world.line(name).outcome for name in ("writes", "connections")] == [Outcome.JOINED] * 2


def test_another_owner_is_heard_meanwhile() -> None:
    """A silence is about one owner only."""
    world = served((0, sns("reads")), (1, sns("carts", seconds=1, database="carts-db")), silence=silence())
    assert len(world.told.notifications) == len(world.model.asked_at) == 1


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "table"])
def test_a_silence_ends_with_its_time(durable: bool) -> None:
    """Alarms after the end are asked about and told of, also where they belong to an incident from before it."""
    minutes = timedelta(minutes=4)
    sending = [(60.0 * minute, sns(f"reads-{minute}", seconds=60 * minute)) for minute in range(6)]
    world = served(*sending, world=World(durable=durable), silence=silence(minutes))
    assert [line.decision.verdict for line in world.decided if line.decision] == [Verdict.SUPPRESSED, Verdict.MANUAL]
    (asked,) = world.model.asked_at
    assert minutes.total_seconds() < asked < minutes.total_seconds() + 70
    assert len(world.told.notifications) == 1


def test_a_long_silence_is_looked_at_again_every_quarter_of_an_hour() -> None:
    """A suppressed incident takes no members for longer than the join window, so that a lifted silence is lifted."""
    sending = [(60.0 * minute, sns(f"reads-{minute}", seconds=60 * minute)) for minute in range(40)]
    world = served(*sending, silence=silence(timedelta(hours=9)))
    assert [line.decision.verdict for line in world.decided if line.decision] == [Verdict.SUPPRESSED] * 3
    assert not world.told.notifications


def muted(name: str, seconds: float) -> str:
    """Return a change of an alarm on the orders database that a mute rule of CloudWatch holds back."""
    detail = alarm_detail(
        alarmName=name,
        state=state(timestamp=moment(seconds)),
        muteDetail={"mutedByArn": "arn:aws:cloudwatch:eu-central-1:012345678901:alarm-mute-rule:nights"},
    )
    return json.dumps(eventbridge(detail, resources=[arn_of(name)]))


def test_a_muted_alarm_hides_nobody_else() -> None:
    """What CloudWatch mutes is recorded and not told; an alarm beside it that is not muted is asked about at once."""
    alone = served((0, muted("reads", 0)))
    assert [line.decision.verdict for line in alone.decided if line.decision] == [Verdict.SUPPRESSED]
    both = served((0, muted("reads", 0)), (20, sns("writes", seconds=20)))
    assert [round(seconds) for seconds in both.model.asked_at] == [21]
    assert len(both.told.notifications) == len(both.incidents) == 1


def test_many_muted_alarms_hide_nobody_else() -> None:
    """However often an incident was found to be suppressed, the alarm that is not muted is heard."""
    sending = [(20.0 * number, muted(f"reads-{number}", 20 * number)) for number in range(10)]
    world = served(*sending, (210, sns("writes", seconds=210)))
    assert [round(seconds) for seconds in world.model.asked_at] == [211]
    assert len(world.told.notifications) == 1
