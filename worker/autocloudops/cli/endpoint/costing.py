"""`endpoint cost`: a month by each way of running an endpoint, beside two naive estimates and their errors."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime

from autocloudops.cli.costs import IDLING, WAKING
from autocloudops.cli.endpoint import opening
from autocloudops.cli.endpoint.options import CostOptions
from autocloudops.cli.output import Output, print_json, print_lines
from autocloudops.cli.program import ExitCode
from nim_endpoint import catalogue, prices
from nim_endpoint.catalogue import ModelCard, Price
from nim_endpoint.memory import Fit, fit
from nim_endpoint.scenarios import (
    NAIVE,
    USEFUL_TOKENS,
    Load,
    Month,
    Rate,
    corrected,
    corrected_months,
    costs,
    naive_errors,
)


def show_costs(options: CostOptions, output: Output) -> ExitCode:
    """Print the month.

    Returns:
        CHECK_FAILED where the model does not fit the instance type: it is then a price of nothing.

    Raises:
        InputUnreadable: no instance type or model is called so, or the Price List has no one price.
        ServiceFailed: the Price List API does not answer.
    """
    card, instance = catalogue.model(options.model), catalogue.instance(options.instance_type)
    rate = Rate(
        instance_type=instance.type,
        instances=options.instances,
        price=_price(options, instance.price),
        licence_per_hour=card.licence_per_hour,
    )
    memory = fit(card, instance, gpus=instance.gpus, context_tokens=min(USEFUL_TOKENS, card.longest_context_tokens))
    if output is Output.JSON:
        print_json(_document(rate, _load(options), card, memory))
    else:
        print_lines(output, [*_lines(rate, _load(options), card), *(f"memory: {line}" for line in memory.lines())])
    return ExitCode.OK if memory.fits else ExitCode.CHECK_FAILED


def _load(options: CostOptions) -> Load:
    return Load(
        alarms=options.alarms,
        incidents_per_alarm=options.incident_ratio,
        waking_seconds=WAKING.total_seconds(),
        idling_seconds=IDLING.total_seconds(),
        office_hours=options.office_hours,
    )


def _price(options: CostOptions, snapshot: Price) -> Price:
    today = datetime.now(UTC).date()
    if options.price is not None:
        return Price(price_per_hour=options.price, price_date=today, price_source="--price")
    return asyncio.run(_live(options, today)) if options.live else snapshot


async def _live(options: CostOptions, today: date) -> Price:
    async with AsyncExitStack() as stack:
        region = options.region or opening.own_region() or prices.REGION
        client = await opening.opened(stack, "pricing", prices.REGION)
        return await prices.live_price(client, options.instance_type, region, today)


def _lines(rate: Rate, load: Load, card: ModelCard) -> Iterator[str]:
    price = rate.price
    yield f"{rate.instances} x {rate.instance_type}: {rate.per_hour:.3f} USD an hour"
    yield f"price: {price.price_per_hour:g} on {price.price_date}, {price.price_source}"
    yield f"load: {load.alarms:,.0f} alarms a month, {load.incidents:,.0f} incidents"
    for each in costs(rate, load):
        dollars = f"{each.dollars:>10,.2f} a month {each.per_1000_alarms:>10,.2f} per 1,000 alarms"
        yield f"{each.way:<13}{dollars}  {_cold(each.cold)}".rstrip()
        yield f"{'':<13}{each.arithmetic}"
    yield "to zero needs an endpoint with components; incidents that storm together keep it up less than reckoned here"
    yield "prices are of us-east-1, unless --live asks for those of the region, or --price says it"
    yield "not counted: storage, traffic, logs, and a second endpoint for embeddings"
    for sum_ in NAIVE:
        items = " + ".join(f"{line.dollars:.2f}" for line in sum_.lines)
        yield f"{sum_.name}: {items} = {sum_.dollars:.2f}"
    yield from (f"  wrong in it: {each}" for each in naive_errors())
    months = corrected_months()
    for month in months:
        yield f"{month.name}: {' + '.join(f'{line.dollars:.2f}' for line in month.lines)} = {month.dollars:.2f}"
        yield from (f"  {line.what}: {line.arithmetic} = {line.dollars:.2f}" for line in month.lines if line.arithmetic)
    yield f"SageMaker to EKS: {_share(NAIVE):.2f} in the naive estimates, {_share(months):.2f} corrected"
    yield f"corrected, {card.name} alone, always on with its licence:"
    yield from (f"  {line.what:<16}{line.dollars:>10,.2f} = {line.arithmetic}" for line in corrected(card))


def _cold(incidents: float) -> str:
    return f"{incidents:,.0f} incidents find no instance" if incidents else ""


def _share(months: Sequence[Month]) -> float:
    sagemaker, eks = months
    return sagemaker.dollars / eks.dollars


def _document(rate: Rate, load: Load, card: ModelCard, memory: Fit) -> dict[str, object]:
    return {
        **rate.model_dump(mode="json"),
        "per_hour": rate.per_hour,
        "load": load.model_dump(mode="json"),
        "ways": [each.model_dump(mode="json") for each in costs(rate, load)],
        "memory": list(memory.lines()),
        "naive_estimates": [{**each.model_dump(mode="json"), "dollars": each.dollars} for each in NAIVE],
        "corrected_months": [{**each.model_dump(mode="json"), "dollars": each.dollars} for each in corrected_months()],
        "corrected": [each.model_dump(mode="json") for each in corrected(card)],
    }
