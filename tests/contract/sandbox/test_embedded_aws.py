import asyncio
import os
import select
import signal
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox import EmbeddedAws, aws
from autocloudops.sandbox.foundation import client

LISTENING = "0A"
HOLDS_AN_EMULATOR = """
import asyncio
from autocloudops.sandbox import EmbeddedAws

async def hold():
    embedded = EmbeddedAws()
    async with embedded:
        print(embedded.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""
needs_proc = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")


def _listening_addresses(pid: int) -> list[IPv4Address | IPv6Address]:
    """Return the local address of each listening TCP socket of `pid` and of every process in its group."""
    members = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    inodes = {inode for member in members if _group(member) == pid for inode in _socket_inodes(member)}
    return [address for table in ("tcp", "tcp6") for inode, address in _listeners(table) if inode in inodes]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _socket_inodes(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = str(descriptor.readlink()) if descriptor.is_symlink() else ""
        if target.startswith("socket:["):
            yield target.removeprefix("socket:[").rstrip("]")


def _listeners(table: str) -> Iterator[tuple[str, IPv4Address | IPv6Address]]:
    for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[3] == LISTENING:
            yield columns[9], _address(columns[1].partition(":")[0])


def _address(text: str) -> IPv4Address | IPv6Address:
    """Read an address of /proc/net/tcp: 32-bit words in hexadecimal, each in the machine's byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _ended(pidfd: int, seconds: float) -> bool:
    return bool(select.select([pidfd], [], [], seconds)[0])


@needs_proc
async def test_the_emulator_listens_on_loopback_only() -> None:
    """Every socket on which the emulator or a child of it listens is bound to a loopback address."""
    embedded = EmbeddedAws()
    async with embedded as resources:
        addresses = _listening_addresses(embedded.pid)
    assert resources.endpoint_url.startswith("http://127.0.0.1:")
    assert addresses
    assert all(address.is_loopback for address in addresses)


@needs_proc
async def test_leaving_ends_the_emulator() -> None:
    """Once the context is left, the process is gone."""
    embedded = EmbeddedAws()
    async with embedded:
        pidfd = os.pidfd_open(embedded.pid)
    try:
        assert _ended(pidfd, 0)
    finally:
        os.close(pidfd)


@needs_proc
async def test_the_emulator_dies_with_a_killed_starter(tmp_path: Path) -> None:
    """A starter that is killed and can clean up nothing leaves no emulator behind, and no folder of it."""
    starter = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        HOLDS_AN_EMULATOR,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert starter.stdout is not None
    pidfd = os.pidfd_open(int(await starter.stdout.readline()))
    try:
        assert len(_entries(tmp_path)) == 1
        starter.send_signal(signal.SIGKILL)
        await starter.wait()
        assert await asyncio.to_thread(_ended, pidfd, 10)
        assert not _entries(tmp_path)
    finally:
        os.close(pidfd)


async def test_two_emulators_share_nothing() -> None:
    """Two emulators run side by side on ports of their own, and a bucket of one is not in the other."""
    async with EmbeddedAws() as one, EmbeddedAws(prefix="second") as two, client("s3", two.endpoint_url) as s3:
        buckets = [bucket["Name"] for bucket in (await s3.list_buckets())["Buckets"]]
    assert one.endpoint_url != two.endpoint_url
    assert two.audit_bucket in buckets
    assert all(bucket.startswith("second-") for bucket in buckets)


async def test_a_missing_emulator_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the emulator installed, the error says which extra brings it."""
    monkeypatch.setattr(aws, "EMULATOR", "no_such_emulator")
    with pytest.raises(SandboxFailed, match=r"pip install '\.\[local\]'"):
        await EmbeddedAws().__aenter__()


async def test_an_emulator_that_ends_while_starting_is_named_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the emulator printed before it ended stands in the error."""
    monkeypatch.setattr(aws, "EMULATOR", "this")
    with pytest.raises(SandboxFailed, match=r"ended while starting: .*Namespaces are one honking great idea"):
        await EmbeddedAws().__aenter__()


async def test_an_emulator_that_does_not_answer_in_time_is_named() -> None:
    """The wait for the emulator is bounded, and what was started is ended."""
    with pytest.raises(SandboxFailed, match="did not answer within 0 s"):
        await EmbeddedAws(start_seconds=0.01).__aenter__()
