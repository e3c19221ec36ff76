import json
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest
from bench.storms.deliveries import Message, event_id_of, messages
from bench.storms.storm import Storm, storm

from autocloudops.alarms.model import Alarm, AlarmKind, AlarmState
from autocloudops.alarms.parse import parse
from autocloudops.incidents.hygiene.rules import findings

START = datetime(2026, 3, 1, 12, 0, 0, 481_000, tzinfo=UTC)
SHAPES = {"sns_envelope+sns_alarm", "sns_alarm", "eventbridge_alarm"}


@pytest.fixture(scope="module")
def made() -> Storm:
    """Return one storm."""
    return storm(5, 1_500, 50)


@pytest.fixture(scope="module")
def sent(made: Storm) -> list[Message]:
    """Return its messages."""
    return messages(made, 5, START)


@pytest.fixture(scope="module")
def read(sent: list[Message]) -> list[tuple[Message, Alarm]]:
    """Return what the parser reads in each message."""
    found = [(message, noun) for message in sent for noun in parse(message.body)]
    return [(message, noun) for message, noun in found if isinstance(noun, Alarm)]


def test_every_body_is_the_alarm_that_its_label_says(
    made: Storm, sent: list[Message], read: list[tuple[Message, Alarm]]
) -> None:
    """The parser reads one alarm in each body, with the event id, state and name of the turn behind it."""
    turns = {event_id_of(turn, START): turn for turn in made.turns}
    assert len(read) == len(sent)
    assert {message.event_id for message in sent} == set(turns)
    for message, alarm in read:
        turn = turns[message.event_id]
        assert (alarm.event_id, alarm.state, alarm.key) == (message.event_id, turn.state, turn.watch.key)


def test_owners_are_those_of_the_storm(made: Storm, read: list[tuple[Message, Alarm]]) -> None:
    """The parser finds one owner for all alarms of one owner of the storm, and different ones for different owners."""
    owners = {event_id_of(turn, START): turn.watch.owner for turn in made.turns}
    keys = defaultdict(set)
    for message, alarm in read:
        keys[owners[message.event_id]].add(alarm.resource.owner_key)
    assert all(len(found) == 1 for found in keys.values())
    assert len(set.union(*keys.values())) == len(keys)


def test_labels_are_in_no_message(made: Storm, sent: list[Message]) -> None:
    """No body holds the name of a cause."""
    assert not [cause for cause in made.sorts for message in sent if cause in message.body]


def test_copies_come_by_two_paths_and_again(sent: list[Message], read: list[tuple[Message, Alarm]]) -> None:
    """Some changes come through SNS and EventBridge, some bodies come twice, and most come once."""
    shapes = defaultdict(set)
    for message, alarm in read:
        shapes[message.event_id].add(alarm.shape)
    assert set.union(*shapes.values()) == SHAPES
    assert any(found == {"sns_envelope+sns_alarm", "eventbridge_alarm"} for found in shapes.values())
    assert max(Counter(message.body for message in sent).values()) == 2
    assert len(shapes) < len(sent) < 1.5 * len(shapes)


def test_messages_come_in_order_of_arrival(made: Storm, sent: list[Message]) -> None:
    """Messages are sorted by when they arrive, which is never before the change that they tell of."""
    changed = {event_id_of(turn, START): turn.at_seconds for turn in made.turns}
    times = [message.at_seconds for message in sent]
    assert times == sorted(times)
    assert all(message.at_seconds > changed[message.event_id] for message in sent)


def test_no_alarm_is_one_that_cannot_be_right(read: list[tuple[Message, Alarm]]) -> None:
    """The alarms of a storm are well made: no rule proves one wrong."""
    vetoes = {finding.code for _, alarm in read for finding in findings(alarm) if finding.veto}
    assert not vetoes


def test_contributors_and_composites_are_among_them(read: list[tuple[Message, Alarm]]) -> None:
    """Contributors of one alarm stay apart by id, and a composite names its trigger and, in its rule, all children."""
    assert any(alarm.key.contributor for _, alarm in read)
    fired = [alarm for _, alarm in read if alarm.kind is AlarmKind.COMPOSITE and alarm.state is AlarmState.ALARM]
    assert fired
    assert all(len(alarm.children) >= 1 and (alarm.rule or "").count("ALARM(") >= 4 for alarm in fired)


def test_a_seed_gives_the_same_messages(made: Storm, sent: list[Message]) -> None:
    """Paths and delays follow from the seed, and another start moves every id."""
    assert messages(made, 5, START) == sent
    other = messages(made, 5, START.replace(hour=13))
    assert [message.at_seconds for message in other] == [message.at_seconds for message in sent]
    assert not {message.event_id for message in other} & {message.event_id for message in sent}
    assert all(isinstance(json.loads(message.body), dict) for message in other)
