"""The way from a body to its nouns: carriers, bounds, and the codes of what is refused."""

import json
from hashlib import sha256
from typing import Any

import pytest
from alarm_bodies import (
    ACCOUNT,
    NAME,
    REGION,
    alarm_detail,
    alert,
    alertmanager,
    changed,
    described,
    eventbridge,
    history_item,
    lambda_action,
    sns_alarm,
    sns_envelope,
    state,
)

from autocloudops.alarms.load import MAX_BODY_BYTES, MAX_DEPTH
from autocloudops.alarms.model import Alarm, AwsEvent, Parsed, Unparseable
from autocloudops.alarms.parse import MAX_PARTS, MAX_WRAPPERS, parse
from autocloudops.alarms.wire.identity import MAX_NAME
from autocloudops.alarms.wire.read import TEXT_LIMIT


def _one(body: object) -> Parsed:
    (noun,) = parse(body if isinstance(body, str | bytes) else json.dumps(body))
    return noun


def _code(body: object) -> str:
    noun = _one(body)
    assert isinstance(noun, Unparseable)
    assert noun.reason
    return noun.code


def _record(body: object) -> dict[str, Any]:
    return {"messageId": "1", "eventSource": "aws:sqs", "body": body if isinstance(body, str) else json.dumps(body)}


def _sns_record(message: object) -> dict[str, Any]:
    return {"EventSource": "aws:sns", "Sns": sns_envelope(message)}


CARRIED: dict[str, object] = {
    "sns_alarm": sns_alarm(),
    "sns_envelope+sns_alarm": sns_envelope(sns_alarm()),
    "lambda_sns_event+sns_alarm": {"Records": [_sns_record(sns_alarm())]},
    "lambda_sqs_event+sns_envelope+sns_alarm": {"Records": [_record(sns_envelope(sns_alarm()))]},
    "lambda_sqs_event+lambda_sns_event+sns_alarm": {"Records": [_record({"Records": [_sns_record(sns_alarm())]})]},
    "lambda_sqs_event+eventbridge_alarm": {"Messages": [{"Body": json.dumps(eventbridge())}]},
    "lambda_destination+lambda_sns_event+sns_alarm": {
        "requestContext": {"condition": "RetriesExhausted"},
        "requestPayload": {"Records": [_sns_record(sns_alarm())]},
    },
    "sns_envelope+eventbridge_alarm": sns_envelope(eventbridge()),
    "sns_structure+sns_alarm": {"default": json.dumps(sns_alarm()), "email": "…", "sms": "…"},
    "eventbridge_alarm": eventbridge(),
    "lambda_action": lambda_action(),
    "describe_alarms": {"MetricAlarms": [described()], "CompositeAlarms": []},
}


@pytest.mark.parametrize("shape", CARRIED)
def test_one_change_is_one_event_by_every_way(shape: str) -> None:
    """The same change has the same id and the same metric, whatever carried it; `shape` tells the way."""
    noun, direct = _one(CARRIED[shape]), _one(sns_alarm())
    assert isinstance(noun, Alarm)
    assert isinstance(direct, Alarm)
    assert noun.shape == shape
    assert noun.event_id == direct.event_id
    assert (noun.metric, noun.statistic, noun.resource) == (direct.metric, direct.statistic, direct.resource)


@pytest.mark.parametrize(
    ("record", "shape"),
    [
        (_record(sns_alarm()), "lambda_sqs_event+sns_alarm"),
        ({"MessageId": "1", "ReceiptHandle": "h", "Body": json.dumps(sns_alarm())}, "lambda_sqs_event+sns_alarm"),
        (_sns_record(sns_alarm()), "lambda_sns_event+sns_alarm"),
    ],
)
def test_a_record_without_its_event_is_read(record: object, shape: str) -> None:
    """EventBridge Pipes and relays hand over bare records, alone or in a list."""
    direct = _one(sns_alarm())
    assert isinstance(direct, Alarm)
    for body in (record, [record]):
        noun = _one(body)
        assert isinstance(noun, Alarm)
        assert (noun.event_id, noun.shape) == (direct.event_id, shape)


def test_a_message_may_be_an_object() -> None:
    """An envelope whose message is an object rather than text is read alike."""
    noun = _one({"Message": sns_alarm()})
    assert isinstance(noun, Alarm)
    assert noun.key.name == NAME


def test_a_text_that_holds_a_text_is_read() -> None:
    """A body that was encoded twice is read as what it holds."""
    assert isinstance(_one(json.dumps(json.dumps(sns_alarm()))), Alarm)


