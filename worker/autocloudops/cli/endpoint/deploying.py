"""`endpoint plan`, `ensure` and `delete`: say what will be done, ask, and do it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from functools import cache, partial
from typing import Any

from autocloudops import aws
from autocloudops.cli.consent import agreed
from autocloudops.cli.endpoint import opening
from autocloudops.cli.endpoint.opening import Account
from autocloudops.cli.endpoint.options import DeleteOptions, EnsureOptions, SpecOptions
from autocloudops.cli.endpoint.probing import asked
from autocloudops.cli.endpoint.telling import teller
from autocloudops.cli.output import Output, note, print_json, print_lines
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.values import Value
from nim_endpoint import secret
from nim_endpoint.carrying import RESUME, Outcome, Ports, Progress, ensure, informed, remove
from nim_endpoint.deletion import plan_deletion
from nim_endpoint.found import NOT_LOOKED_UP, Found
from nim_endpoint.hosting import open_hosting
from nim_endpoint.planning import Plan, Verdict
from nim_endpoint.scenarios import MONTH_HOURS, Rate
from nim_endpoint.specs import Spec
from nim_endpoint.wanted import Wanted

INTERRUPTED = f"interrupted: nothing is lost, what was begun goes on in AWS: {RESUME}"


class _Planned(Value):
    spec: Spec
    wanted: Wanted
    found: Found
    plan: Plan


def show_plan(options: SpecOptions, output: Output) -> ExitCode:
    """Print what `ensure` would do, and change nothing.

    Returns:
        CHECK_FAILED where it would refuse.
    """
    planned = asyncio.run(_planned(options))
    _print_plan(planned, output)
    return ExitCode.CHECK_FAILED if planned.plan.refusal else ExitCode.OK


def ensure_endpoint(options: EnsureOptions, output: Output) -> ExitCode:
    """Do what the plan says, once the person has seen it; what is there already needs no asking.

    Returns:
        CHECK_FAILED where it was refused, or the person did not want it; INTERRUPTED after Ctrl-C.

    Raises:
        ServiceFailed: a call or a deployment failed.
    """
    planned = asyncio.run(_planned(options))
    for line in _lines(planned):
        note(line)
    name, found, made = planned.wanted.endpoint, planned.found, planned.plan
    if _is_wanted(made, f"{made.verdict} {name}?", yes=options.yes or not made.is_spending):
        return _carried_out(name, _ensured(options, may_spend=options.yes or made.is_spending), output)
    return _told(name, _undone(found, made), output)


def delete_endpoint(options: DeleteOptions, output: Output) -> ExitCode:
    """Delete an endpoint that was made here, once the person has seen what goes.

    Returns:
        CHECK_FAILED where it was refused, or the person did not want it; INTERRUPTED after Ctrl-C.

    Raises:
        ServiceFailed: a call failed.
    """
    found, gone = asyncio.run(_planned_deletion(options))
    for line in _plan_lines(gone):
        note(line)
    if _is_wanted(gone, f"delete {options.name}?", yes=options.yes or not gone.steps):
        return _carried_out(options.name, _removed(options), output)
    return _told(options.name, _undone(found, gone), output)


def _is_wanted(planned: Plan, question: str, *, yes: bool) -> bool:
    if planned.refusal:
        return False
    is_agreed = agreed(question, yes=yes)
    if not is_agreed:
        note("nothing was changed")
    return is_agreed


def _carried_out(name: str, run: Coroutine[Any, Any, Outcome], output: Output) -> ExitCode:
    try:
        done = asyncio.run(run)
    except KeyboardInterrupt:
        note(INTERRUPTED)
        return ExitCode.INTERRUPTED
    if done.refusal:
        note(f"{done.verdict}: {done.refusal}")
    return _told(name, done, output)


def _undone(found: Found, planned: Plan) -> Outcome:
    refusal = planned.refusal or "the person did not want it"
    return Outcome(verdict=Verdict.REFUSED, refusal=refusal, found=found, elapsed_seconds=0.0)


async def _planned(options: SpecOptions) -> _Planned:
    allowed = opening.consent(options)
    async with AsyncExitStack() as stack:
        account = await opening.open_account(stack, options.region)
        spec, wanted = await opening.filled(account, options)
        with aws.translated("sagemaker:DescribeEndpoint", wanted.endpoint):
            there = await account.reader.found(wanted)
            found, made = await informed(wanted, there, allowed, account.reader)
        return _Planned(spec=spec, wanted=wanted, found=found, plan=made)


async def _ensured(options: EnsureOptions, *, may_spend: bool) -> Outcome:
    allowed = opening.consent(options).model_copy(update={"spend": may_spend})
    async with AsyncExitStack() as stack:
        account = await opening.open_account(stack, options.region)
        spec, wanted = await opening.filled(account, options)
        with teller() as told:
            ports = await _ports(account, told, spec, options.timeout_minutes * 60.0)
            return await ensure(wanted, allowed, ports)


async def _planned_deletion(options: DeleteOptions) -> tuple[Found, Plan]:
    name = options.name
    async with AsyncExitStack() as stack:
        reader = (await opening.open_account(stack, options.region)).reader
        with aws.translated("sagemaker:DescribeEndpoint", name):
            found = await reader.left(name, await reader.endpoint(name))
        return found, plan_deletion(name, found, options.consumer)


async def _removed(options: DeleteOptions) -> Outcome:
    async with AsyncExitStack() as stack:
        account = await opening.open_account(stack, options.region)
        with teller() as told:
            ports = await _ports(account, told, None, options.timeout_minutes * 60.0)
            return await remove(options.name, options.consumer, ports)


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
                "dialect": planned.spec.card.dialect,
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
    yield f"price: of us-east-1, {price.price_date}, {price.price_source}; more of it: `autocloudops endpoint cost`"
    if dialect := planned.spec.card.dialect:
        yield f"schema dialect: {dialect} for sure; `autocloudops endpoint probe` and each worker find out by asking"
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
    """Print what became of it; a refusal stands on standard error already."""
    if output is Output.JSON:
        print_json({"endpoint": name, **done.model_dump(mode="json", exclude={"found": NOT_LOOKED_UP})})
    elif not done.refusal:
        status = done.found.status or "not there"
        print_lines(output, [f"{done.verdict}: {name} is {status}, after {done.elapsed_seconds / 60:.1f} min"])
    return ExitCode.CHECK_FAILED if done.refusal else ExitCode.OK
