"""The Price List of the simulated control plane: what an hour of an instance for hosting costs."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from autocloudops.sandbox.control_plane.values import Document
from autocloudops.sandbox.control_plane.wire import Refusal, Row, page
from autocloudops.sandbox.control_plane.world import Handler, World

SERVICE_CODE = "AmazonSageMaker"
PAGE_SIZE = 100
# The codes that AWS gives to on-demand terms and to their hourly rate.
ON_DEMAND_TERM = "JRTCKXETXF"
HOURLY_RATE = "6YS6EN2CT7"


def get_products(world: World, request: Document, _: datetime) -> Row:
    """GetProducts of `AmazonSageMaker`: one product for each type that has a price, by `TERM_MATCH` filters."""
    if request["ServiceCode"] != SERVICE_CODE:
        raise Refusal("NotFoundException", f"The service {request['ServiceCode']} does not exist.")
    products = {each: _attributes(world, each) for each in sorted(world.prices)}
    chosen = [each for each, attributes in products.items() if _fits(attributes, request)]
    found = [json.dumps(_product(products[each], world.prices[each])) for each in chosen]
    return {"FormatVersion": "aws_v1", **page(found, request, member="PriceList", size=PAGE_SIZE)}


OPERATIONS: Mapping[str, Handler] = MappingProxyType({"GetProducts": get_products})


def _attributes(world: World, instance_type: str) -> dict[str, str]:
    return {
        "servicecode": SERVICE_CODE,
        "component": "Hosting",
        "instanceName": instance_type,
        "instanceType": f"{instance_type}-Hosting",
        "regionCode": world.place.region,
        "usagetype": f"Host:{instance_type}",
    }


def _fits(attributes: Mapping[str, str], request: Document) -> bool:
    return all(attributes.get(each["Field"]) == each["Value"] for each in request.get("Filters", []))


def _product(attributes: Mapping[str, str], dollars: float) -> Row:
    sku = hashlib.sha256(attributes["usagetype"].encode()).hexdigest()[:16].upper()
    offer, rate = f"{sku}.{ON_DEMAND_TERM}", f"{sku}.{ON_DEMAND_TERM}.{HOURLY_RATE}"
    dimension = {"rateCode": rate, "unit": "Hrs", "pricePerUnit": {"USD": f"{dollars:.10f}"}}
    return {
        "product": {"productFamily": "ML Instance", "attributes": dict(attributes), "sku": sku},
        "serviceCode": SERVICE_CODE,
        "terms": {"OnDemand": {offer: {"priceDimensions": {rate: dimension}, "sku": sku}}},
    }
