"""Service Quotas of the simulated control plane: how many instances of each type may be held for endpoints.

AWS gives each quota an opaque code. The codes here are made from the names, so that nobody can rely on one that was
learnt by heart: look a quota up by its name.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from autocloudops.sandbox.control_plane.values import Document
from autocloudops.sandbox.control_plane.wire import Refusal, Row, page
from autocloudops.sandbox.control_plane.world import Handler, World

SERVICE_CODE = "sagemaker"
PAGE_SIZE = 100
QUOTA_NAME = "{} for endpoint usage"


def get_service_quota(world: World, request: Document, _: datetime) -> Row:
    """GetServiceQuota."""
    rows = _rows(world, request["ServiceCode"])
    found = next((row for row in rows if row["QuotaCode"] == request["QuotaCode"]), None)
    if found is None:
        raise Refusal("NoSuchResourceException", f"The quota {request['QuotaCode']} of {SERVICE_CODE} does not exist.")
    return {"Quota": found}


def list_service_quotas(world: World, request: Document, _: datetime) -> Row:
    """ListServiceQuotas, in the order of their names."""
    asked = request.get("QuotaCode")
    rows = [row for row in _rows(world, request["ServiceCode"]) if asked in {None, row["QuotaCode"]}]
    return page(rows, request, member="Quotas", size=PAGE_SIZE, invalid_token=_invalid_token)


OPERATIONS: Mapping[str, Handler] = MappingProxyType(
    {"GetServiceQuota": get_service_quota, "ListServiceQuotas": list_service_quotas}
)


def _rows(world: World, service_code: str) -> list[Row]:
    if service_code != SERVICE_CODE:
        raise Refusal("NoSuchResourceException", f"The service {service_code} does not exist.")
    return [_row(world, each, limit) for each, limit in sorted(world.quotas.items())]


def _row(world: World, instance_type: str, limit: int) -> Row:
    name = QUOTA_NAME.format(instance_type)
    code = "L-" + hashlib.sha256(name.encode()).hexdigest()[:8].upper()
    return {
        "ServiceCode": SERVICE_CODE,
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": world.place.arn(f"{SERVICE_CODE}/{code}", service="servicequotas"),
        "QuotaCode": code,
        "QuotaName": name,
        "Value": float(limit),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _invalid_token(message: str) -> Refusal:
    return Refusal("InvalidPaginationTokenException", message)