def test_items_without_their_page_are_read() -> None:
    """One item of a page, and a list of items, are read as the page is."""
    assert isinstance(_one(described()), Alarm)
    assert isinstance(_one(history_item(AlarmArn=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{NAME}")), Alarm)
    assert isinstance(_one(alert()), Alarm)
    assert len(parse(json.dumps([described(), sns_alarm(), eventbridge()]))) == 3


def test_each_part_stands_for_itself() -> None:
    """A bad record leaves the good ones beside it, and the order is that of the body."""
    records = [_record(sns_alarm()), _record("no alarm"), {"eventSource": "aws:sqs"}, _record(eventbridge())]
    first, second, third, fourth = parse(json.dumps({"Records": records}))
    assert isinstance(first, Alarm)
    assert isinstance(second, Unparseable)
    assert isinstance(third, Unparseable)
    assert isinstance(fourth, Alarm)
    assert [second.code, third.code] == ["not_json", "empty"]


def test_the_digest_is_that_of_the_bytes() -> None:
    """`raw_sha256` is the SHA-256 of the body as it came, as text or as bytes."""
    body = json.dumps(sns_alarm(), ensure_ascii=False)
    expected = sha256(body.encode()).hexdigest()
    assert {noun.raw_sha256 for noun in (*parse(body), *parse(body.encode()))} == {expected}


def test_subject_and_envelope_time_are_not_trusted() -> None:
    """An envelope's subject and time, however wrong, change nothing."""
    noun = _one(
        sns_envelope(sns_alarm(), Subject='OK: "other" in Asia Pacific (Tokyo)', Timestamp="1999-01-01T00:00:00Z")
    )
    assert isinstance(noun, Alarm)
    assert (noun.key.name, noun.state, noun.at.year) == (NAME, "ALARM", 2026)


REFUSED: dict[str, tuple[object, str]] = {
    "no byte": (b"", "empty"),
    "blanks": ("  \n", "empty"),
    "an empty list": ("[]", "empty"),
    "an empty page": ({"MetricAlarms": [], "CompositeAlarms": []}, "empty"),
    "no UTF-8": (b'{"AlarmName": "\xff"}', "not_utf8"),
    "plain text": ("Your trigger is set up", "not_json"),
    "a cut body": (json.dumps(sns_alarm())[:-5], "not_json"),
    "a number": ("17", "shape_unknown"),
    "null": ("null", "shape_unknown"),
    "an object of no shape": ({"id": 42, "name": "Bob"}, "shape_unknown"),
    "endless digits": ('{"AlarmName": ' + "9" * 10_000 + "}", "number_too_large"),
    "endless brackets": ("[" * 500_000, "too_deep"),
    "too many levels": ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "too_deep"),
    "levels in a literal": ("{'a': " * 5_000 + "1" + "}" * 5_000, "too_deep"),
    "too many bytes": (b" " * (MAX_BODY_BYTES + 1), "too_large"),
    "too many parts": (json.dumps([1] * (MAX_PARTS + 1)), "too_many"),
    "a subscription": (sns_envelope("You have chosen", Type="SubscriptionConfirmation"), "subscription_confirmation"),
    "an end of one": (sns_envelope("You have chosen", Type="UnsubscribeConfirmation"), "unsubscribe_confirmation"),
    "no name": (sns_alarm(AlarmName=None), "name_missing"),
    "a blank name": (sns_alarm(AlarmName=" "), "name_missing"),
    "an endless name": (sns_alarm(AlarmName="n" * (MAX_NAME + 1)), "name_too_long"),
    "no state": (sns_alarm(NewStateValue=...), "state_missing"),
    "a strange state": (sns_alarm(NewStateValue="PANIC"), "state_unknown"),
    "no account": (sns_alarm(AlarmArn=..., AWSAccountId=None), "account_missing"),
    "no readable account": (sns_alarm(AlarmArn=..., AWSAccountId="my-account"), "account_unreadable"),
    "no region": (sns_alarm(AlarmArn=..., Region=...), "region_unknown"),
    "a strange region": (sns_alarm(AlarmArn=..., Region="Atlantis (Central)"), "region_unknown"),
    "no time": (sns_alarm(StateChangeTime=...), "time_missing"),
    "a strange time": (sns_alarm(StateChangeTime="yesterday"), "time_unreadable"),
    "only the event's time": (eventbridge(alarm_detail(state=state(timestamp=...))), "time_missing"),
    "no detail": (changed(eventbridge(), {"detail": None}), "name_missing"),
    "a strange history item": (history_item("Rumour", AlarmName="x"), "history_item_unknown"),
    "a history item of nothing": (history_item(HistoryData="x", HistorySummary="x"), "history_data_unreadable"),
    "a record without a body": ({"messageId": "1", "eventSource": "aws:sqs"}, "empty"),
    "a record without a message": ({"EventSource": "aws:sns", "Sns": {}}, "empty"),
    "an invocation of nothing": ({"requestContext": {}, "requestPayload": None}, "empty"),
    "an alert without rule": (alertmanager(alert(labels={})), "name_missing"),
    "an alert without status": (alertmanager(alert(status=...), status=...), "state_missing"),
    "an alert of strange status": (alertmanager(alert(status="maybe")), "state_unknown"),
    "an alert without start": (alertmanager(alert(startsAt=...)), "time_missing"),
    "a resolved alert without end": (alertmanager(alert(status="resolved")), "time_missing"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_has_its_code(what: str) -> None:
    """A body that becomes no noun says why, by a stable code and in words."""
    body, code = REFUSED[what]
    assert _code(body) == code


def test_wrappers_are_bounded() -> None:
    """Messages within messages are followed so far and no further."""
    body = json.dumps({"a": 1})
    for _ in range(MAX_WRAPPERS + 1):
        body = json.dumps(sns_envelope(body))
    assert _code(body) == "too_deep"


def test_the_deepest_detail_is_read() -> None:
    """An event whose detail is as deep as may be is read, and one level more is refused."""
    detail: dict[str, Any] = {}
    for _ in range(MAX_DEPTH - 2):
        detail = {"a": detail}
    assert isinstance(_one(eventbridge(detail, detail_type="Other")), AwsEvent)
    assert _code(eventbridge({"a": detail}, detail_type="Other")) == "too_deep"


def test_texts_are_cut() -> None:
    """A huge description or reason is kept to its bound, and shows that it was cut."""
    noun = _one(sns_alarm(AlarmDescription="d" * 1_000_000, NewStateReason="r" * 1_000_000))
    assert isinstance(noun, Alarm)
    assert noun.description == "d" * (TEXT_LIMIT - 1) + "…"
    assert len(noun.reason) == TEXT_LIMIT


def test_lists_are_cut() -> None:
    """Dimensions, queries and actions beyond their bound are left out."""
    dimensions = [{"name": f"d{n}", "value": "v"} for n in range(5_000)]
    trigger = {"MetricName": "m", "Namespace": "n", "Dimensions": dimensions}
    noun = _one(sns_alarm(Trigger=trigger, AlarmActions=[f"arn:{n}" for n in range(5_000)]))
    assert isinstance(noun, Alarm)
    assert noun.metric is not None
    assert len(noun.metric.dimensions) == len(noun.actions) == 100


@pytest.mark.parametrize("name", ["\\ud800", "\\uDFFF\\uD800", "a\\ud83d"])
def test_lone_surrogates_become_replacement_characters(name: str) -> None:
    """Half a character, which no store can hold, is replaced; the alarm is still read."""
    noun = _one(json.dumps(sns_alarm(AlarmName="@", AlarmArn=...)).replace("@", name))
    assert isinstance(noun, Alarm)
    assert "\ufffd" in noun.key.name
    assert noun.model_dump_json()


def test_numbers_that_are_none_are_absent() -> None:
    """NaN, infinities and overflow never reach a threshold or the detail of an event."""
    for said in ("NaN", "-Infinity", "1e999"):
        noun = _one(json.dumps(sns_alarm()).replace("0.25,", f"{said},"))
        assert isinstance(noun, Alarm)
        assert noun.condition.threshold == 0.25
        event = _one(json.dumps(eventbridge({"n": "@"}, detail_type="Other")).replace('"@"', said))
        assert isinstance(event, AwsEvent)
        assert event.detail == {"n": None}


def test_a_byte_order_mark_is_no_matter() -> None:
    """Text that begins with a byte order mark is read, as text and as bytes."""
    body = "\ufeff" + json.dumps(sns_alarm())
    assert isinstance(_one(body), Alarm)
    assert isinstance(_one(body.encode()), Alarm)


def test_raw_line_breaks_in_a_text_are_read() -> None:
    """A relay that writes line breaks into a JSON text does not lose the alarm."""
    noun = _one(json.dumps(sns_alarm(AlarmDescription="one two")).replace("one two", "one\ntwo"))
    assert isinstance(noun, Alarm)
    assert noun.description == "one\ntwo"


def test_messages_of_one_body_are_distinct_events() -> None:
    """Two notices in one body that bring no id of their own are two events; a copy in another body is the same."""
    notice = {"Event Source": "db-instance", "Event Time": "2026-03-01 09:00:00.000", "Event Message": "restarted"}
    notices = [{**notice, "Source ARN": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}"} for name in "ab"]
    first, second = parse(json.dumps({"Records": [_sns_record(each) for each in notices]}))
    assert isinstance(first, AwsEvent)
    assert isinstance(second, AwsEvent)
    alone = _one(sns_envelope(notices[0]))
    assert isinstance(alone, AwsEvent)
    assert first.event_id == alone.event_id != second.event_id
