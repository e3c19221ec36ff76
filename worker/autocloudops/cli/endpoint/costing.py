"""`endpoint cost`: a month by each way of running an endpoint, beside two sums that were published elsewhere."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from autocloudops.cli.costs import IDLING, WAKING
from autocloudops.cli.endpoint import opening
from autocloudops.cli.output import Output, print_json, print_lines
from autocloudops.cli.program import ExitCode
from autocloudops.values import Value
from nim_endpoint import catalogue, prices
from nim_endpoint.catalogue import ModelCard, Price
from nim_endpoint.memory import Fit, fit
from nim_endpoint.scenarios import PUBLISHED, USEFUL_TOKENS, Load, Rate, corrected, costs, published_errors


class Wanted(Value):
    """Which endpoint is priced, and where its price comes from."""

    instance_type: str
    model: str
    instances: int
    price: float | None
    live: bool
    region: str | None

    def loaded(self, alarms: int, incident_ratio: float, office_hours: float) -> "Loaded":
        """Return it with what a month brings."""
        load = Load(
            alarms=alarms,
            incidents_per_alarm=incident_ratio,
            waking_seconds=WAKING.total_seconds(),
            idling_seconds=IDLING.total_seconds(),
            office_hours=office_hours,
        )
        return Loaded(wanted=self, load=load)


class Loaded(Value):
    """Which endpoint is priced, under which load."""

    wanted: Wanted
    load: Load


def show_costs(loaded: Loaded, output: Output) -> ExitCode:
    """Print the month.

    Returns:
        CHECK_FAILED where the model does not fit the instance type: it is then a price of nothing.

    Raises:
        InputUnreadable: no instance type or model is called so, or the Price List has no one price.
        ServiceFailed: the Price List API does not answer.
    """
    wanted = loaded.wanted
    card = catalogue.model(wanted.model)
    instance = catalogue.instance(wanted.instance_type)
    rate = Rate(
        instance_type=instance.type,
        instances=wanted.instances,
        price=_price(wanted),
        licence_per_hour=card.licence_per_hour,
    )
    memory = fit(card, instance, gpus=instance.gpus, context_tokens=min(USEFUL_TOKENS, card.longest_context_tokens))
    if output is Output.JSON:
        print_json(_document(rate, loaded.load, card, memory))
    else:
        print_lines(output, [*_lines(rate, loaded.load, card), *(f"memory: {line}" for line in memory.lines())])
    return ExitCode.OK if memory.fits else ExitCode.CHECK_FAILED


def _price(wanted: Wanted) -> Price:
    if wanted.price is not None:
        today = datetime.now(UTC).date()
        return Price(price_per_hour=wanted.price, price_date=today, price_source="--price")
    if wanted.live:
        return asyncio.run(_live(wanted))
    return catalogue.instance(wanted.instance_type).price


async def _live(wanted: Wanted) -> Price:
    async with AsyncExitStack() as stack:
        region = wanted.region or opening.own_region() or prices.REGION
        client = await opening.opened(stack, "pricing", prices.REGION)
        return await prices.live_price(client, wanted.instance_type, region, datetime.now(UTC).date())


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
    yield "not counted: storage, traffic, logs, and a second endpoint for embeddings"
    for sum_ in PUBLISHED:
        items = " + ".join(f"{line.dollars:.2f}" for line in sum_.lines)
        yield f"{sum_.name}: {items} = {sum_.dollars:.2f}"
    yield from (f"  wrong in it: {each}" for each in published_errors())
    yield f"corrected, {card.name} always on with its licence:"
    yield from (f"  {line.what:<16}{line.dollars:>10,.2f} = {line.arithmetic}" for line in corrected(card))


def _cold(incidents: float) -> str:
    return f"{incidents:,.0f} incidents find no instance" if incidents else ""


def _document(rate: Rate, load: Load, card: ModelCard, memory: Fit) -> dict[str, object]:
    return {
        **rate.model_dump(mode="json"),
        "per_hour": rate.per_hour,
        "load": load.model_dump(mode="json"),
        "ways": [each.model_dump(mode="json") for each in costs(rate, load)],
        "memory": list(memory.lines()),
        "published": [{**each.model_dump(mode="json"), "dollars": each.dollars} for each in PUBLISHED],
        "corrected": [each.model_dump(mode="json") for each in corrected(card)],
    }
