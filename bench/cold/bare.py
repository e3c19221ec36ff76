"""A handler of nothing but the same clients, from its import to its first message's end: prints seconds as JSON."""

import json
import sys
import time

BEGUN = time.perf_counter()


def main() -> None:
    """Answer the batch on standard input."""
    import asyncio  # noqa: PLC0415 - the imports are what is measured

    asyncio.run(_answered(json.load(sys.stdin)))


async def _answered(event: dict[str, list[dict[str, str]]]) -> None:
    import os  # noqa: PLC0415 - likewise
    from contextlib import AsyncExitStack  # noqa: PLC0415 - likewise

    from aiobotocore.session import get_session  # noqa: PLC0415 - likewise

    session = get_session()
    async with AsyncExitStack() as stack:
        dynamodb, s3, *_ = [
            await stack.enter_async_context(session.create_client(service))
            for service in ("dynamodb", "s3", "sns", "sqs")
        ]
        (record,) = event["Records"]
        table, key = os.environ["AUTOCLOUDOPS_STATE_TABLE"], {"S": f"KEY#{record['messageId']}"}
        for sort in ("change", "writer"):
            await dynamodb.query(
                TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": key}
            )
            await dynamodb.put_item(TableName=table, Item={"pk": key, "sk": {"S": sort}, "body": {"S": record["body"]}})
        bucket = os.environ["AUTOCLOUDOPS_AUDIT_LOCATION"].removeprefix("s3://")
        await s3.put_object(Bucket=bucket, Key=f"bare/{record['messageId']}", Body=record["body"], IfNoneMatch="*")
        print(json.dumps((time.perf_counter() - BEGUN, time.process_time())))


if __name__ == "__main__":
    main()
