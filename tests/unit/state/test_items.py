"""What the state table keeps: round trips, and sizes at the limits of what CloudWatch sends."""

import json
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest
from memory_dynamodb import size_bytes

from autocloudops.alarms.model import Alarm, AlarmKey, AlarmKind, AlarmState, Metric, MetricQuery, Suppression
from autocloudops.alarms.resources import resolve
from autocloudops.incidents.grouping import change_of, place
from autocloudops.incidents.hygiene.measured import observed, told_threshold
from autocloudops.incidents.model import Change, History, Incident, IncidentStatus, Opens, Role, Windows
from autocloudops.state import items
from autocloudops.state.sums import MOST_IN_SUM, Into, Sum, Tally

NOON = datetime(2026, 3, 1, 12, 0, 0, 481000, tzinfo=UTC)
MOST_ITEM_BYTES = 4_096
LONGEST_NAME = 255
LONGEST_TEXT = 1_024
FAMILIES = 256
SCRIPTS = pytest.mark.parametrize("letter", ["a", "연", "🛑"])


def alarm(letter: str, *, itself: bool) -> Alarm:
    """Return an alarm whose every text is as long as CloudWatch allows.

    Args:
        letter: what its texts are made of.
        itself: whether the alarm is its own resource, so that its name stands in the resource and its owner too.
    """
    name, words = letter * LONGEST_NAME, letter * LONGEST_TEXT
    key = AlarmKey(account="111122223333", region="ap-northeast-2", name=name)
    metric = Metric(namespace="n" * LONGEST_NAME, name="m" * LONGEST_NAME, dimensions={"d" * 255: "v" * 1_024})
    return Alarm(
        key=key,
        state=AlarmState.ALARM,
        at=NOON,
        kind=AlarmKind.METRIC,
        shape="sns_alarm",
        resource=resolve(key, None if itself else metric, (), {}, key.account),
        raw_sha256="0" * 64,
        arn=f"arn:aws:cloudwatch:ap-northeast-2:111122223333:alarm:{name}",
        metric=metric,
        queries=tuple(MetricQuery(id=f"m{number}", metric=metric, expression=words) for number in range(20)),
        reason=words,
        reason_data=words,
        description=words,
        rule=words,
        query=words,
        children=(words,) * 50,
        contributor_labels={name: words},
        suppression=Suppression(by="MuteRule", reason=words),
        tags={name: words},
    )


def incident_of(opener: Alarm) -> Incident:
    """Return the incident that an alarm opens."""
    placement = place(opener, History(), None, Windows(), NOON)
    assert isinstance(placement, Opens)
    return placement.incident


def read(item: "items.NewItem") -> "items.StoredItem":
    """Return an item as DynamoDB gives it back."""
    return cast("items.StoredItem", item)


@SCRIPTS
@pytest.mark.parametrize("itself", [False, True], ids=["of-a-metric", "of-itself"])
def test_no_change_grows_over_4_kb(letter: str, itself: bool) -> None:
    """However long its texts are, an alarm's item is under 4 KB and still says which alarm, state and resource."""
    long = alarm(letter, itself=itself)
    change = change_of(long, Opens(incident=incident_of(long)))
    item = items.change_item(long, change, NOON)
    assert size_bytes(item) <= MOST_ITEM_BYTES
    kept = Alarm.model_validate_json(read(item)["alarm"]["S"])
    assert (kept.event_id, kept.kind, kept.resource.owner_key) == (long.event_id, long.kind, long.resource.owner_key)
    assert items.read_change(read(item)) == change


@SCRIPTS
def test_no_incident_grows_over_4_kb(letter: str) -> None:
    """Asked, decided and suppressed, with all there is to see, an incident of the longest owner is under 4 KB."""
    opener = alarm(letter, itself=True)
    item = items.head_item(incident_of(opener), opener, NOON)
    every = [f"{number:02x}" for number in range(FAMILIES)]
    item |= {"families": {"SS": every}, "asked_families": {"B": items.families_bytes(every)}}
    for name in ("asker", "record_sha256"):
        item[name] = items.text("0" * 64)
    for name in ("decision_id", "previous"):
        item[name] = items.text(UUID(int=1))
    for name in ("lease_until", "reopened_at", "decided_at", "suppressed_until"):
        item[name] = item["opened_at"]
    assert size_bytes(item) <= MOST_ITEM_BYTES
    assert items.read_head(read(item)).owner_key == opener.resource.owner_key
    assert items.read_head(read(item)).asked_families == set(every)


def test_an_incident_may_see_any_number_of_metrics() -> None:
    """An incident that has seen everything there is to see is under 4 KB too."""
    opener = alarm("a", itself=False)
    seen = incident_of(opener).model_copy(update={"families": frozenset(f"{number:02x}" for number in range(FAMILIES))})
    item = items.head_item(seen, opener, NOON)
    assert size_bytes(item) <= MOST_ITEM_BYTES


