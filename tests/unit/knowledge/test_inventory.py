import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from alarm_bodies import described, history_item
from scripted_cloudwatch import ScriptedCalls, ScriptedCloudWatch, failed
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.inventory import Entry
from autocloudops.alarms.model import AlarmState
from autocloudops.errors import AccessDenied, ServiceUnavailable, Throttled
from autocloudops.knowledge.inventory import AlarmReader, Read, Span

REGION = "eu-central-1"
SPAN = Span(START - timedelta(days=30), START)


class Account(ScriptedCloudWatch):
    """A scripted account whose alarms come in pages; `faults` are raised by the next calls, one each."""

    def __init__(self, *alarms: Mapping[str, Any], faults: Sequence[Exception] = (), **scripted: Any) -> None:  # noqa: ANN401 - the script's
        super().__init__(alarms=alarms, **scripted)
        self._faults = list(faults)

    async def describe_alarms(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - requests are as boto has them
        await self._note("DescribeAlarms", request)
        first = int(request.get("NextToken", 0))
        last = first + request["MaxRecords"]
        page: dict[str, Any] = {"MetricAlarms": list(self.alarms[first:last]), "CompositeAlarms": self.composites}
        return page | ({"NextToken": str(last)} if last < len(self.alarms) else {})

    async def _note(self, operation: str, request: Mapping[str, Any]) -> None:
        await super()._note(operation, request)
        if self._faults:
            raise self._faults.pop(0)


def change(minute: float, state: str = "ALARM") -> dict[str, Any]:
    """Return a change of state of the described alarm, `minute` minutes after the span began."""
    data = json.dumps({"oldState": {}, "newState": {"stateValue": state, "stateReason": "x"}})
    return history_item(HistoryData=data, Timestamp=(SPAN.since + timedelta(minutes=minute)).isoformat())


def described_by(account: Account) -> list[Entry]:
    """Return what is read of an account's alarms."""

    async def read() -> list[Entry]:
        reader = AlarmReader(ScriptedCalls(account, VirtualClock()), VirtualClock(), REGION)
        return [entry async for page in reader.entries() for entry in page]

    return run(read())


def told_by(account: Account, entries: Sequence[Entry] | None = None) -> list[Read]:
    """Return what is read of an account's history."""

    async def read() -> list[Read]:
        reader = AlarmReader(ScriptedCalls(account, VirtualClock()), VirtualClock(), REGION)
        return [page async for page in reader.history(DEFAULT if entries is None else entries, SPAN)]

    return run(read())


DEFAULT = described_by(Account(described()))


def test_all_pages_are_read_at_a_quarter_of_the_quota() -> None:
    """250 alarms are three calls, of every type of alarm, and take their share of nine calls a second."""
    account = Account(*(described(AlarmName=f"a{number}", AlarmArn=...) | {"AccountId": "1"} for number in range(250)))

    async def seconds() -> float:
        clock = VirtualClock()
        reader = AlarmReader(ScriptedCalls(account, clock), clock, REGION)
        assert len([entry async for page in reader.entries() for entry in page]) == 250
        return clock.monotonic()

    assert run(seconds()) == pytest.approx(3 / (9 / 4))
    assert account.count("DescribeAlarms") == 3
    assert account.asked[0][1]["AlarmTypes"] == ("MetricAlarm", "CompositeAlarm", "LogAlarm")


def test_an_empty_account_has_no_alarms_and_no_history() -> None:
    """Nothing is no error, and no history is asked for."""
    account = Account()
    assert described_by(account) == []
    assert told_by(account, []) == []
    assert account.count("DescribeAlarmHistory") == 0


def test_what_cannot_be_parsed_is_left_out() -> None:
    """An alarm without a state is no entry; the others are."""
    assert len(described_by(Account(described(StateValue=...), described()))) == 1


def test_history_comes_by_page_with_how_far_it_is() -> None:
    """Each page says up to when its type of alarm is read; the last one that this is the end of the span."""
    account = Account(history=[change(1), change(2, "OK"), change(3)], page_items=2)
    pages = told_by(account)
    assert [[each.state for each in page.changes] for page in pages] == [["ALARM", "OK"], ["ALARM"]]
    assert [page.up_to for page in pages] == [SPAN.since + timedelta(minutes=2), SPAN.until]
    assert {each.key for page in pages for each in page.changes} == {DEFAULT[0].key}
    assert account.asked[0][1]["AlarmTypes"] == ["MetricAlarm"]


def test_throttled_calls_are_made_again() -> None:
    """Three throttles only cost time; a service that throttles for minutes ends the reading."""
    assert len(described_by(Account(described(), faults=[failed("Throttling")] * 3))) == 1
    with pytest.raises(Throttled):
        described_by(Account(described(), fault=failed("Throttling")))


def test_a_denied_call_is_not_repeated() -> None:
    """A missing permission is said at once, with the action to allow."""
    account = Account(history=[change(1)], fault=failed("AccessDenied"))
    with pytest.raises(AccessDenied, match="allow cloudwatch:DescribeAlarmHistory"):
        told_by(account)
    assert len(account.asked) == 1


def test_a_service_that_hangs_ends_the_reading() -> None:
    """Each call is cut at its bound, and after a few of them the reading fails."""
    account = Account(hangs=True)
    with pytest.raises(ServiceUnavailable):
        described_by(account)
    assert len(account.asked) == 4


def test_a_refused_token_is_done_without() -> None:
    """History whose token has expired is read on from its last change."""

    class Expiring(Account):
        async def describe_alarm_history(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as above
            if request.get("NextToken") == "2" and request["StartDate"] == SPAN.since:
                raise failed("InvalidNextToken")
            later = [item for item in self.history if item["Timestamp"] >= request["StartDate"].isoformat()]
            return await Account(history=later, page_items=2).describe_alarm_history(**request)

    pages = told_by(Expiring(history=[change(1), change(2, "OK"), change(3)]))
    read = {(each.state, each.at) for page in pages for each in page.changes}
    assert sorted(state for state, _ in read) == [AlarmState.ALARM, AlarmState.ALARM, AlarmState.OK]
    assert pages[-1].up_to == SPAN.until
