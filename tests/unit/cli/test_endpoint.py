import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from command_line import typed
from control_plane import aws_client
from plain_resources import PlainResources
from running_plane import KIND, PLACE, HurriedClock, RecordedPlane, running_plane

from autocloudops.cli.endpoint import deploying, opening
from autocloudops.cli.program import ExitCode
from nim_endpoint.hosting import Hosting

pytestmark = pytest.mark.filterwarnings("ignore")
SPEC = ("llm-s3", "--name", "nim", "--set", "account=123456789012", "--set", "weights=s3://bucket/w/")
ROLE = ("--set", "role=arn:aws:iam::123456789012:role/endpoint")
MINE = ("--consumer", "team-a")
WRITES = ("Create", "Update", "Delete", "Add")


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedPlane]:
    """A control plane in an account with a quota of two, to which this process's AWS clients are pointed."""
    monkeypatch.setattr(HurriedClock, "shared", 0.0)
    monkeypatch.setattr(HurriedClock, "interrupt_at", None)
    with running_plane(quotas={KIND: 2}, prices={KIND: 3.0}) as plane:
        for name, value in plane.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_REGION", PLACE.region)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        client = aws_client("sagemaker", plane.url, attempts=4)
        hosting = Hosting(resources=PlainResources(client), session=None, region=PLACE.region)
        monkeypatch.setattr(deploying, "open_hosting", lambda _: hosting)
        monkeypatch.setattr(deploying, "SystemClock", HurriedClock)
        monkeypatch.setattr(opening, "SystemClock", HurriedClock)
        yield plane
        client.close()


def wrote(plane: RecordedPlane) -> list[str]:
    """Return the calls that changed something."""
    return [each for each in plane.calls if each.startswith(WRITES)]


def test_a_plan_shows_steps_cost_and_memory_and_changes_nothing(plane: RecordedPlane) -> None:
    """What would be done, what it costs a month with the day of the price, and the arithmetic of the memory."""
    result = typed("endpoint", "plan", *SPEC, *ROLE, *MINE)
    assert result.exit_code == ExitCode.OK, result.stderr
    for said in ("create endpoint nim", "2,631.65 USD a month", "201,055 tokens", "fits"):
        assert said in result.stdout
    assert wrote(plane) == []


def test_a_plan_as_json_is_one_document(plane: RecordedPlane) -> None:
    """Programs read verdict, steps, notes, cost and what would be sent."""
    said = json.loads(typed("endpoint", "plan", *SPEC, *ROLE, *MINE, "--output", "json").stdout)
    assert (said["verdict"], said["monthly_usd"]) == ("create", 2631.65)
    assert [each["action"] for each in said["steps"]][-2:] == ["create endpoint", "wait"]
    assert said["configuration"]["production_variants"][0]["instance_type"] == KIND
    assert wrote(plane) == []


def test_a_plan_that_refuses_exits_with_1(plane: RecordedPlane) -> None:
    """A quota of none is told before anything is made."""
    plane.set_quota(KIND, 0)
    result = typed("endpoint", "plan", *SPEC, *ROLE, *MINE)
    assert result.exit_code == ExitCode.CHECK_FAILED
    assert "endpoint usage' is 0" in result.stdout


