"""A CloudWatch client that answers as a test tells it, behind the real `Calls`."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from autocloudops.clock import Clock
from autocloudops.knowledge.calls import Calls

Values = Callable[[datetime], float | None]
"""A metric: its value in the period that begins at a time, None where it has no datapoint."""
PLENTY = 10_000.0


@dataclass
class ScriptedCloudWatch:
    """The client. `metrics` are by name; a query of an unknown one has no datapoint.

    `fault` is raised by every call, `hangs` makes every call wait for ever; `statuses` are by metric or expression;
    `refuses` is an expression or metric name that makes a whole request invalid. An anomaly band lies
    `spread` around its value. `mutes` are the names of active mute rules, by the alarm that each mutes; `mute_fault` is
    raised by calls about them alone.
    """

    alarms: Sequence[Mapping[str, Any]] = ()
    composites: Sequence[Mapping[str, Any]] = ()
    history: Sequence[Mapping[str, Any]] = ()
    metrics: Mapping[str, Values] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    refuses: str = ""
    mutes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mute_fault: Exception | None = None
    spread: float = 0.0
    fault: Exception | None = None
    hangs: bool = False
    page_items: int = 100
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    async def describe_alarms(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - requests are as boto has them
        await self._note("DescribeAlarms", request)
        names = request["AlarmNames"]
        assert len(names) <= 100
        return {
            "MetricAlarms": [alarm for alarm in self.alarms if alarm["AlarmName"] in names],
            "CompositeAlarms": [alarm for alarm in self.composites if alarm["AlarmName"] in names],
        }

    async def describe_alarm_history(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - likewise
        await self._note("DescribeAlarmHistory", request)
        first = int(request.get("NextToken", 0))
        last = first + self.page_items
        page: dict[str, Any] = {"AlarmHistoryItems": list(self.history[first:last])}
        return page | ({"NextToken": str(last)} if last < len(self.history) else {})

    async def get_metric_data(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - likewise
        await self._note("GetMetricData", request)
        queries = request["MetricDataQueries"]
        assert len({query["Id"] for query in queries}) == len(queries) <= 500
        if self.refuses and any(self.refuses in str(query) for query in queries):
            raise failed("ValidationError")
        span = (request["StartTime"], request["EndTime"])
        return {
            "MetricDataResults": [r for query in queries if query["ReturnData"] for r in self._results(query, *span)]
        }

    async def list_alarm_mute_rules(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 - likewise
        await self._note("ListAlarmMuteRules", request)
        if self.mute_fault:
            raise self.mute_fault
        assert request["Statuses"] == ["ACTIVE"]
        everything = [rule for rules in self.mutes.values() for rule in rules]
        rules = self.mutes.get(request["AlarmName"], ()) if "AlarmName" in request else everything
        return {"AlarmMuteRuleSummaries": [mute_rule(rule) for rule in rules[: request["MaxRecords"]]]}

    def _results(self, query: Mapping[str, Any], start: datetime, end: datetime) -> Iterable[Mapping[str, Any]]:
        stat = query.get("MetricStat", {})
        name = stat.get("Metric", {}).get("MetricName") or query["Expression"]
        period = timedelta(seconds=stat.get("Period") or query.get("Period") or 60)
        at, points = start, {}
        while at < end:
            value = self.metrics.get(name, _nothing)(at)
            if value is not None:
                points[at] = value
            at += period
        newest = sorted(points.items(), reverse=True)
        for shift in (-self.spread, self.spread) if "ANOMALY_DETECTION_BAND" in name else (0.0,):
            yield {
                "Id": query["Id"],
                "Timestamps": [at for at, _ in newest],
                "Values": [value + shift for _, value in newest],
                "StatusCode": self.statuses.get(name, "Complete"),
            }

    async def _note(self, operation: str, request: Mapping[str, Any]) -> None:
        self.asked.append((operation, request))
        if self.hangs:
            await asyncio.sleep(1e6)
        if self.fault:
            raise self.fault

    def count(self, operation: str) -> int:
        """Return how often an operation was called."""
        return sum(name == operation for name, _ in self.asked)


def mute_rule(name: str) -> Mapping[str, Any]:
    """Return the summary of a mute rule as the API reference of ListAlarmMuteRules has it."""
    return {
        "AlarmMuteRuleArn": f"arn:aws:cloudwatch:eu-west-1:111122223333:alarm-mute-rule:{name}",
        "Status": "ACTIVE",
        "MuteType": "RECURRING",
        "LastUpdatedTimestamp": datetime(2026, 2, 1, tzinfo=UTC),
    }


def _nothing(_: datetime) -> None:
    return None


def failed(code: str) -> ClientError:
    """Return the error of a call that CloudWatch refuses."""
    status = 503 if code == "Throttling" else 400
    said = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "Call")  # type: ignore[arg-type] # the stub wants every key of the metadata


class ScriptedCalls(Calls):
    """The real limits of time and quota around a scripted client."""

    def __init__(self, client: ScriptedCloudWatch, clock: Clock, quota: float = PLENTY, own_account: str = "") -> None:
        actions = ("DescribeAlarms", "DescribeAlarmHistory", "GetMetricData", "ListAlarmMuteRules")
        quotas = {f"cloudwatch:{action}": quota for action in actions}
        super().__init__(AsyncExitStack(), clock, quotas, own_account=own_account)
        self._scripted = client

    async def _client(self, service: str, region: str) -> Any:  # noqa: ANN401 - as the overridden method
        assert (service, bool(region)) == ("cloudwatch", True)
        return self._scripted
