from typing import TYPE_CHECKING
from uuid import uuid4

from audit_history import OTHER_KEY, History, write_history
from audit_tampering import MATRIX

from autocloudops.audit.findings import Kind
from autocloudops.audit.objects import S3Objects
from autocloudops.audit.signing import TrustedKeys

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client


NAMES = (
    "change_a_line",
    "delete_an_object_inside",
    "delete_the_tail",
    "cut_the_last_lines",
    "reorder_lines",
    "insert_a_line",
    "replay_an_object",
    "swap_objects_between_hours",
    "add_an_object_of_a_stranger",
    "digest_without_an_object",
    "delete_a_digest",
)
TRIED = [tamper for tamper in MATRIX if tamper.__name__[1:] in NAMES]


class Bucket:
    """A bucket without the audit's rules, which can be put back as it was."""

    def __init__(self, client: "S3Client", name: str) -> None:
        self._client = client
        self._name = name
        self._before: dict[str, bytes | None] = {}

    async def read(self, key: str) -> bytes:
        answer = await self._client.get_object(Bucket=self._name, Key=key)
        async with answer["Body"] as stream:
            return await stream.read()

    async def write(self, key: str, body: bytes) -> None:
        await self._remember(key)
        await self._client.put_object(Bucket=self._name, Key=key, Body=body)

    async def delete(self, key: str) -> None:
        await self._remember(key)
        await self._client.delete_object(Bucket=self._name, Key=key)

    async def restore(self) -> None:
        """Put back what was there."""
        for key, body in self._before.items():
            if body is None:
                await self._client.delete_object(Bucket=self._name, Key=key)
            else:
                await self._client.put_object(Bucket=self._name, Key=key, Body=body)
        self._before.clear()

    async def _remember(self, key: str) -> None:
        if key not in self._before:
            there = await self._client.list_objects_v2(Bucket=self._name, Prefix=key)
            self._before[key] = await self.read(key) if there.get("KeyCount") else None


async def test_each_damage_in_a_bucket_is_named_and_nothing_else_is(s3: "S3Client") -> None:
    """What is found in a folder is found in a bucket, under the same names; what is put back is clean again."""
    name = f"audit-{uuid4().hex[:8]}"
    await s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    history, bucket = History(S3Objects(s3, name)), Bucket(s3, name)
    await write_history(history)
    assert await history.kinds() == []
    now, found = history.clock.at, {}
    for tamper in TRIED:
        await tamper(bucket, history)
        found[tamper] = await history.kinds()
        await bucket.restore()
        history.clock.at = now
    assert found == {tamper: MATRIX[tamper] for tamper in TRIED}
    assert await history.kinds(TrustedKeys([OTHER_KEY.public_key()])) == [Kind.WRONG_KEY] * 3
    assert await history.kinds() == []