def test_no_sum_grows_over_4_kb() -> None:
    """A sum of as many changes as it takes lists all of them, in the order of their arrival."""
    opener = alarm("a", itself=False)
    into = Into(UUID(int=1), guarded=True, brings_members=True)
    places = [bytes([number] * items.PLACE_BYTES) for number in range(MOST_IN_SUM)]
    tallies = {f"{number:08x}": Tally(into, 1, NOON, place, "ab") for number, place in enumerate(places)}
    item = items.sum_item(Sum(into, "MEMBERS#0", tallies), NOON)
    assert len(items.place_of(opener)) == items.PLACE_BYTES
    assert size_bytes(item) <= MOST_ITEM_BYTES
    assert items.places_in(read(item)) == places


def test_what_rules_about_alarms_need_survives() -> None:
    """Who else acts on an alarm, and the values that it fired on, are read back; the rest of both is cut."""
    fired = alarm("a", itself=False)
    robot = "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:id:autoScalingGroupName/web:policyName/up"
    topic = "arn:aws:sns:eu-west-1:111122223333:ops"
    data = {"version": "1.0", "threshold": 5.0, "recentDatapoints": [float(n) for n in range(30)], "more": "x" * 900}
    short: dict[str, object] = {
        "queries": (),
        "children": (),
        "contributor_labels": {},
        "rule": None,
        "query": None,
        "suppression": None,
    }
    acted = {"actions": (topic,) * 9 + (robot,), "reason_data": json.dumps(data), "metric": None}
    known = fired.model_copy(update={**short, **acted})
    kept = Alarm.model_validate_json(items.stored(known))
    assert kept.actions == ("arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy", topic)
    assert (told_threshold(kept), observed(kept)) == (5.0, tuple(float(n) for n in range(10, 30)))
    assert items.stored(known.model_copy(update={"reason_data": "no JSON"}))


def test_the_longest_alarm_still_says_who_acts_on_it() -> None:
    """Whatever is cut from an alarm that is too long: another robot's actions are not."""
    robot = "arn:aws:automate:eu-west-1:ec2:stop"
    longest = alarm("🛑", itself=True).model_copy(update={"actions": (robot,)})
    assert Alarm.model_validate_json(items.stored(longest)).actions == (robot,)


def test_an_ordinary_alarm_is_kept_with_its_words() -> None:
    """Cutting is for what is too long: an ordinary alarm keeps what a prompt shows."""
    long = alarm("a", itself=False)
    short: dict[str, object] = {
        "queries": (),
        "contributor_labels": {},
        "rule": None,
        "query": None,
        "tags": {},
        "suppression": None,
    }
    words = {"reason": "Threshold Crossed", "description": "slow", "reason_data": None, "children": ()}
    metric = Metric(namespace="AWS/RDS", name="ReadLatency", dimensions={"DBInstanceIdentifier": "orders-db"})
    ordinary = long.model_copy(update={**short, **words, "metric": metric})
    assert Alarm.model_validate_json(items.stored(ordinary)) == ordinary


def test_an_incident_is_read_back_as_it_was_written() -> None:
    """Nothing of a new incident is lost on the way through its item."""
    opener = alarm("a", itself=False)
    incident = incident_of(opener).model_copy(update={"previous": UUID(int=7)})
    assert incident.status is IncidentStatus.OPEN
    back = items.read_head(read(items.head_item(incident, opener, NOON)))
    arns = {"resource": incident.resource.model_copy(update={"arn": None})}
    assert back.model_copy(update=arns) == incident.model_copy(
        update={**arns, "opened_at": back.opened_at, "last_member_at": back.last_member_at}
    )
    assert back.opened_at == NOON


def test_a_change_is_read_back_as_it_was_written() -> None:
    """Role, revision, rest and time to the millisecond survive."""
    fired = alarm("a", itself=False)
    change = Change(
        event_id=fired.event_id,
        state=fired.state,
        at=fired.at,
        role=Role.REOPENER,
        incident_id=UUID(int=3),
        revision=2,
        rests=True,
        approximate=True,
    )
    item = items.change_item(fired, change, NOON)
    assert items.read_change(read(item)) == change
    assert items.time_of(read(item)) == NOON


def test_a_place_leads_to_its_change() -> None:
    """The short form of a member's place is the key of its item."""
    fired = alarm("연", itself=True)
    stands = items.place_of(fired)
    assert items.key_at(stands) == items.change_key(fired.key, fired)


def test_keys_that_differ_only_in_parts_are_different() -> None:
    """Account, region, name and contributor cannot run into each other, whatever a name holds."""
    key = AlarmKey(account="1", region="eu", name="a", contributor="b")
    others = [
        AlarmKey(account="1", region="eu", name="ab"),
        AlarmKey(account="1", region="eu", name="a b"),
        AlarmKey(account="1", region="eu", name="a", contributor="b2"),
        AlarmKey(account="1e", region="u", name="a", contributor="b"),
    ]
    assert len({items.key_pk(each) for each in (key, *others)}) == 1 + len(others)


def test_what_is_no_change_has_no_time() -> None:
    """The note of a composite alarm among a key's changes is newer than any of them."""
    parent = {"pk": items.text("KEY#0"), "sk": items.text(items.PARENT)}
    assert items.time_of(read(parent)) > NOON + timedelta(days=36_500)
