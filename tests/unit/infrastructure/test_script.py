"""The deployment script, with an AWS command line that knows nothing and an endpoint that is not there yet."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from emulated_stacks import ROOT
from templates import ACCOUNT, REGION, load

SCRIPT = ROOT / "deploy-sagemaker-nim.sh"
AWS = """
import sys
if sys.argv[3:5] == ["sts", "get-caller-identity"]:
    print("arn:aws:iam::{account}:user/ana")
elif "describe-stacks" in sys.argv:
    sys.exit("Stack with id x does not exist")
elif "simulate-principal-policy" in sys.argv:
    print("iam:CreateRole")
else:
    sys.exit("not expected: " + " ".join(sys.argv))
"""
AUTOCLOUDOPS = """
import json, sys
verb = sys.argv[2]
if verb == "plan":
    print(json.dumps({plan}))
elif verb == "cost":
    print(json.dumps({{"ways": [{{"way": "always on", "dollars": 2631.65}}, {{"way": "to zero", "dollars": 216.3}}]}}))
elif verb == "status":
    print(json.dumps({{"status": None, "leases": {{}}}}))
    sys.exit(1)
"""
COMPONENT = {"inference_component_name": "nim-llm"}
PLAN: Mapping[str, object] = {
    "endpoint": "nim",
    "verdict": "create",
    "refusal": None,
    "component": None,
    "found": {"quota": 1},
    "model": {"primary_container": {"environment": {"NIM_SERVED_MODEL_NAME": "nvidia/nano"}}},
    "configuration": {"production_variants": [{"instance_type": "ml.g6e.xlarge"}]},
}
ECS = ("--worker", "ecs", "--subnets", "subnet-1,subnet-2", "--security-groups", "sg-1")


class Shell:
    """Runs the script in a folder with a command line of AWS and one of ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.plan(PLAN)
        self._command("aws", AWS.format(account=ACCOUNT))
        (folder / "python3").symlink_to(sys.executable)

    def plan(self, plan: Mapping[str, object]) -> None:
        """Let `autocloudops endpoint plan` say this."""
        self._command("autocloudops", AUTOCLOUDOPS.format(plan=dict(plan)))

    def _command(self, name: str, code: str) -> None:
        command = self._folder / name
        command.write_text(f"#!{sys.executable} -S\n{code}")
        command.chmod(0o755)

    def __call__(self, *arguments: str, terminal: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run the script, without a terminal unless one is given."""
        path = os.pathsep.join([str(self._folder), os.environ["PATH"]])
        return subprocess.run(  # noqa: S603 - our own script
            [str(SCRIPT), *arguments],
            env={"PATH": path, "AWS_REGION": REGION},
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in a folder of its own."""
    return Shell(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("frobnicate",), "there is no command frobnicate"),
        (("plan", "--wrong", "1"), "--wrong is not an option"),
        (("plan", "--worker"), "--worker needs a value"),
        (("plan", "--worker", "eks"), "eks is none of ecs lambda"),
        (("plan", "--mode", "yolo"), "yolo is none of"),
        (("plan", "--most", "many"), "many is not a number"),
        (("plan", "--prefix", "Wrong_"), "--prefix"),
        (("plan", "--adopt"), "--adopt needs --endpoint"),
        (("render",), "render needs --out"),
        (("plan", "--worker", "ecs"), "needs --subnets"),
        (("plan", *ECS, "--least", "0"), "only an inference component sleeps"),
        (("plan", *ECS, "--least", "3"), "--least 3 is more than --most 1"),
        (("apply", *ECS), "add --yes"),
        (("apply", *ECS, "--yes", "--audit-lock", "COMPLIANCE"), "asked about twice, on a terminal"),
    ],
)
def test_what_is_not_meant_is_refused_before_anything_is_done(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    """Wrong usage ends with 252 and one line that says what is wrong."""
    ended = shell(*arguments)
    assert ended.returncode == 252
    assert said in ended.stderr.splitlines()[-1]


def test_a_plan_says_what_is_made_and_what_it_costs(shell: Shell) -> None:
    """Nothing is changed: the AWS command line here answers only questions, and would end the script otherwise."""
    ended = shell("plan", *ECS)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "endpoint nim: create, ml.g6e.xlarge" in ended.stdout
    assert "2631.65 USD a month" in ended.stdout
    assert "quota: 1 instances" in ended.stdout
    assert "permissions: MISSING iam:CreateRole" in ended.stdout
    assert ended.stdout.count(" create\n") == 8


@pytest.mark.parametrize(("answers", "asked"), [("9\n", 1), ("90\nCOMPLIANCE\nn\n", 3)])
def test_a_lock_that_cannot_be_undone_is_asked_about_twice(shell: Shell, answers: str, asked: int) -> None:
    """The days and the word have to be typed; then the deployment is asked about like any other."""
    person, terminal = os.openpty()
    os.write(person, answers.encode())
    ended = shell("apply", *ECS, "--audit-lock", "COMPLIANCE", terminal=terminal)
    os.close(terminal)
    os.close(person)
    assert (ended.returncode, ended.stderr.endswith("nothing was changed\n")) == (1, True)
    questions = ("Type the number of days:", "Type COMPLIANCE:", "Apply this?")
    assert sum(each in ended.stderr for each in questions) == asked
    assert "Nobody can delete one, not even AWS" in ended.stderr


def test_a_refused_endpoint_is_refused_here(shell: Shell) -> None:
    """What `endpoint plan` refuses, as for a quota, ends a plan with its words."""
    shell.plan({**PLAN, "verdict": "refused", "refusal": "the quota allows 0 ml.g6e.xlarge: ask for more"})
    ended = shell("plan", *ECS)
    assert (ended.returncode, ended.stderr) == (1, "error: the quota allows 0 ml.g6e.xlarge: ask for more\n")


@pytest.mark.parametrize(("limit", "code"), [("2631.64", 1), ("2631.65", 0)])
def test_no_more_is_spent_than_was_allowed(shell: Shell, limit: str, code: int) -> None:
    """The month always on counts, whatever else is hoped for."""
    assert shell("plan", *ECS, "--max-monthly-usd", limit).returncode == code


def _rendered(shell: Shell, out: Path, *options: str) -> Mapping[str, Mapping[str, str]]:
    """Return the parameters of each rendered template, which are some that it has, and all that have no default."""
    ended = shell("render", *options, "--out", str(out))
    assert ended.returncode == 0, ended.stderr
    rendered = {}
    for file in out.glob("*.parameters.json"):
        name = file.name.removesuffix(".parameters.json")
        said = load(name)["Parameters"]
        given = {each["ParameterKey"]: each["ParameterValue"] for each in json.loads(file.read_text())}
        assert given.keys() <= said.keys()
        assert {parameter for parameter, about in said.items() if "Default" not in about} <= given.keys()
        assert (out / f"{name}.yaml").is_file()
        rendered[name] = given
    return rendered


def test_what_is_rendered_for_ecs_is_what_was_asked_for(shell: Shell, tmp_path: Path) -> None:
    """Mode, endpoint, component and model reach the worker; tasks are bounded by what the endpoint takes."""
    shell.plan({**PLAN, "component": COMPONENT})
    options = (*ECS, "--mode", "approve", "--endpoint-concurrency", "24", "--most", "2")
    rendered = _rendered(shell, tmp_path / "out", *options)
    worker = rendered["worker-ecs"]
    assert worker["ModelEndpoints"] == "sagemaker://nim?component=nim-llm"
    assert (worker["ModelName"], worker["Mode"], worker["MostTasks"]) == ("nvidia/nano", "approve", "3")
    assert worker["Subnets"] == "subnet-1,subnet-2"
    assert rendered["observability"]["Digests"] == "true"
    assert (tmp_path / "out" / "runbooks").is_dir()


def test_what_is_rendered_for_lambda_fits_the_function(shell: Shell, tmp_path: Path) -> None:
    """Messages stay hidden for six of its timeouts, shares fit the endpoint, and a component may sleep."""
    shell.plan({**PLAN, "component": COMPONENT})
    rendered = _rendered(shell, tmp_path / "out", "--worker", "lambda", "--least", "0", "--image", "registry/shop:1")
    function = load("worker-lambda")["Resources"]["Worker"]["Properties"]
    assert int(rendered["foundation"]["VisibilitySeconds"]) == 6 * function["Timeout"]
    assert rendered["worker-lambda"]["ImageUri"] == "registry/shop:1"
    assert rendered["endpoint-autoscaling"]["Least"] == "0"
    assert "image" not in rendered


@pytest.mark.parametrize("path", sorted((ROOT / "infrastructure" / "deploy").glob("*.sh")), ids=lambda path: path.stem)
def test_every_call_goes_through_the_wrapper(path: Path) -> None:
    """Only `cloud` calls the AWS command line, so that no call forgets its endpoint or its region."""
    calls = [line for line in path.read_text().splitlines() if line.lstrip().startswith(("aws ", "command aws"))]
    assert not calls
    wrapped = [line for line in path.read_text().splitlines() if "command aws --region" in line]
    assert len(wrapped) == (path.stem == "cloud")


BUILDING = """
source "$DEPLOY/options.sh"; source "$DEPLOY/cloud.sh"; source "$DEPLOY/stacks.sh"; source "$DEPLOY/image.sh"
ACCOUNT=111122223333; REGION=eu-west-1; PYTHON={python}; MEMORY=$FOLDER
sleep() {{ :; }}
command() {{ false; }}
cloud() {{
  echo "$*" >>"$FOLDER/calls"
  case "$1 $2" in
    "ecr describe-images") return 1 ;;
    "cloudformation describe-stacks") echo '{stack}' ;;
    "s3 cp") cp "$4" "$FOLDER/uploaded.zip" ;;
    "codebuild start-build") echo build-1 ;;
    "codebuild batch-get-builds") echo {ended} ;;
  esac
}}
ensure_image
"""
STACK = {"Stacks": [{"Outputs": [{"OutputKey": "RepositoryUri", "OutputValue": "registry/shop"}]}]}


@pytest.mark.parametrize(("ended", "code"), [("SUCCEEDED", 0), ("FAILED", 254)])
def test_an_image_is_built_remotely_where_no_builder_is(tmp_path: Path, ended: str, code: int) -> None:
    """The source is uploaded whole, its digest is the image's tag, and a build that fails ends the deployment."""
    script = BUILDING.format(python=sys.executable, stack=json.dumps(STACK), ended=ended)
    folders = {"ROOT": str(ROOT), "DEPLOY": str(ROOT / "infrastructure" / "deploy"), "FOLDER": str(tmp_path)}
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], **folders},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    tag = (tmp_path / "image-tag").read_text().strip()
    calls = (tmp_path / "calls").read_text()
    assert f"name=TAG,value={tag},type=PLAINTEXT" in calls
    assert f"CodeBuild builds registry/shop:{tag}" in done.stderr
    with zipfile.ZipFile(tmp_path / "uploaded.zip") as archive:
        assert {"worker/Dockerfile", "pyproject.toml", "sagemaker/endpoints/gpus.yaml"} <= set(archive.namelist())
