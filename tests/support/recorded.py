"""What an audit holds, for tests that have only its bucket."""

from contextlib import AsyncExitStack

from autocloudops.audit.reader import Found, records
from autocloudops.entrypoints.wiring import open_audit


async def recorded(bucket: str) -> list[Found]:
    """Return every record in a bucket."""
    async with AsyncExitStack() as stack:
        return [found async for found in records(await open_audit(stack, f"s3://{bucket}"))]
