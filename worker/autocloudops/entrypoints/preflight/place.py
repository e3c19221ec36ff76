"""Whether everything is in one account and one region."""

import re
from functools import partial
from urllib.parse import urlsplit

from autocloudops.aws import translated
from autocloudops.entrypoints.models import own_region
from autocloudops.entrypoints.preflight.checks import Check, Weight
from autocloudops.entrypoints.preflight.clients import Clients
from autocloudops.entrypoints.stored import account_of
from autocloudops.errors import SettingsInvalid

QUEUE_HOST = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
TOPIC_ARN = re.compile(r"arn:[a-z-]+:sns:([a-z0-9-]+):\d{12}:.+")


def account_checks(clients: Clients, queue_url: str) -> list[Check]:
    """Return whether the credentials are of the queue's account, the only one in which configuration is read."""
    clients.needs("sts")
    account = account_of(queue_url)
    return [Check("account", account, Weight.ADVISORY, partial(_account, clients, account))]


def region_checks(what: str, region: str | None) -> list[Check]:
    """Return whether this worker is in the region of its queue or topic.

    Args:
        what: whose region it is.
        region: as its name says; None where that names none, as with an emulator.
    """
    return [Check(f"region of the {what}", region or "not named", Weight.REQUIRED, partial(_region, what, region))]


def queue_region(url: str) -> str | None:
    """Return the region in a queue's URL."""
    match = QUEUE_HOST.fullmatch(urlsplit(url).hostname or "")
    return match[1] if match else None


def topic_region(arn: str) -> str | None:
    """Return the region in a topic's ARN."""
    match = TOPIC_ARN.fullmatch(arn)
    return match[1] if match else None


async def _account(clients: Clients, expected: str) -> str:
    sts = await clients.get("sts")
    with translated("sts:GetCallerIdentity", "these credentials"):
        account = str((await sts.get_caller_identity())["Account"])
    if account != expected:
        raise SettingsInvalid(
            f"the credentials are of account {account}",
            f"run the worker in {expected}, or expect no configuration as evidence",
        )
    return account


async def _region(what: str, expected: str | None) -> str:
    region = own_region()
    if not region:
        raise SettingsInvalid("no region is set", "set AWS_REGION")
    if expected not in {None, region}:
        raise SettingsInvalid(f"this worker is in {region}, its {what} in {expected}", f"set AWS_REGION to {expected}")
    return region
