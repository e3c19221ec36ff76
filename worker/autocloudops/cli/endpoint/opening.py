"""From options to what `nim_endpoint` works with."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import typer

from autocloudops import aws
from autocloudops.cli.consent import caller
from autocloudops.cli.endpoint.options import SpecOptions
from autocloudops.clock import SystemClock
from autocloudops.entrypoints import wiring
from autocloudops.errors import SettingsInvalid
from nim_endpoint import secret, specs
from nim_endpoint.leases import Leases, checked
from nim_endpoint.planning import Consent
from nim_endpoint.reading import Reader
from nim_endpoint.specs import Spec
from nim_endpoint.wanted import Wanted, wanted

PREFIX = "autocloudops"
"""What the names of a deployment begin with, where nothing else was said."""
CALL_SECONDS = 20
CALL_ATTEMPTS = 5


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


def consent(options: SpecOptions) -> Consent:
    """Return what the operator allows.

    Raises:
        SettingsInvalid: the consumer's name cannot stand in a tag.
    """
    return Consent(
        consumer=checked(options.consumer), adopt=options.adopt, recreate=options.recreate, disturb=options.disturb
    )


async def filled(account: Account, options: SpecOptions) -> tuple[Spec, Wanted]:
    """Return the spec with its placeholders filled in, and what it stands for.

    Raises:
        InputUnreadable: it is no spec.
        SettingsInvalid: a placeholder is open, the model does not fit, or the key would be shown without a word.
    """
    values = {"region": account.region, "prefix": PREFIX, **_pairs(options.values or [])}
    if "account" in specs.open_placeholders(options.spec) - values.keys():
        values["account"] = (await caller(account.stack)).account
    spec = specs.read(options.spec, values, options.name)
    if spec.key_secret is None:
        return spec, wanted(spec)
    if not options.key_in_environment:
        raise SettingsInvalid(
            "route ecr puts the NGC key into the model's environment, where whoever may call DescribeModel reads it",
            "take route s3 or marketplace, or give --key-in-environment",
        )
    version = await secret.version(await account.client("secretsmanager"), spec.key_secret)
    return spec, wanted(spec, key_version=version)


def _pairs(said: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in said]
    if wrong := [name for name, equals, value in pairs if not (name and equals and value)]:
        raise typer.BadParameter(f"--set takes NAME=VALUE, and not {wrong[0]}")
    return {name: value for name, _, value in pairs}
