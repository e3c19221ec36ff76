from pathlib import Path

import pytest
from audit_history import History, write_history
from audit_tampering import MATRIX, Tamper

from autocloudops.audit.findings import Kind
from autocloudops.audit.objects import FolderObjects


class Folder:
    """A folder without the audit's rules."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, key: str) -> bytes:
        return (self._folder / key).read_bytes()

    async def write(self, key: str, body: bytes) -> None:
        (self._folder / key).write_bytes(body)

    async def delete(self, key: str) -> None:
        (self._folder / key).unlink()


@pytest.mark.parametrize(("tamper", "expected"), MATRIX.items(), ids=[tamper.__name__[1:] for tamper in MATRIX])
async def test_each_damage_is_named_and_nothing_else_is(tmp_path: Path, tamper: Tamper, expected: list[Kind]) -> None:
    """Whatever is done to an audit that was clean is found under its own name, once for each place."""
    history = History(FolderObjects(tmp_path))
    await write_history(history)
    assert await history.kinds() == []
    await tamper(Folder(tmp_path), history)
    assert await history.kinds() == expected
