"""`endpoint plan`, `ensure` and `delete`: say what will be done, ask, and do it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import cache, partial

from autocloudops import aws
from autocloudops.cli.consent import agreed
from autocloudops.cli.endpoint import opening
from autocloudops.cli.endpoint.opening import Account, Allowed
from autocloudops.cli.endpoint.probing import asked
from autocloudops.cli.endpoint.telling import teller
from autocloudops.cli.output import Output, note, print_json, print_lines
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.values import Value
from nim_endpoint import secret
from nim_endpoint.carrying import RESUME, Outcome, Ports, Progress, ensure, remove, with_quota
from nim_endpoint.deletion import plan_deletion
from nim_endpoint.found import Found
from nim_endpoint.hosting import open_hosting
from nim_endpoint.planning import Action, Plan
from nim_endpoint.scenarios import MONTH_HOURS, Rate
from nim_endpoint.specs import Spec
from nim_endpoint.wanted import Wanted

SPENDING = frozenset({Action.CREATE_ENDPOINT, Action.UPDATE_ENDPOINT, Action.CREATE_COMPONENT, Action.UPDATE_COMPONENT})
INTERRUPTED = f"interrupted: nothing is lost, what was begun goes on in AWS: {RESUME}"


class _Planned(Value):
    spec: Spec
    wanted: Wanted
    found: Found
    plan: Plan


def show_plan(allowed: Allowed, output: Output) -> ExitCode:
    """Print what `ensure` would do, and change nothing.

    Returns:
        CHECK_FAILED where it would refuse.
    """
    planned = asyncio.run(_planned(allowed))
    _print_plan(planned, output)
    return ExitCode.CHECK_FAILED if planned.plan.refusal else ExitCode.OK


def ensure_endpoint(allowed: Allowed, timeout_seconds: float, output: Output, *, yes: bool) -> ExitCode:
    """Do what the plan says, once the person has seen it; what is there already needs no asking.

    Returns:
        CHECK_FAILED where it was refused, or the person did not want it; INTERRUPTED after Ctrl-C.

    Raises:
        ServiceFailed: a call or a deployment failed.
    """
    planned = asyncio.run(_planned(allowed))
    for line in _lines(planned):
        note(line)
    if planned.plan.refusal:
        return ExitCode.CHECK_FAILED
    spends = any(step.action in SPENDING for step in planned.plan.steps)
    if spends and not agreed(f"{planned.plan.verdict} {planned.wanted.endpoint}?", yes=yes):
        note("nothing was changed")
        return ExitCode.CHECK_FAILED
    try:
        done = asyncio.run(_ensured(allowed, timeout_seconds))
    except KeyboardInterrupt:
        note(INTERRUPTED)
        return ExitCode.INTERRUPTED
    return _told(planned.wanted.endpoint, done, output)


def delete_endpoint(
    name: str, consumer: str | None, region: str | None, timeout_seconds: float, *, output: Output, yes: bool
) -> ExitCode:
    """Delete an endpoint that was made here, once the person has seen what goes.

    Returns:
        CHECK_FAILED where it was refused, or the person did not want it; INTERRUPTED after Ctrl-C.

    Raises:
        ServiceFailed: a call failed.
    """
    gone = asyncio.run(_planned_deletion(name, consumer, region))
    for line in _plan_lines(gone):
        note(line)
    if gone.refusal:
        return ExitCode.CHECK_FAILED
    if gone.steps and not agreed(f"delete {name}?", yes=yes):
        note("nothing was deleted")
        return ExitCode.CHECK_FAILED
    try:
        done = asyncio.run(_removed(name, consumer, region, timeout_seconds))
    except KeyboardInterrupt:
        note(INTERRUPTED)
        return ExitCode.INTERRUPTED
    return _told(name, done, output)


async def _planned(allowed: Allowed) -> _Planned:
    async with AsyncExitStack() as stack:
        account = await opening.open_account(stack, allowed.asked.region)
        spec, wanted = await opening.filled(account, allowed.asked)
        with aws.translated("sagemaker:DescribeEndpoint", wanted.endpoint):
            there = await account.reader.found(wanted)
            found, made = await with_quota(wanted, there, allowed.consent, account.reader)
        return _Planned(spec=spec, wanted=wanted, found=found, plan=made)


async def _ensured(allowed: Allowed, timeout_seconds: float) -> Outcome:
    async with AsyncExitStack() as stack:
        account = await opening.open_account(stack, allowed.asked.region)
        spec, wanted = await opening.filled(account, allowed.asked)
        with teller() as told:
            ports = await _ports(account, told, spec, timeout_seconds)
            return await ensure(wanted, allowed.consent, ports)


async def _planned_deletion(name: str, consumer: str | None, region: str | None) -> Plan:
    async with AsyncExitStack() as stack:
        reader = (await opening.open_account(stack, region)).reader
        with aws.translated("sagemaker:DescribeEndpoint", name):
            return plan_deletion(name, await reader.left(name, await reader.endpoint(name)), consumer)


async def _removed(name: str, consumer: str | None, region: str | None, timeout_seconds: float) -> Outcome:
    async with AsyncExitStack() as stack:
        account = await opening.open_account(stack, region)
        with teller() as told:
            return await remove(name, consumer, await _ports(account, told, None, timeout_seconds))


async def _ports(account: Account, told: Callable[[Progress], None], spec: Spec | None, limit_seconds: float) -> Ports:
    secrets = await account.client("secretsmanager")

    async def probe() -> None:
        if spec:
            await asked(spec.endpoint, spec.card, spec.component_name, account.region)

    return Ports(
        reader=account.reader,
        hands=cache(partial(open_hosting, account.region)),
        leases=account.leases,
        clock=SystemClock(),
        told=told,
        key=partial(secret.text, secrets),
        probe=probe,
        timeout_seconds=limit_seconds,
    )


def _print_plan(planned: _Planned, output: Output) -> None:
    if output is Output.JSON:
        print_json(
            {
                "endpoint": planned.wanted.endpoint,
                **planned.plan.model_dump(mode="json"),
                "fit": list(planned.spec.fit.lines()),
                "monthly_usd": round(_rate(planned.spec).per_hour * MONTH_HOURS, 2),
                "model": planned.wanted.model,
                "configuration": planned.wanted.config,
                "component": planned.wanted.component,
                "found": planned.found.model_dump(mode="json"),
            }
        )
    else:
        print_lines(output, list(_lines(planned)))


def _lines(planned: _Planned) -> Iterator[str]:
    yield from _plan_lines(planned.plan)
    rate = _rate(planned.spec)
    price = rate.price
    hourly = f"{rate.instances} x ({price.price_per_hour:g} + {rate.licence_per_hour:g} licence)"
    yield f"cost: {hourly} x {MONTH_HOURS:.0f} h = {rate.per_hour * MONTH_HOURS:,.2f} USD a month, always on"
    yield f"price: {price.price_date}, {price.price_source}; more of it: `autocloudops endpoint cost`"
    yield from (f"memory: {line}" for line in planned.spec.fit.lines())


def _plan_lines(planned: Plan) -> Iterator[str]:
    yield f"{planned.verdict}: {planned.refusal}" if planned.refusal else f"{planned.verdict}"
    for number, step in enumerate(planned.steps, 1):
        yield f"  {number}. {step.action} {step.name}{f': {step.why}' if step.why else ''}"
    yield from (f"note: {each}" for each in planned.notes)


def _rate(spec: Spec) -> Rate:
    return Rate(
        instance_type=spec.instance_type,
        instances=spec.instances.most,
        price=spec.instance.price,
        licence_per_hour=spec.card.licence_per_hour,
    )


def _told(name: str, done: Outcome, output: Output) -> ExitCode:
    if output is Output.JSON:
        print_json({"endpoint": name, **done.model_dump(mode="json")})
    else:
        said = done.refusal or f"{name} is {done.found.status or 'not there'}"
        print_lines(output, [f"{done.verdict}: {said}, after {done.elapsed_seconds / 60:.1f} min"])
    return ExitCode.CHECK_FAILED if done.refusal else ExitCode.OK
