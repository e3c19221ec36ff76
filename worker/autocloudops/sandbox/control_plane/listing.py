"""What every List operation of SageMaker shares: filters, order and pages."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from autocloudops.sandbox.control_plane.values import Document
from autocloudops.sandbox.control_plane.wire import Row, page

PAGE_SIZE = 10
Compare = Callable[[Any, Any], bool]


def _contains(said: str, asked: str) -> bool:
    return asked.lower() in said.lower()


def _after(said: datetime, asked: float) -> bool:
    return said > datetime.fromtimestamp(asked, UTC)


def _before(said: datetime, asked: float) -> bool:
    return said < datetime.fromtimestamp(asked, UTC)


def _equals(said: str, asked: str) -> bool:
    return said == asked


# Request member -> the row's key, where {} is the kind, and how the two are compared.
FILTERS: Mapping[str, tuple[str, Compare]] = MappingProxyType(
    {
        "NameContains": ("{}Name", _contains),
        "StatusEquals": ("{}Status", _equals),
        "EndpointNameEquals": ("EndpointName", _equals),
        "VariantNameEquals": ("VariantName", _equals),
        "CreationTimeAfter": ("CreationTime", _after),
        "CreationTimeBefore": ("CreationTime", _before),
        "LastModifiedTimeAfter": ("LastModifiedTime", _after),
        "LastModifiedTimeBefore": ("LastModifiedTime", _before),
    }
)
ORDERS = MappingProxyType({"Name": "{}Name", "Status": "{}Status", "CreationTime": "CreationTime"})


def listed(rows: Iterable[Row], request: Document, kind: str) -> Row:
    """Return one page of the `rows` that the request asks for, newest first unless it says otherwise.

    Args:
        rows: summaries of all resources of the kind.
        request: with any of the filters, `SortBy`, `SortOrder`, `MaxResults` and `NextToken`.
        kind: the prefix of the rows' keys, as `Endpoint`.
    """
    asked = [(key.format(kind), fits, request[name]) for name, (key, fits) in FILTERS.items() if name in request]
    chosen = [row for row in rows if all(fits(row[key], value) for key, fits, value in asked)]
    order = ORDERS[request.get("SortBy", "CreationTime")].format(kind)
    newest_first = request.get("SortOrder", "Descending") == "Descending"
    chosen.sort(key=lambda row: _sortable(row[order]), reverse=newest_first)
    return page(chosen, request, member=f"{kind}s", size=PAGE_SIZE)


def _sortable(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value).lower()
