"""Mute rules: which of them keep CloudWatch from running the actions of an alarm at this moment.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListAlarmMuteRules.html
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from autocloudops.alarms.model import AlarmKey
from autocloudops.clock import Clock
from autocloudops.knowledge.calls import Calls
from autocloudops.knowledge.configurations.remembering import Remembered

ACTION = "cloudwatch:ListAlarmMuteRules"
TARGET = "the mute rules"
KEPT_SECONDS = 30.0
SHOWN = 3
NAME_PART = 6
"""Where the name stands in `arn:aws:cloudwatch:REGION:ACCOUNT:alarm-mute-rule:NAME`."""


class MuteRules:
    """Reads which mute rules are active for an alarm.

    A rule's summary does not name its alarms, and a call can ask for one alarm only. So one call, kept for half a
    minute, tells whether an account and region has any active rule; only where it has one is each alarm asked for.

    Args:
        calls: makes the calls.
        clock: time.
    """

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._any: Remembered[bool] = Remembered(clock, KEPT_SECONDS, lambda _: True)

    async def active(self, key: AlarmKey) -> Sequence[str]:
        """Return the names of the active rules for an alarm, the first `SHOWN` of them.

        Raises:
            ServiceFailed: they could not be read.
        """
        place = (key.account, key.region)
        if not await self._any.get(place, lambda: self._any_active(*place)):
            return ()
        page = await self._listed(*place, AlarmName=key.name, MaxRecords=SHOWN)
        return [_name(rule) for rule in _summaries(page)][:SHOWN]

    async def _any_active(self, account: str, region: str) -> bool:
        page = await self._listed(account, region, MaxRecords=1)
        return bool(_summaries(page)) or "NextToken" in page

    async def _listed(self, account: str, region: str, **arguments: object) -> Mapping[str, Any]:
        return await self._calls.make(ACTION, account, region, partial(_page, arguments), TARGET)


async def _page(arguments: Mapping[str, object], client: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a client has no type here
    page: Mapping[str, Any] = await client.list_alarm_mute_rules(Statuses=["ACTIVE"], **arguments)
    return page


def _summaries(page: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return list(page.get("AlarmMuteRuleSummaries") or ())


def _name(rule: Mapping[str, Any]) -> str:
    arn = str(rule.get("AlarmMuteRuleArn", ""))
    return arn.split(":", NAME_PART)[-1]