@pytest.mark.parametrize("verb", ["ensure", "delete"])
def test_a_refusal_as_json_is_one_document(plane: RecordedPlane, verb: str) -> None:
    """A program that reads standard output hears why nothing was done, and exit 1 says that nothing was."""
    assert typed("endpoint", "ensure", *SPEC, *ROLE, *MINE, "--yes").exit_code == ExitCode.OK
    before = wrote(plane)
    others = ("--consumer", "team-b")
    asked = {"ensure": (*SPEC, *ROLE, *others, "--set", "weights=s3://other/w/"), "delete": ("nim", *others)}
    result = typed("endpoint", verb, *asked[verb], "--yes", "--output", "json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["verdict"], said["endpoint"]) == (ExitCode.CHECK_FAILED, "refused", "nim")
    assert "team-a" in said["refusal"]
    assert said["refusal"] in result.stderr
    assert not {"quota", "has_model"} & said["found"].keys()
    assert wrote(plane) == before


def test_ensure_asks_before_it_spends(plane: RecordedPlane) -> None:
    """Nobody at a terminal, and no --yes: a usage error, and nothing is made."""
    result = typed("endpoint", "ensure", *SPEC, *ROLE, *MINE)
    assert result.exit_code == ExitCode.USAGE
    assert "give --yes" in result.stderr
    assert wrote(plane) == []


@pytest.mark.usefixtures("plane")
def test_ensure_status_leases_release_and_delete() -> None:
    """The life of an endpoint: made, told line by line, reused without asking, shared, kept, released, deleted."""
    made = typed("endpoint", "ensure", *SPEC, *ROLE, *MINE, "--yes")
    assert made.exit_code == ExitCode.OK, made.stderr
    assert made.stdout.startswith("create: nim is InService")
    assert "  0:00  create endpoint nim: there is none" in made.stderr
    assert "wait nim: Creating" in made.stderr
    second = typed("endpoint", "ensure", *SPEC, *ROLE, "--consumer", "team-b", "--output", "json")
    assert json.loads(second.stdout)["verdict"] == "reuse", second.stderr
    status = typed("endpoint", "status", "nim", "--output", "text")
    assert (status.exit_code, status.stdout.splitlines()[0].split("\t")[:3]) == (0, ["endpoint", "nim", "InService"])
    leases = typed("endpoint", "leases", "nim", "--output", "text").stdout
    assert [line.split("\t")[1] for line in leases.splitlines()] == ["team-a", "team-b"]
    kept = typed("endpoint", "delete", "nim", *MINE, "--yes")
    assert (kept.exit_code, "team-b" in kept.stderr) == (ExitCode.CHECK_FAILED, True)
    released = [typed("endpoint", "release", "nim", "--consumer", "team-b", "--output", "json") for _ in range(2)]
    assert [each.exit_code for each in released] == [ExitCode.OK, ExitCode.CHECK_FAILED]
    assert [json.loads(each.stdout)["released"] for each in released] == [True, False]
    assert (
        "holds no lease on nim, which is still used by team-a"
        in typed("endpoint", "release", "nim", "--consumer", "b").stderr
    )
    gone = typed("endpoint", "delete", "nim", *MINE, "--yes")
    assert gone.exit_code == ExitCode.OK, gone.stderr
    assert typed("endpoint", "status", "nim").exit_code == ExitCode.CHECK_FAILED
    assert typed("endpoint", "leases", "nim").exit_code == ExitCode.SERVICE


def test_nothing_is_paid_for_that_was_not_shown(plane: RecordedPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there needs no question; where it is gone when the run looks again, it is not made without one."""
    assert typed("endpoint", "ensure", *SPEC, *ROLE, *MINE, "--yes").exit_code == ExitCode.OK
    client = aws_client("sagemaker", plane.url, attempts=1)

    def gone_meanwhile(_: str, *, yes: bool) -> bool:
        client.delete_endpoint(EndpointName="nim")
        HurriedClock.shared += 1_000.0
        return yes

    monkeypatch.setattr(deploying, "agreed", gone_meanwhile)
    result = typed("endpoint", "ensure", *SPEC, *ROLE, *MINE)
    client.close()
    assert result.exit_code == ExitCode.CHECK_FAILED
    assert "no longer as it was when the plan was shown: run the same command again" in result.stderr
    assert plane.calls.count("CreateEndpoint") == 1


def test_delete_asks_before_it_deletes(plane: RecordedPlane) -> None:
    """Nobody at a terminal, and no --yes: nothing is deleted."""
    assert typed("endpoint", "ensure", *SPEC, *ROLE, *MINE, "--yes").exit_code == ExitCode.OK
    before = wrote(plane)
    assert typed("endpoint", "delete", "nim", *MINE).exit_code == ExitCode.USAGE
    assert wrote(plane) == before


def test_an_interrupted_run_says_how_to_go_on_and_the_next_does(
    plane: RecordedPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the endpoint starts: exit 130; the same command waits for that very endpoint."""
    monkeypatch.setattr(HurriedClock, "interrupt_at", 15.0)
    stopped = typed("endpoint", "ensure", *SPEC, *ROLE, *MINE, "--yes")
    assert stopped.exit_code == ExitCode.INTERRUPTED
    assert "nothing is lost" in stopped.stderr
    assert "run the same command again" in stopped.stderr
    again = typed("endpoint", "ensure", *SPEC, *ROLE, *MINE, "--output", "json")
    assert json.loads(again.stdout)["verdict"] == "reuse", again.stderr
    assert plane.calls.count("CreateEndpoint") == 1


def test_a_deployment_that_fails_is_an_error_of_the_service(plane: RecordedPlane) -> None:
    """Exit 254, and SageMaker's reason on one line."""
    plane.fail_next("CreateEndpoint", "health_check")
    result = typed("endpoint", "ensure", *SPEC, *ROLE, *MINE, "--yes")
    assert result.exit_code == ExitCode.SERVICE
    assert "did not pass the ping health check" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("llm-s3", "--set", "account=1"), ExitCode.CONFIGURATION, "leaves role, weights open"),
        (("no-such-spec",), ExitCode.USAGE, "llm-marketplace"),
        (("llm-s3", "--set", "role"), ExitCode.USAGE, "--set takes NAME=VALUE"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_told(
    plane: RecordedPlane, arguments: tuple[str, ...], code: ExitCode, said: str
) -> None:
    """Each has its exit code, and says what to do."""
    result = typed("endpoint", "plan", *arguments, *MINE)
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert wrote(plane) == []


def test_a_consumer_that_cannot_stand_in_a_tag_is_refused(plane: RecordedPlane) -> None:
    """Names are letters, digits and a few signs."""
    result = typed("endpoint", "plan", *SPEC, *ROLE, "--consumer", "team a!")
    assert (result.exit_code, "no consumer's name" in result.stderr) == (ExitCode.CONFIGURATION, True)
    assert not plane.calls


def test_the_key_is_not_shown_without_a_word(plane: RecordedPlane) -> None:
    """Route ecr says where its key would stand, and names the routes that need none."""
    result = typed("endpoint", "plan", "llm-ecr", "--set", "account=123456789012", *ROLE, *MINE)
    assert result.exit_code == ExitCode.CONFIGURATION
    assert "DescribeModel" in result.stderr
    assert "take route s3 or marketplace, or give --key-in-environment" in result.stderr
    assert not plane.calls


def test_costs_as_text() -> None:
    """Three ways with their arithmetic, the naive estimates with their errors, and the corrected ones."""
    result = typed("endpoint", "cost")
    assert result.exit_code == ExitCode.OK
    for said in (
        "2,631.65",
        "793.32",
        "1,375.71",
        "= 392.46",
        "= 654.92",
        "wrong in it",
        "1,835.95",
        "= 4402.08",
        "= 3829.35",
    ):
        assert said in result.stdout


def test_costs_of_a_gpu_that_cannot_hold_the_model_exit_with_1() -> None:
    """The sum is printed, and that it buys nothing."""
    result = typed("endpoint", "cost", "--instance-type", "ml.g4dn.xlarge")
    assert result.exit_code == ExitCode.CHECK_FAILED
    assert "2.7 GiB are missing" in result.stdout


def test_live_costs_ask_the_price_list(plane: RecordedPlane) -> None:
    """Today's price takes the place of the snapshot: (3 + 1) x 730 = 2,920."""
    said = json.loads(typed("endpoint", "cost", "--live", "--output", "json").stdout)
    assert said["price"]["price_per_hour"] == 3.0
    assert said["ways"][0]["dollars"] == pytest.approx(2_920)
    assert "GetProducts" in plane.calls


def test_a_price_that_the_list_lacks_is_told(plane: RecordedPlane) -> None:
    """The price can be given by hand."""
    result = typed("endpoint", "cost", "--live", "--instance-type", "ml.g5.2xlarge")
    assert result.exit_code == ExitCode.USAGE
    assert "give --price" in result.stderr
    given = typed("endpoint", "cost", "--price", "2", "--output", "json")
    assert json.loads(given.stdout)["per_hour"] == 3.0
    assert plane.calls == ("GetProducts",)


def test_the_command_line_loads_neither_the_sdk_nor_this_package() -> None:
    """A worker's image has no SageMaker SDK, and no other verb pays for its import."""
    modules = "{'nim_endpoint', 'sagemaker', 'boto3'} & {name.partition('.')[0] for name in sys.modules}"
    text = f"import sys, autocloudops.cli.app; sys.exit(str({modules}) if {modules} else 0)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own text
    assert (done.returncode, done.stderr) == (0, "")
