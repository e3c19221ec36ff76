"""What the Price List API says that an hour of an instance for hosting costs."""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from autocloudops import aws
from autocloudops.errors import InputUnreadable
from nim_endpoint.catalogue import Price

REGION = "us-east-1"
"""The Price List API has few regions, this one among them; it knows the prices of all."""
SERVICE_CODE = "AmazonSageMaker"
OPERATION = "pricing:GetProducts"
HOURS = "Hrs"


async def live_price(client: Any, instance_type: str, region: str, today: date) -> Price:  # noqa: ANN401 - made at run time
    """Return today's price on demand of an instance type for hosting.

    Args:
        client: a client of the Price List API.
        instance_type: as `ml.g6e.xlarge`.
        region: where the endpoint is.
        today: the day that the price is of.

    Raises:
        InputUnreadable: the API has no such price, or several.
        ServiceFailed: it does not answer.
    """
    wanted = {"regionCode": region, "component": "Hosting", "instanceName": instance_type}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    with aws.translated(OPERATION, instance_type):
        pages = client.get_paginator("get_products").paginate(ServiceCode=SERVICE_CODE, Filters=filters)
        products = [json.loads(each) async for page in pages for each in page["PriceList"]]
    found = {price for product in products for price in _hourly(product)}
    if len(found) != 1:
        advice = "see https://aws.amazon.com/sagemaker/pricing/, and give --price"
        raise InputUnreadable(f"the Price List has {len(found)} prices for {instance_type} in {region}", advice)
    return Price(price_per_hour=found.pop(), price_date=today, price_source=f"{OPERATION} of {region}")


def _hourly(product: Mapping[str, Any]) -> Iterator[float]:
    for offer in product["terms"].get("OnDemand", {}).values():
        for dimension in offer["priceDimensions"].values():
            if dimension["unit"] == HOURS:
                yield float(dimension["pricePerUnit"]["USD"])
