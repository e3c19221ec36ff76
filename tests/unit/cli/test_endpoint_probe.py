import json
from collections.abc import Iterator

import pytest
from command_line import typed
from control_plane import IMAGE, ROLE, aws_client
from running_plane import KIND, PLACE, HurriedClock, RecordedPlane, running_plane, served

from autocloudops.cli.endpoint import deploying, opening
from autocloudops.cli.program import ExitCode
from autocloudops.sandbox.endpoint import HashEmbeddingEngine, RulesEngine, SimulatedEndpoint
from nim_endpoint import catalogue

NAMES = {each.task: each.served_name for each in catalogue.models()}


class NamedRules(RulesEngine):
    """The rules, served under the chat model's name."""

    model = NAMES["chat"]


class NamedVectors(HashEmbeddingEngine):
    """Hashed vectors, served under the embedding model's name."""

    model = NAMES["embedding"]


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedPlane]:
    """A control plane with an endpoint `nim` in service, made by hand, and a simulated model behind its name."""
    monkeypatch.setattr(HurriedClock, "shared", 0.0)
    monkeypatch.setattr(opening, "SystemClock", HurriedClock)
    with running_plane(quotas={KIND: 2}) as plane, served(SimulatedEndpoint("nim", NamedRules())) as model:
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": PLACE.region}
        for name, value in {**plane.environment(), "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url, **keys}.items():
            monkeypatch.setenv(name, value)
        client = aws_client("sagemaker", plane.url, attempts=1)
        client.create_model(ModelName="m", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "A", "ModelName": "m", "InstanceType": KIND, "InitialInstanceCount": 1}
        client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
        client.create_endpoint(EndpointName="nim", EndpointConfigName="c")
        client.close()
        yield plane


@pytest.mark.usefixtures("plane")
def test_a_probe_says_which_dialect_the_endpoint_obeys() -> None:
    """The answer comes through the worker's own client: model, dialect and time."""
    result = typed("endpoint", "probe", "nim", "--output", "json")
    said = json.loads(result.stdout)
    assert result.exit_code == ExitCode.OK
    assert (said["endpoint"], said["model"], said["dialect"]) == ("sagemaker://nim", NAMES["chat"], "json_schema")


def test_a_probe_of_an_embedding_model_says_how_long_its_vectors_are(
    plane: RecordedPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One word is embedded."""
    with served(SimulatedEndpoint("vectors", NamedVectors())) as model:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", model.url)
        result = typed("endpoint", "probe", "vectors", "--model", "nv-embedqa-1b", "--output", "json")
    assert result.exit_code == ExitCode.OK, result.stderr
    assert json.loads(result.stdout)["dimensions"] > 0
    assert "DescribeEndpoint" not in plane.calls


@pytest.mark.usefixtures("plane")
def test_an_endpoint_that_does_not_answer_is_an_error_of_the_model() -> None:
    """Exit 254, with what it said."""
    result = typed("endpoint", "probe", "other")
    assert (result.exit_code, "other" in result.stderr) == (ExitCode.SERVICE, True)


def test_a_foreign_endpoint_is_adopted_without_a_write(plane: RecordedPlane) -> None:
    """After a passing probe the settings are printed that a worker needs."""
    HurriedClock.shared = 1_000.0
    before = len(plane.calls)
    result = typed("endpoint", "adopt", "nim", "--consumer", "team-a", "--output", "text")
    assert result.exit_code == ExitCode.OK, result.stderr
    assert result.stdout.splitlines() == [
        "AUTOCLOUDOPS_MODEL_ENDPOINTS\tsagemaker://nim",
        f"AUTOCLOUDOPS_MODEL_NAME\t{NAMES['chat']}",
    ]
    assert "nothing was written to it" in result.stderr
    assert not [each for each in plane.calls[before:] if not each.startswith(("Describe", "List"))]


def test_an_endpoint_of_ours_is_adopted_with_a_lease(plane: RecordedPlane) -> None:
    """A consumer that has no spec of it registers all the same."""
    HurriedClock.shared = 1_000.0
    client = aws_client("sagemaker", plane.url, attempts=1)
    arn = client.describe_endpoint(EndpointName="nim")["EndpointArn"]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "autocloudops:owned-by", "Value": "nim_endpoint"}])
    client.close()
    assert typed("endpoint", "adopt", "nim", "--consumer", "team-b").exit_code == ExitCode.OK
    assert "team-b" in typed("endpoint", "leases", "nim").stdout


@pytest.mark.usefixtures("plane")
def test_an_endpoint_that_is_not_in_service_is_not_adopted() -> None:
    """It is still being created."""
    result = typed("endpoint", "adopt", "nim", "--consumer", "team-a")
    assert (result.exit_code, "nim is Creating" in result.stderr) == (ExitCode.CHECK_FAILED, True)


def test_ensure_adopts_what_answers_without_the_sdk(plane: RecordedPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec whose endpoint somebody else made is used as it is, and nothing that could change it is even opened."""
    monkeypatch.setattr(deploying, "SystemClock", HurriedClock)
    monkeypatch.setattr(deploying, "open_hosting", lambda _: pytest.fail("it was opened"))
    HurriedClock.shared = 1_000.0
    values = ("account=123456789012", "weights=s3://bucket/w/", f"role={ROLE}")
    given = (word for value in values for word in ("--set", value))
    result = typed("endpoint", "ensure", "llm-s3", "--name", "nim", *given, "--consumer", "team-a", "--adopt")
    assert result.exit_code == ExitCode.OK, result.stderr
    assert result.stdout.startswith("adopt: nim is InService")
    assert "UpdateEndpoint" not in plane.calls
