"""Audit objects in memory, whose writes can be made to fail."""

import asyncio
from collections.abc import AsyncIterator

from autocloudops.errors import AuditConflict, ServiceUnavailable, TargetMissing


class MemoryObjects:
    """`AuditObjects` that fail as often as told."""

    location = "memory"

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, bytes]] = []

    async def create(self, key: str, body: bytes) -> None:
        self.calls.append((key, body))
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ServiceUnavailable("s3:PutObject", "memory", "slow down")
        if self.objects.setdefault(key, body) != body:
            raise AuditConflict("other bytes")

    async def read(self, key: str) -> bytes:
        if key not in self.objects:
            raise TargetMissing("s3:GetObject", "memory", "no such key")
        return self.objects[key]

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield key


class RefusingObjects(MemoryObjects):
    """Objects of which those below a prefix cannot be written."""

    refused = "nothing"

    async def create(self, key: str, body: bytes) -> None:
        if key.startswith(self.refused):
            await asyncio.sleep(0)
            raise ServiceUnavailable("s3:PutObject", "memory", "slow down")
        await super().create(key, body)
