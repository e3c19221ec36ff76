from collections.abc import Mapping
from typing import Any

import pytest
from command_line import typed

from autocloudops.entrypoints import wiring


class Refusing:
    """An EventBridge that answers well and takes no entry."""

    def __init__(self, code: str) -> None:
        self._code = code

    async def put_events(self, **_: object) -> Mapping[str, Any]:
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": self._code, "ErrorMessage": "not on this bus"}]}


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InternalFailure"])
def test_an_entry_that_is_refused_is_an_error(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """PutEvents succeeds although it took nothing: whoever puts a change is told so, by exit code and in words."""

    async def open_client(*_: object) -> object:
        return Refusing(code)

    monkeypatch.setattr(wiring, "open_client", open_client)
    done = typed("change", "put", "--owner", "orders", "--what", "deploy", "--by", "ci", "--bus", "shared")
    assert done.exit_code == 254
    assert "events:PutEvents on shared failed" in done.stderr
    assert f"{code}: not on this bus" in done.stderr
