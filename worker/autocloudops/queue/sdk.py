"""An aiobotocore client for a consumer's calls, without what they never need.

Facts, measured with aiobotocore 3.9 and botocore 1.43: of the CPU time of a call its signature takes a fifth, most of
it in working out anew what does not change, and the walk through the shape of the answer a fifteenth. It costs another
tenth that botocore validates parameters which our types have checked, looks for checksums, compression and host
prefixes which SQS has not, and prepares retries which are off. The way between, and the errors, are botocore's.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from aiobotocore.config import AioConfig
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError
from botocore.handlers import add_retry_headers, disable_signing

from autocloudops import aws
from autocloudops.queue.answers import PlainParsers
from autocloudops.queue.signing import SERVICE, Signing

if TYPE_CHECKING:
    from types_aiobotocore_sqs.client import SQSClient

MANY_CALLS = AioConfig(
    parameter_validation=False,
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    disable_request_compression=True,
    inject_host_prefix=False,
)


@asynccontextmanager
async def open_sdk(read_timeout_seconds: float) -> AsyncIterator["SQSClient"]:
    """Open a client that sends each call once, for as long as the block lasts.

    Args:
        read_timeout_seconds: the longest silence between two bytes of an answer.

    Raises:
        BotoCoreError: there is no region, or there are no credentials.
    """
    session = aws.session()
    session.register_component("response_parser_factory", PlainParsers())
    credentials = await session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    config = aws.config(read_timeout_seconds=read_timeout_seconds, attempts=1).merge(MANY_CALLS)
    async with session.create_client(SERVICE, config=config) as client:
        _sign_with(client, Signing(credentials, client.meta.region_name))
        _retry_nothing(client)
        yield client


def _sign_with(client: "SQSClient", signing: Signing) -> None:
    """Let our signer sign, and botocore's not."""

    async def sign(request: AWSRequest, operation_name: str, **_: object) -> None:
        signed = await signing.headers(str(request.url), operation_name, cast("bytes", request.data))
        for name, value in signed.items():
            del request.headers[name]
            request.headers[name] = value

    client.meta.events.register_first(f"choose-signer.{SERVICE}", disable_signing)
    client.meta.events.register(f"request-created.{SERVICE}", sign)  # type: ignore[arg-type] # botocore's cannot wait


def _retry_nothing(client: "SQSClient") -> None:
    """Take out what counts attempts: there is one."""
    client.meta.events.unregister(f"needs-retry.{SERVICE}", unique_id=f"retry-config-{SERVICE}")
    client.meta.events.unregister("request-created", add_retry_headers)
