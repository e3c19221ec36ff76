"""A key is planted, and looked for wherever it must not be: argv, logs, output, requests, files."""

import json
import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from command_line import typed
from control_plane import aws_client
from plain_resources import PlainResources
from processes import clean_environment, command
from running_plane import KIND, PLACE, HurriedClock, RecordedPlane, running_plane

from autocloudops.cli.endpoint import deploying, opening
from autocloudops.cli.program import ExitCode
from autocloudops.errors import InputUnreadable, SettingsInvalid
from nim_endpoint import catalogue, secret
from nim_endpoint.hosting import Hosting

pytestmark = pytest.mark.filterwarnings("ignore")
SECRET = "autocloudops/ngc"
VALUES = ("--set", "account=123456789012", "--set", "role=arn:aws:iam::123456789012:role/e")
MINE = ("--name", "nim", "--consumer", "team-a")


def planted() -> str:
    """Return a key in the form of NVIDIA's, made at run time."""
    return "-".join(("nv" + "api", "Zq" * 32))


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch, moto: str) -> Iterator[RecordedPlane]:
    """A control plane that keeps requests, Secrets Manager on an emulator, and this process pointed at both."""
    monkeypatch.setattr(HurriedClock, "shared", 0.0)
    with running_plane(quotas={KIND: 2}) as plane:
        given = {**plane.environment(), "AWS_ENDPOINT_URL_SECRETS_MANAGER": moto, "AWS_REGION": PLACE.region}
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        for name, value in {**given, **keys}.items():
            monkeypatch.setenv(name, value)
        client = aws_client("sagemaker", plane.url, attempts=4)
        hosting = Hosting(resources=PlainResources(client), session=None, region=PLACE.region)
        monkeypatch.setattr(deploying, "open_hosting", lambda _: hosting)
        for module in (deploying, opening):
            monkeypatch.setattr(module, "SystemClock", HurriedClock)
        yield plane
        client.close()


