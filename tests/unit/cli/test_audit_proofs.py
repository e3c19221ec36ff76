import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from audit_history import KEY, OTHER_KEY, History, write_history
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner, Result

from autocloudops.audit.objects import FolderObjects
from autocloudops.audit.schema import record_schema
from autocloudops.cli.audit_verbs import proofs
from autocloudops.cli.audit_verify import hours
from autocloudops.cli.output import Output
from autocloudops.entrypoints import proving
from autocloudops.errors import SettingsInvalid
from autocloudops.registered_writer import RegisteredWriter

SUMMARY = "3 digests prove 11 objects with 40 decision records until 2026-03-01 15:00Z; 1 finding."


def typed(*arguments: str, output: Output = Output.JSON) -> Result:
    """Run one command line."""
    return CliRunner().invoke(proofs, arguments, obj=output, standalone_mode=False)


def pem(folder: Path, key: EllipticCurvePrivateKey, *, private: bool = False) -> str:
    """Write a key into a file, and return its path."""
    path = folder / ("key.pem" if private else "public.pem")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if private else public)
    return str(path)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """An audit of three hours in a folder, signed for."""
    made = History(FolderObjects(tmp_path / "audit-here"))
    asyncio.run(write_history(made))
    return made


def verified(history: History, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the document that `audit verify` prints."""
    result = typed("verify", "--location", history.objects.location, *arguments)
    return int(result.return_value), json.loads(result.stdout)


def test_a_clean_audit_is_said_to_be_clean(history: History, tmp_path: Path) -> None:
    """Exit 0, no finding, and what was proved in numbers."""
    code, said = verified(history, "--key", pem(tmp_path, KEY))
    assert (code, said["clean"], said["findings"]) == (0, True, [])
    assert (said["digests"], said["objects"], said["records"], said["unproven"]) == (3, 12, 45, 0)
    assert said["proved_until"] == "2026-03-01T15:00:00Z"


def test_a_finding_is_named_and_the_exit_code_is_1(history: History, tmp_path: Path) -> None:
    """Kind, key and what gives it away: as a document, and as a table for people."""
    (Path(history.objects.location) / history.keys[1][0]).write_bytes(b"rubbish")
    key = pem(tmp_path, KEY)
    code, said = verified(history, "--key", key)
    assert (code, said["clean"]) == (1, False)
    assert [(each["kind"], each["key"]) for each in said["findings"]] == [("changed", history.keys[1][0])]
    result = typed("verify", "--location", history.objects.location, "--key", key, output=Output.TEXT)
    assert (result.return_value, result.stderr) == (1, f"{SUMMARY}\n")
    assert result.stdout.split("\t")[:2] == ["changed", history.keys[1][0]]
    result = typed("verify", "--location", history.objects.location, "--key", key, output=Output.TABLE)
    assert result.stdout.splitlines() == [
        SUMMARY,
        f"CHANGED    {history.keys[1][0]}",
        "           it is no gzip file of records",
    ]


def test_any_of_several_keys_may_have_signed(history: History, tmp_path: Path) -> None:
    """A key that was changed stays trusted beside the new one; a private key's file serves as well."""
    other = tmp_path / "other"
    other.mkdir()
    keys = ("--key", pem(other, OTHER_KEY), "--key", pem(tmp_path, KEY, private=True))
    assert verified(history, *keys)[0] == 0
    code, said = verified(history, *keys[:2])
    assert (code, {each["kind"] for each in said["findings"]}) == (1, {"wrong_key"})


def test_the_key_may_be_a_setting(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule names the key once for signing and verifying."""
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_DIGEST_KEY", pem(tmp_path, KEY))
    assert verified(history)[0] == 0


def test_former_keys_may_be_a_setting(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule names what signed before once, for signing and verifying; for people it is an option of both."""
    named = {"new": OTHER_KEY, "old": KEY, "older": generate_private_key(SECP256R1())}
    for name in named:
        (tmp_path / name).mkdir()
    paths = {name: pem(tmp_path / name, key, private=name == "new") for name, key in named.items()}
    monkeypatch.setattr(proving, "DynamoWriters", lambda *_: _Registry(history))
    monkeypatch.setattr(proving, "SystemClock", lambda: history.clock)
    for name, value in {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    history.pass_hour()
    arguments = ("--location", history.objects.location, "--key", paths["new"])
    assert isinstance(typed("digest", *arguments).exception, SettingsInvalid)
    assert verified(history, *arguments[2:], "--former", paths["old"])[0] == 0
    monkeypatch.setenv("AUTOCLOUDOPS_AUDIT_FORMER_KEYS", f"{paths['old']}, {paths['older']}")
    assert len(typed("digest", *arguments).stdout.splitlines()) == 1
    assert verified(history, *arguments[2:])[0] == 0
    assert verified(history, *arguments[2:])[1]["digests"] == 4


@pytest.mark.parametrize(
    ("arguments", "digests"),
    [
        (("--from", "2026-03-01", "--to", "2026-03-01"), 3),
        (("--from", "2026-03-01T13", "--to", "2026-03-01T13"), 1),
        (("--to", "2026-03-01T12"), 1),
        (("--from", "2026-03-02"), 0),
    ],
)
def test_days_and_hours_are_both_included(
    history: History, tmp_path: Path, arguments: tuple[str, ...], digests: int
) -> None:
    """A day is all of its hours."""
    code, said = verified(history, "--key", pem(tmp_path, KEY), *arguments)
    assert (code, said["digests"]) == (0, digests)


def test_the_last_days_need_no_dates(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule verifies today and so many days before it; dates beside that are a usage error."""
    monkeypatch.setattr(proving, "SystemClock", lambda: history.clock)
    key = ("--key", pem(tmp_path, KEY))
    assert verified(history, *key, "--days", "1")[1]["digests"] == 3
    history.clock.at += timedelta(days=2)
    assert verified(history, *key, "--days", "1")[1]["digests"] == 0
    result = typed("verify", *key, "--days", "1", "--from", "2026-03-01")
    assert isinstance(result.exception, typer.BadParameter)


def test_a_schedule_s_verification_is_measured(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong is counted on standard error, which a log group reads too, so that documents stay whole."""
    monkeypatch.setenv("AUTOCLOUDOPS_METRICS_NAMESPACE", "AutoCloudOps")
    (Path(history.objects.location) / history.keys[1][0]).write_bytes(b"rubbish")
    result = typed("verify", "--location", history.objects.location, "--key", pem(tmp_path, KEY))
    assert len(json.loads(result.stdout)["findings"]) == 1
    assert json.loads(result.stderr)["VerifyFailures"] == [1]


@pytest.mark.parametrize("said", ["yesterday", "2026-13-01", "2026-03-01T25"])
def test_a_time_that_is_none_is_a_usage_error(said: str) -> None:
    """What cannot be read as a day or an hour is named."""
    with pytest.raises(typer.BadParameter, match=said):
        hours(said, None)


@pytest.mark.parametrize("content", [None, b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_key_that_is_none_is_named(history: History, tmp_path: Path, content: bytes | None) -> None:
    """Neither a missing file nor another one is taken for a key."""
    path = tmp_path / "some.pem"
    if content is not None:
        path.write_bytes(content)
    result = typed("verify", "--location", history.objects.location, "--key", str(path))
    assert isinstance(result.exception, SettingsInvalid)
    assert str(path) in str(result.exception)


def test_digests_are_made_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each digest is a row with what it covers; `--hour` stops early; asked again there is nothing to do."""
    history = History(FolderObjects(tmp_path / "audit-here"))
    asyncio.run(_write(history))
    monkeypatch.setattr(proving, "DynamoWriters", lambda *_: _Registry(history))
    monkeypatch.setattr(proving, "SystemClock", lambda: history.clock)
    for name, value in {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    arguments = ("digest", "--location", history.objects.location, "--key", pem(tmp_path, KEY, private=True))
    (first,) = map(json.loads, typed(*arguments, "--hour", "2026-03-01T12").stdout.splitlines())
    assert (first["hour"], first["objects"], first["writers"]) == ("2026-03-01 12:00Z", 1, 1)
    (second,) = map(json.loads, typed(*arguments).stdout.splitlines())
    assert (second["hour"], second["objects"], second["unclosed"]) == ("2026-03-01 13:00Z", 0, 0)
    again = typed(*arguments)
    assert (again.stdout, again.stderr.startswith("No hour is due")) == ("", True)
    assert asyncio.run(history.kinds()) == []


def test_the_schema_is_printed() -> None:
    """What is printed is what is published."""
    assert json.loads(typed("schema").stdout) == record_schema()


class _Registry:
    """A registry that answers on any event loop."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def registered(self) -> list[RegisteredWriter]:
        return list(self._history.registry.writers.values())


async def _write(history: History) -> None:
    async with history.writing() as writer:
        await history.write_object(writer)
    history.pass_hour()
    history.pass_hour()
