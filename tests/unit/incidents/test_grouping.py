from datetime import UTC, datetime, timedelta

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, ResourceRef
from autocloudops.incidents.grouping import change_of, place
from autocloudops.incidents.model import Change, Clears, History, Incident, Joins, Notes, Opens, Repeats, Windows

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOWS = Windows()


def alarm(name: str = "cpu", state: AlarmState = AlarmState.ALARM, seconds: float = 0, owner: str = "svc/a") -> Alarm:
    """Return a state change of one alarm of one owner."""
    return Alarm(
        key=AlarmKey(account="111122223333", region="eu-west-1", name=name),
        state=state,
        at=NOON + timedelta(seconds=seconds),
        kind=AlarmKind.METRIC,
        shape="test",
        resource=ResourceRef(type="svc", id="a", account="111122223333", region="eu-west-1", owner=owner),
        raw_sha256="0",
    )


def opened(first: Alarm) -> Incident:
    """Return the incident that `first` opens."""
    placement = place(first, History(), None, WINDOWS, NOON)
    assert isinstance(placement, Opens)
    return placement.incident


def recorded(each: Alarm, history: tuple[Change, ...] = (), current: Incident | None = None) -> Change:
    """Return the line that is recorded for an alarm."""
    return change_of(each, place(each, History(changes=history), current, WINDOWS, NOON))


def test_a_first_alarm_opens_an_incident() -> None:
    """An alarm without company names itself the opener."""
    first = alarm()
    incident = opened(first)
    assert incident.token == first.event_id
    assert incident.previous is None


def test_another_alarm_of_the_owner_joins() -> None:
    """A second alarm of the same owner joins while the window is open."""
    incident = opened(alarm())
    placement = place(alarm("memory", seconds=5), History(), incident, WINDOWS, NOON)
    assert placement == Joins(incident_id=incident.incident_id)


def test_the_join_window_closes() -> None:
    """An alarm that comes later than the join window after the last member opens a new, linked incident."""
    incident = opened(alarm())
    late = NOON + WINDOWS.join + timedelta(seconds=1)
    placement = place(alarm("memory", seconds=901), History(), incident, WINDOWS, late)
    assert isinstance(placement, Opens)
    assert placement.incident.previous == incident.incident_id


def test_a_resolved_incident_never_absorbs() -> None:
    """Once every alarm is back to OK, the next one is investigated anew and linked to the earlier incident."""
    incident = opened(alarm()).model_copy(update={"firing": 0})
    placement = place(alarm(seconds=60), History(), incident, WINDOWS, NOON)
    assert isinstance(placement, Opens)
    assert placement.incident.previous == incident.incident_id


def test_a_copy_is_recognised() -> None:
    """The same change through another path is a repeat, whatever else happened since."""
    first = alarm()
    change = recorded(first)
    assert place(first, History(changes=(change,)), opened(first), WINDOWS, NOON) == Repeats(change=change)


def test_an_ok_ends_the_running_episode() -> None:
    """An OK names the incident whose alarm it ends, and an OK after an OK ends nothing."""
    first = alarm()
    fired = recorded(first)
    back = alarm(state=AlarmState.OK, seconds=30)
    assert place(back, History(changes=(fired,)), opened(first), WINDOWS, NOON) == Clears(incident_id=fired.incident_id)
    ended = recorded(back, (fired,))
    again = alarm(state=AlarmState.OK, seconds=40)
    assert place(again, History(changes=(fired, ended)), opened(first), WINDOWS, NOON) == Clears()


def test_an_alarm_delivered_after_its_ok_opens_nothing() -> None:
    """SQS may deliver the OK first: the older ALARM then joins the closed episode."""
    back = recorded(alarm(state=AlarmState.OK, seconds=30))
    placement = place(alarm(), History(changes=(back,)), None, WINDOWS, NOON)
    assert placement == Joins(incident_id=None, starts_episode=False, late=True)


def test_insufficient_data_is_noted_and_does_not_end_an_episode() -> None:
    """INSUFFICIENT_DATA opens nothing, and the alarm that returns from it was firing all along."""
    first = alarm()
    fired = recorded(first)
    gap = alarm(state=AlarmState.INSUFFICIENT_DATA, seconds=10)
    assert place(gap, History(changes=(fired,)), opened(first), WINDOWS, NOON) == Notes(incident_id=fired.incident_id)
    noted = recorded(gap, (fired,))
    again = place(alarm(seconds=20), History(changes=(fired, noted)), opened(first), WINDOWS, NOON)
    assert again == Joins(incident_id=fired.incident_id, starts_episode=False)


def test_a_history_item_matches_the_live_event_that_it_tells_of() -> None:
    """Alarm history rounds times: within two seconds it is the same change, and later it is another one."""
    fired = recorded(alarm())
    close = alarm(seconds=1.9).model_copy(update={"approximate": True})
    far = alarm(seconds=2.1).model_copy(update={"approximate": True})
    history = History(changes=(fired,))
    assert place(close, history, opened(alarm()), WINDOWS, NOON) == Repeats(change=fired)
    assert not isinstance(place(far, history, opened(alarm()), WINDOWS, NOON), Repeats)
    assert not isinstance(place(alarm(seconds=1.9), history, opened(alarm()), WINDOWS, NOON), Repeats)


def test_a_live_event_matches_the_history_item_that_told_of_it_before() -> None:
    """A backfill may come first: the live event within two seconds of it is the same change."""
    told = recorded(alarm().model_copy(update={"approximate": True}))
    history = History(changes=(told,))
    assert place(alarm(seconds=1.9), history, opened(alarm()), WINDOWS, NOON) == Repeats(change=told)
    assert not isinstance(place(alarm(seconds=2.1), history, opened(alarm()), WINDOWS, NOON), Repeats)
    ok = alarm(state=AlarmState.OK, seconds=1.9)
    assert not isinstance(place(ok, history, opened(alarm()), WINDOWS, NOON), Repeats)