def test_a_key_that_is_typed_in_is_on_no_command_line_and_in_no_output(plane: RecordedPlane, tmp_path: Path) -> None:
    """The process that waits for it on standard input shows nothing of it, not even with --debug."""
    key = planted()
    arguments = command("--debug", "endpoint", "key", "--secret", SECRET)
    log = tmp_path / "errors.log"
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    with (
        log.open("w") as errors,
        subprocess.Popen(  # noqa: S603 - our own program
            arguments,
            env={**clean_environment(), **kept},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdin
        process.stdin.write(f"{key}\n")
        process.stdin.flush()
        seen = Path(f"/proc/{process.pid}/cmdline").read_text() + Path(f"/proc/{process.pid}/environ").read_text()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, log.read_text()
    assert "holds the key, version" in log.read_text()
    for text in (seen, output, log.read_text()):
        assert key not in text
    assert not any(key.encode() in body for _, body in plane.requests)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and key in path.read_text()]


@pytest.mark.parametrize("source", ["--variable", "--file"])
def test_a_key_from_a_variable_or_a_file_is_kept(plane: RecordedPlane, source: str, tmp_path: Path) -> None:
    """Each is named on the command line, and neither holds the key itself; the same key makes no new version."""
    key = planted() + source.strip("-")
    (tmp_path / "key").write_text(f"{key}\n")
    os.environ["TEST_NGC_KEY"] = key
    try:
        argument = {"--variable": "TEST_NGC_KEY", "--file": str(tmp_path / "key")}[source]
        said = [typed("endpoint", "key", "--secret", f"{SECRET}{source}", source, argument) for _ in range(2)]
    finally:
        del os.environ["TEST_NGC_KEY"]
    assert [each.exit_code for each in said] == [0, 0], said[0].stderr
    assert said[0].stderr == said[1].stderr
    assert key not in said[0].output
    client = aws_client("secretsmanager", os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"], attempts=1)
    assert client.get_secret_value(SecretId=f"{SECRET}{source}")["SecretString"] == key
    client.close()
    assert not plane.requests


def test_the_route_that_needs_the_key_shows_it_to_sagemaker_only(
    plane: RecordedPlane, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """With the flag it stands in CreateModel, and in no other request, log, plan or result."""
    key = planted()
    assert typed("endpoint", "key", "--secret", SECRET, piped=key).exit_code == 0
    shown = ("--key-in-environment",)
    with caplog.at_level(logging.DEBUG):
        told = typed("endpoint", "plan", "llm-ecr", *VALUES, *MINE, *shown, "--output", "json")
        made = typed("endpoint", "ensure", "llm-ecr", *VALUES, *MINE, *shown, "--yes", "--output", "json")
        gone = typed("endpoint", "delete", "nim", "--consumer", "team-a", "--yes", "--output", "json")
    assert [each.exit_code for each in (told, made, gone)] == [0, 0, 0], made.stderr
    assert json.loads(made.stdout)["verdict"] == "create"
    with_key = [target for target, body in plane.requests if key.encode() in body]
    assert with_key == ["SageMaker.CreateModel"]
    assert "botocore" in {record.name.partition(".")[0] for record in caplog.records}
    for text in (told.output, made.output, gone.output, caplog.text):
        assert key not in text
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and key in path.read_text()]


def test_another_key_is_another_model(plane: RecordedPlane) -> None:
    """A rotated key makes a new model and configuration, to which the endpoint changes."""
    for number in range(2):
        assert typed("endpoint", "key", "--secret", SECRET, piped=f"{planted()}{number}").exit_code == 0
        done = typed("endpoint", "ensure", "llm-ecr", *VALUES, *MINE, "--key-in-environment", "--yes")
        assert done.exit_code == 0, done.stderr
    assert plane.calls.count("UpdateEndpoint") == 1


def test_the_other_routes_send_the_key_nowhere(plane: RecordedPlane) -> None:
    """A key that is kept for another endpoint is not read for a route that needs none."""
    key = planted()
    assert typed("endpoint", "key", "--secret", SECRET, piped=key).exit_code == 0
    weights = ("--set", "weights=s3://bucket/w/")
    assert typed("endpoint", "ensure", "llm-s3", *VALUES, *weights, *MINE, "--yes").exit_code == 0
    assert not [target for target, body in plane.requests if key.encode() in body]


@pytest.mark.usefixtures("plane")
def test_a_secret_that_is_missing_is_told_with_the_verb_that_makes_it(tmp_path: Path) -> None:
    """The plan of route ecr needs the version of the key."""
    spec = (catalogue.folder() / "llm-ecr.yaml").read_text().replace("${prefix}/ngc", "nobody/made")
    (tmp_path / "spec.yaml").write_text(spec)
    result = typed("endpoint", "plan", str(tmp_path / "spec.yaml"), *VALUES, *MINE, "--key-in-environment")
    assert result.exit_code == ExitCode.CONFIGURATION
    assert "there is no secret nobody/made: put the key there with `autocloudops endpoint key`" in result.stderr
    keeper = aws_client("secretsmanager", os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"], attempts=1)
    keeper.create_secret(Name="nobody/made")
    keeper.close()
    result = typed("endpoint", "plan", str(tmp_path / "spec.yaml"), *VALUES, *MINE, "--key-in-environment")
    assert result.exit_code == ExitCode.CONFIGURATION
    assert "the secret nobody/made is empty" in result.stderr


@pytest.mark.usefixtures("plane")
def test_a_secret_that_was_made_empty_takes_the_key() -> None:
    """The foundation stack makes the secret; the verb puts the key into that very one, and once only."""
    keeper = aws_client("secretsmanager", os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"], attempts=1)
    made = keeper.create_secret(Name="made/empty")["ARN"]
    said = [typed("endpoint", "key", "--secret", "made/empty", piped=planted()) for _ in range(2)]
    assert [each.exit_code for each in said] == [0, 0], said[0].stderr
    assert said[0].stderr == said[1].stderr
    kept = keeper.get_secret_value(SecretId="made/empty")
    keeper.close()
    document = typed("endpoint", "key", "--secret", "made/empty", "--output", "json", piped=planted())
    assert json.loads(document.stdout) == {"secret": "made/empty", "version": kept["VersionId"]}
    assert (kept["ARN"], kept["SecretString"]) == (made, planted())


class Repeating:
    """A class of the SDK that repeats in its refusal what it was given."""

    def __init__(self, refusal: Callable[[str], Exception]) -> None:
        self.refusal = refusal

    def create(self, **given: Any) -> None:  # noqa: ANN401 - whatever the SDK takes
        raise self.refusal(str(given["primary_container"]["environment"]))


REFUSALS: tuple[Callable[[str], Exception], ...] = (
    lambda said: ClientError({"Error": {"Code": "ValidationException", "Message": f"Value {said}"}}, "CreateModel"),
    lambda said: ValueError(f"input_value=...{said[-60:]}"),
)


@pytest.mark.parametrize("refusal", REFUSALS, ids=["whole", "cut"])
def test_a_refusal_that_repeats_the_key_is_told_without_it(
    plane: RecordedPlane, monkeypatch: pytest.MonkeyPatch, refusal: Callable[[str], Exception]
) -> None:
    """SageMaker and the SDK may repeat the environment, whole or cut: neither line nor traceback shows the key."""
    key = planted()
    assert typed("endpoint", "key", "--secret", SECRET, piped=key).exit_code == 0
    hosting = Hosting(resources=SimpleNamespace(Model=Repeating(refusal)), session=None, region=PLACE.region)
    monkeypatch.setattr(deploying, "open_hosting", lambda _: hosting)
    made = typed("--debug", "endpoint", "ensure", "llm-ecr", *VALUES, *MINE, "--key-in-environment", "--yes")
    assert made.exit_code == ExitCode.SERVICE
    assert "sagemaker:CreateModel" in made.stderr
    assert "withheld because they hold the key" in made.stderr
    assert not any(key[start : start + 8] in made.output for start in range(len(key) - 7))
    assert "CreateEndpoint" not in plane.calls


@pytest.mark.parametrize("said", ["", " \n", "two words", "ü", "x" * 1_025])
def test_what_is_no_key_is_refused_without_being_repeated(said: str) -> None:
    """The message names where it came from, and nothing of what was there."""
    with pytest.raises(SettingsInvalid, match="standard input holds no key") as caught:
        secret.key_of(None, None, StringIO(said))
    assert not said.strip() or said not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(InputUnreadable, match=r"no\.txt"):
        secret.key_of(tmp_path / "no.txt", None, StringIO())
