"""`audit reconcile`: the action log against what Systems Manager says was begun."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import typer
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from autocloudops import aws
from autocloudops.actions.accounts import AccountRole, ActionClients
from autocloudops.actions.execution import Execution, Phase, execution_of
from autocloudops.actions.executions import Clients
from autocloudops.actions.runbook import CLAIM_PARAMETER, CLAIM_TAG
from autocloudops.audit.entries import Logged, entries
from autocloudops.audit.keys import day_of
from autocloudops.audit.reconciling import Discrepancy, Looked, Ran, Run, reconcile
from autocloudops.cli.audit_reading.days import DAY, Days
from autocloudops.cli.consent import caller
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.cli.records import opened
from autocloudops.clock import Clock, SystemClock
from autocloudops.errors import ServiceUnavailable, SettingsInvalid, Throttled

COLUMNS = ("time", "kind", "account", "region", "runbook", "incident", "execution", "detail")
PLACE = re.compile(r"\d{12}/[a-z0-9-]{5,24}")
USUAL_DAYS = timedelta(days=7)
ROLLED_BACK_WITHIN = timedelta(days=2)
"""A claim's rollback begins this much later at most, so that claims are read from so much earlier."""
PAGE = 50
TRIES = 6
CALL_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is reconciled: claims of which days, and where else executions are looked for than where claims acted.

    Args:
        days: the days (UTC); the last week where no first is named.
        places: accounts and regions, as `111122223333/eu-west-1`.
        role: is assumed in other accounts; None for none.
    """

    days: Days
    places: Sequence[str]
    role: str | None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What came of it."""

    looked: Looked
    claims: int
    runs: int
    found: Sequence[Discrepancy]


def reconcile_audit(location: str | None, wanted: Wanted, output: Output) -> ExitCode:
    """Print what does not fit between the action log and Systems Manager.

    Args:
        location: `s3://BUCKET[/PREFIX]` or a folder; the setting where it is None.
        wanted: what is reconciled.
        output: how to print it.

    Returns:
        CHECK_FAILED where anything does not fit.

    Raises:
        typer.BadParameter: a place is none.
        ServiceFailed: the audit or Systems Manager cannot be read.
        SettingsInvalid: there are no credentials or no region.
    """
    for place in wanted.places:
        if not PLACE.fullmatch(place):
            raise typer.BadParameter(f"'{place}' is no place: write ACCOUNT/REGION, as 111122223333/eu-west-1")
    done = asyncio.run(_reconciled(location, wanted))
    if done.found:
        print_rows(output, [_row(each) for each in done.found], COLUMNS)
    note(_summary(done))
    return ExitCode.CHECK_FAILED if done.found else ExitCode.OK


async def _reconciled(location: str | None, wanted: Wanted) -> Reconciled:
    clock = SystemClock()
    now = clock.now()
    since = wanted.days.first or day_of(now - USUAL_DAYS)
    until = min(now, wanted.days.last + DAY) if wanted.days.last else now
    async with AsyncExitStack() as stack, opened(location) as objects:
        logged = [each async for each in entries(objects, since - ROLLED_BACK_WITHIN, until)]
        person = await caller(stack)
        places = _places(logged, wanted.places, person.account)
        role = AccountRole(wanted.role) if wanted.role else None
        reader = RunReader(ActionClients(stack, clock, person.account, role), clock)
        runs = [run for place in sorted(places) async for run in reader.runs(place, since)]
    looked = Looked(since=since, until=until, now=now, places=places)
    claims = {each.entry.claim.claim_id for each in logged if looked.judges(each.entry.claim.claimed_at)}
    return Reconciled(looked, len(claims), len(runs), list(reconcile(logged, runs, looked)))


