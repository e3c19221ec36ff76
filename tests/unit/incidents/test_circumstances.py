from datetime import timedelta

import pytest
from database_alarms import owner_of, sns
from virtual_time import START
from worlds import served

from autocloudops.alarms.model import Alarm, Condition, Robot, Suppression
from autocloudops.alarms.parse import parse
from autocloudops.incidents.circumstances import STORM_RESOURCES, SWITCHED_OFF, Circumstances, circumstances
from autocloudops.incidents.flapping import Flapping
from autocloudops.incidents.grouping import place
from autocloudops.incidents.model import History, Incident, Opens, Windows
from autocloudops.incidents.silence import Silence

RESTS = Flapping(turns=9, alarms=5, rests=True)
MUTED = Suppression(by="MuteRule", reason="muted by nights")


def alarm(name: str = "reads", suppression: Suppression | None = None) -> Alarm:
    """Return a firing alarm on the orders database."""
    (found,) = parse(sns(name))
    assert isinstance(found, Alarm)
    return found.model_copy(update={"suppression": suppression})


def incident_of(opener: Alarm) -> Incident:
    """Return the incident that an alarm opens."""
    placement = place(opener, History(), None, Windows(), START)
    assert isinstance(placement, Opens)
    return placement.incident


def known(
    *alarms: Alarm, flapping: Flapping | None = None, silences: tuple[Silence, ...] = (), storm: int = 0
) -> Circumstances:
    """Return what is known of an incident of `alarms`."""
    incident = incident_of(alarms[0])
    return circumstances(incident, alarms, flapping=flapping, silences=silences, storm=storm, now=START)


def silence(owner: str = "orders-db", ends: timedelta = timedelta(hours=1)) -> Silence:
    """Return a silence of a database that began an hour ago."""
    since = START - timedelta(hours=1)
    return Silence(owner_key=owner_of(owner), since=since, until=START + ends, reason="migration", by="ana")


def test_nothing_special() -> None:
    """An ordinary alarm has nothing that suppresses it, and no storm around it."""
    ordinary = known(alarm())
    assert (ordinary.suppressed, ordinary.suppressed_until, ordinary.stormy) == (None, None, False)


def test_a_silence_holds_for_its_owner_until_it_ends() -> None:
    """Only a silence of the incident's owner counts, and only before its end."""
    assert known(alarm(), silences=(silence("carts-db"),)).suppressed is None
    assert known(alarm(), silences=(silence(ends=timedelta()),)).suppressed is None
    silenced = known(alarm(), silences=(silence("carts-db"), silence()))
    assert silenced.suppressed == "silenced by ana until 13:00:00Z: migration"
    assert silenced.suppressed_until == START + timedelta(hours=1)


def test_a_mute_counts_only_if_all_are_muted() -> None:
    """One alarm that nobody muted makes the incident worth a question."""
    both = known(alarm("reads", MUTED), alarm("writes", MUTED))
    assert both.suppressed == "CloudWatch suppresses it by MuteRule: muted by nights"
    assert both.suppressed_until == START
    assert known(alarm("reads", MUTED), alarm("writes")).suppressed is None


def test_switched_off_actions_are_no_mute() -> None:
    """Many teams switch CloudWatch's own actions off because something else listens, as this service does."""
    assert known(alarm("reads", Suppression(by=SWITCHED_OFF))).suppressed is None


def test_what_a_robot_settles_is_left_to_it() -> None:
    """Nobody is asked where autoscaling or EC2 acts on every alarm; a function or an OpsItem may only tell people."""
    tracking = alarm("TargetTracking-service/shop/orders-AlarmHigh")
    recover = alarm().model_copy(update={"settled_by": Robot.EC2})
    function = alarm().model_copy(update={"actions": ("arn:aws:lambda:eu-west-1:111122223333:function:tell",)})
    assert known(tracking).suppressed == "target-tracking acts on it by itself"
    assert known(tracking, recover).suppressed is not None
    assert known(tracking, alarm()).suppressed is None
    assert known(function).suppressed is None


def test_a_robot_that_never_runs_in_alarm_suppresses_nothing() -> None:
    """People are asked where the scaling policy runs on OK only, or the alarm's actions are switched off."""
    on_ok = alarm().model_copy(update={"actions": ("arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:1",)})
    tracking = alarm("TargetTracking-service/shop/orders-AlarmHigh")
    assert known(on_ok).suppressed is None
    assert known(tracking.model_copy(update={"actions_enabled": False})).suppressed is None


def test_flapping_counts_only_if_nobody_else_fires() -> None:
    """A flapping alarm that was asked about rests alone; beside another alarm it is asked about."""
    alone = known(alarm(), flapping=RESTS)
    assert alone.suppressed == "flapping: turned 9 times within an hour, and was asked about in that hour"
    assert alone.suppressed_until == START
    assert known(alarm(), alarm("writes"), flapping=RESTS).suppressed is None
    assert known(alarm(), flapping=RESTS.model_copy(update={"rests": False})).suppressed is None


def test_findings_are_listed_once_and_vetoes_are_said() -> None:
    """What is wrong with several alarms in the same way is one finding; what proves an alarm wrong is a veto."""
    always = Condition(operator="GreaterThanOrEqualToThreshold", threshold=0, period_seconds=60, evaluation_periods=1)
    wrong = [alarm(name).model_copy(update={"condition": always}) for name in ("reads", "writes")]
    found = known(*wrong)
    assert [finding.code for finding in found.findings] == ["threshold-always-breaches"]
    assert len(found.vetoes) == 1
    assert known(alarm()).vetoes == ()


@pytest.mark.parametrize(("resources", "stormy"), [(STORM_RESOURCES - 1, False), (STORM_RESOURCES, True)])
def test_a_storm_is_many_resources_at_once(resources: int, stormy: bool) -> None:
    """So many resources in two minutes are a storm, and each decision says so."""
    assert known(alarm(), storm=resources).stormy is stormy
    sending = [(number / 10, sns(f"reads-{number}", database=f"db-{number}")) for number in range(resources)]
    assert max(record.storm for record in served(*sending).decided) == resources
