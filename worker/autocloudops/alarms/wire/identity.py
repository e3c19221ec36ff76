"""Which alarm it is: its name, its account and its region."""

import re
from typing import NamedTuple

from autocloudops.alarms.load import Refused
from autocloudops.alarms.model import AlarmKey
from autocloudops.alarms.regions import is_region_code, region_code
from autocloudops.alarms.wire.read import shown, text
from autocloudops.alarms.wire.shape import Node, Place

MAX_NAME = 1024
"""CloudWatch allows 255 characters. A name is never cut: two alarms would become one."""
_ACCOUNT_DIGITS = 12
_MOST_DIGITS = 32
_GROUPED_ACCOUNT = re.compile(r"\d{4}-\d{4}-\d{4}")
_ARN_FIELDS = 6


class Origin(NamedTuple):
    """What a part says about where it comes from, as sent: the ARN of its alarm or resource, an account, a region."""

    arn: str | None = None
    account: object = None
    region: object = None


def account_of(value: object) -> str | None:
    """Return an account as its digits; a number gets back the leading zeros that it cannot hold."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{int(value):0{_ACCOUNT_DIGITS}d}" if 0 <= value < 10**_ACCOUNT_DIGITS else None
    if not isinstance(value, str):
        return None
    said = value.strip()
    if _GROUPED_ACCOUNT.fullmatch(said):
        return said.replace("-", "")
    return said if said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS else None


def arn_field(arn: str | None, index: int) -> str | None:
    """Return a field of `arn`: 3 is the region, 4 the account; `None` where it has none."""
    fields = arn.split(":", _ARN_FIELDS) if arn and arn.startswith("arn:") else []
    return fields[index] or None if len(fields) > index else None


def account_in(origin: Origin, place: Place | None) -> str:
    """Return the account: from the ARN, then from its field, then from the caller.

    Twelve digits go before a shorter account, which relays and test senders cut.

    Raises:
        Refused: `account_missing` or `account_unreadable`.
    """
    said = (arn_field(origin.arn, 4), origin.account)
    found = [account for account in map(account_of, said) if account]
    whole = [account for account in found if len(account) == _ACCOUNT_DIGITS]
    if found:
        return (whole or found)[0]
    if origin.account:
        raise Refused("account_unreadable", f"{shown(origin.account)} is no account id")
    if place is None:
        raise Refused("account_missing", "it names no AWS account")
    return place.account


def region_in(origin: Origin, place: Place | None) -> str:
    """Return the region's code: from the ARN, then from a code or display name, then from the caller.

    Raises:
        Refused: `region_unknown`.
    """
    from_arn = arn_field(origin.arn, 3)
    if from_arn and is_region_code(from_arn):
        return from_arn
    said = origin.region if isinstance(origin.region, str) else ""
    found = region_code(said)
    if found is not None:
        return found
    if place is not None and not said.strip() and not from_arn:
        return place.region
    raise Refused("region_unknown", f"{shown(said or from_arn or '')} names no AWS region")


def located(origin: Origin, place: Place | None) -> Place:
    """Return the account and region of an alarm; see `account_in` and `region_in` for what is taken and refused."""
    return Place(account_in(origin, place), region_in(origin, place))


def required_name(node: Node, *keys: str) -> str:
    """Return the alarm's name, exactly as sent.

    Raises:
        Refused: `name_missing` or `name_too_long`.
    """
    found = text(node, *keys, limit=MAX_NAME + 1)
    if found is None:
        raise Refused("name_missing", "it names no alarm")
    if len(found) > MAX_NAME:
        raise Refused("name_too_long", f"the alarm's name has more than {MAX_NAME} characters")
    return found


def alarm_key(name: str, contributor: str | None, place: Place) -> AlarmKey:
    """Return the identity of the alarm `name`, or of one contributor of it, in `place`."""
    return AlarmKey(account=place.account, region=place.region, name=name, contributor=contributor or "")