def _places(logged: Sequence[Logged], also: Sequence[str], account: str) -> frozenset[str]:
    """Return where anything of ours can have run: where claims acted, here, and where a person says."""
    region = aws.session().get_config_variable("region")
    if not region:
        raise SettingsInvalid("no region is chosen", "set AWS_REGION")
    targets = (each.entry.claim.request.target for each in logged)
    acted = {f"{target.account}/{target.region}" for target in targets}
    return frozenset({*acted, *also, f"{account}/{region}"})


class RunReader:
    """Reads the executions that carry a claim's tag. A call that is throttled or not answered is made again.

    Args:
        clients: opens SSM clients that send each call once.
        clock: pauses.
    """

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock

    async def runs(self, place: str, since: datetime) -> AsyncIterator[Run]:
        """Yield the executions of a place, as `ACCOUNT/REGION`, that began since some time.

        Raises:
            ServiceFailed: they cannot be read.
        """
        filters = [
            {"Key": "TagKey", "Values": [CLAIM_TAG]},
            {"Key": "StartTimeAfter", "Values": [f"{since:%Y-%m-%dT%H:%M:%SZ}"]},
        ]
        call: dict[str, object] = {"Filters": filters, "MaxResults": PAGE}
        while True:
            page = await self._called(place, "describe_automation_executions", call)
            for each in page["AutomationExecutionMetadataList"]:
                named = {"AutomationExecutionId": each["AutomationExecutionId"]}
                answer = await self._called(place, "get_automation_execution", named)
                yield _run(answer["AutomationExecution"], place)
            if not page.get("NextToken"):
                return
            call["NextToken"] = page["NextToken"]

    async def _called(self, place: str, method: str, call: Mapping[str, object]) -> Mapping[str, Any]:
        account, _, region = place.partition("/")

        async def once() -> Mapping[str, Any]:
            with aws.translated(f"ssm:{method}", place):
                async with asyncio.timeout(CALL_SECONDS):
                    client = await self._clients.client("ssm", account, region)
                    answer: Mapping[str, Any] = await getattr(client, method)(**call)
                    return answer

        return await self._patiently(once)

    async def _patiently(self, call: Callable[[], Awaitable[Mapping[str, Any]]]) -> Mapping[str, Any]:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((Throttled, ServiceUnavailable)),
            wait=wait_random_exponential(max=20),
            stop=stop_after_attempt(TRIES),
            sleep=self._clock.sleep,
            reraise=True,
        )
        return await retrying(call)


def _run(answer: Mapping[str, Any], place: str) -> Run:
    execution = execution_of(answer)
    account, _, region = place.partition("/")
    ran = Ran.SUCCEEDED if execution.phase is Phase.SUCCEEDED else Ran.FAILED if execution.phase.over else Ran.RUNNING
    return Run(
        execution_id=execution.execution_id,
        document=execution.document,
        account=account,
        region=region,
        started_at=answer["ExecutionStartTime"],
        token=_token(execution),
        ran=ran,
        said=execution.story,
    )


def _token(execution: Execution) -> UUID | None:
    try:
        (said,) = execution.parameters.get(CLAIM_PARAMETER, ())
        return UUID(said)
    except ValueError:
        return None


def _row(each: Discrepancy) -> Row:
    return {
        "time": f"{each.at:%Y-%m-%d %H:%M:%SZ}",
        "kind": each.kind.value,
        "account": each.account,
        "region": each.region,
        "runbook": each.runbook,
        "incident": f"inc-{str(each.incident_id)[:8]}" if each.incident_id else None,
        "execution": each.execution_id,
        "detail": each.detail,
        "incident_id": str(each.incident_id) if each.incident_id else None,
        "claim_id": str(each.claim_id) if each.claim_id else None,
    }


def _summary(done: Reconciled) -> str:
    looked = done.looked
    span = f"{looked.since:%Y-%m-%d %H:%MZ} to {looked.until:%Y-%m-%d %H:%MZ}"
    where = ", ".join(sorted(looked.places))
    return f"{done.claims:,} claims, {done.runs:,} executions in {where}, {span}: {len(done.found) or 'no'} findings."
