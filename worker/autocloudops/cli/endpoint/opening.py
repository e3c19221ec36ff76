"""From options to what `nim_endpoint` works with."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import typer

from autocloudops import aws
from autocloudops.cli.consent import caller
from autocloudops.clock import SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.errors import SettingsInvalid
from autocloudops.values import Value
from nim_endpoint import secret, specs
from nim_endpoint.leases import Leases, checked
from nim_endpoint.planning import Consent
from nim_endpoint.reading import Reader
from nim_endpoint.specs import Spec
from nim_endpoint.wanted import Wanted, wanted

CALL_SECONDS = 20
CALL_ATTEMPTS = 5


class Allowed(Value):
    """A spec that was asked for, and what the operator allows to get there."""

    asked: "Asked"
    consent: Consent


class Asked(Value):
    """A spec that was asked for.

    Attributes:
        values: NAME=VALUE for its placeholders.
        shows_key: the NGC key may stand in the model's environment.
    """

    spec: str
    name: str | None
    values: tuple[str, ...]
    region: str | None
    shows_key: bool

    def allowing(self, consumer: str, *, adopt: bool, recreate: bool, disturb: bool) -> Allowed:
        """Return it with what the operator allows."""
        consent = Consent(consumer=checked(consumer), adopt=adopt, recreate=recreate, disturb=disturb)
        return Allowed(asked=self, consent=consent)


@dataclass(frozen=True, slots=True)
class Account:
    """The clients of one account and region."""

    stack: AsyncExitStack
    region: str
    reader: Reader
    leases: Leases

    async def client(self, service: str) -> Any:  # noqa: ANN401 - aiobotocore's clients are made at run time
        """Open a client of another service."""
        return await opened(self.stack, service, self.region)


def own_region() -> str:
    """Return the region that AWS clients use unless they are told another."""
    return str(aws.session().get_config_variable("region") or "")


async def opened(stack: AsyncExitStack, service: str, region: str | None) -> Any:  # noqa: ANN401 - likewise
    """Open a client; the SDK repeats what is throttled, because nothing here does."""
    calls = aws.config(read_timeout_seconds=CALL_SECONDS, attempts=CALL_ATTEMPTS)
    return await wiring.open_client(stack, service, calls, region)


async def open_account(stack: AsyncExitStack, region: str | None) -> Account:
    """Open what endpoints are read and leased with.

    Raises:
        SettingsInvalid: no region is set, or no credentials.
    """
    sagemaker = await opened(stack, "sagemaker", region)
    scaling = await opened(stack, "application-autoscaling", region)
    quotas = await opened(stack, "service-quotas", region)
    clock = SystemClock()
    reader = Reader(sagemaker, scaling, quotas, clock)
    return Account(stack, str(sagemaker.meta.region_name), reader, Leases(sagemaker, reader, clock))


async def filled(account: Account, asked: Asked) -> tuple[Spec, Wanted]:
    """Return the spec with its placeholders filled in, and what it stands for.

    Raises:
        InputUnreadable: it is no spec.
        SettingsInvalid: a placeholder is open, the model does not fit, or the key would be shown without a word.
    """
    values = {"region": account.region, **_pairs(asked.values)}
    if "account" in specs.open_placeholders(asked.spec) - values.keys():
        values["account"] = (await caller(account.stack)).account
    spec = specs.read(asked.spec, values, asked.name)
    if spec.key_secret is None:
        return spec, wanted(spec)
    if not asked.shows_key:
        raise SettingsInvalid(
            "route ecr puts the NGC key into the model's environment, where whoever may call DescribeModel reads it",
            "take route s3 or marketplace, or give --key-in-environment",
        )
    version = await secret.version(await account.client("secretsmanager"), spec.key_secret)
    return spec, wanted(spec, key_version=version)


def _pairs(said: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in said]
    if wrong := [name for name, equals, value in pairs if not (name and equals and value)]:
        raise typer.BadParameter(f"--set takes NAME=VALUE, and not {wrong[0]}")
    return {name: value for name, _, value in pairs}
