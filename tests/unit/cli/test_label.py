import pytest
from command_line import typed

from autocloudops.entrypoints import wiring

ID = "7f3a0000-aaaa-4000-8000-000000000001"


@pytest.mark.parametrize(
    "arguments",
    [
        ("7f3a", "right"),
        ("not-an-id", "right"),
        (ID, "maybe"),
        (ID, ""),
        (ID, "noise"),
    ],
)
def test_a_wrong_label_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    """A short or strange id and an unknown label are refused before anything is read."""

    async def open_table(*_: object) -> object:
        raise AssertionError("the table was opened")

    monkeypatch.setattr(wiring, "open_table", open_table)
    assert typed("label", *arguments, "--by", "ana").exit_code == 252
