"""The deployment script, with fakes of the AWS command line and of ours."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from emulated_stacks import ROOT
from scripted_shell import COMPONENT, ECS, PLAN, Shell
from templates import load


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
    """Nothing is changed, and nothing but a plan is asked for where no command is named."""
    before = shell.state
    ended = shell(*ECS)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert shell.state == before
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
    shell.change(plan={**PLAN, "verdict": "refused", "refusal": "the quota allows 0 ml.g6e.xlarge: ask for more"})
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
    """Mode, endpoint, component, model and region get there; tasks are bounded by what the endpoint takes."""
    shell.change(plan={**PLAN, "component": COMPONENT})
    options = (*ECS, "--mode", "approve", "--endpoint-concurrency", "24", "--most", "2", "--region", "ap-south-1")
    rendered = _rendered(shell, tmp_path / "out", *options)
    worker = rendered["worker-ecs"]
    assert worker["ModelEndpoints"] == "sagemaker://nim?component=nim-llm"
    assert (worker["ModelName"], worker["Mode"], worker["MostTasks"]) == ("nvidia/nano", "approve", "3")
    assert worker["Subnets"] == "subnet-1,subnet-2"
    assert rendered["runbooks"]["StateTableArn"].startswith("arn:aws:dynamodb:ap-south-1:")
    assert rendered["observability"]["Canary"] == "ENABLED"
    assert (tmp_path / "out" / "runbooks").is_dir()


def test_what_is_rendered_for_lambda_fits_the_function(shell: Shell, tmp_path: Path) -> None:
    """Messages stay hidden for six of its timeouts, shares fit the endpoint, and a component may sleep."""
    shell.change(plan={**PLAN, "component": COMPONENT})
    rendered = _rendered(shell, tmp_path / "out", "--worker", "lambda", "--least", "0", "--image", "registry/shop:1")
    function = load("worker-lambda")["Resources"]["Worker"]["Properties"]
    assert int(rendered["foundation"]["VisibilitySeconds"]) == 6 * function["Timeout"]
    assert rendered["worker-lambda"]["ImageUri"] == "registry/shop:1"
    assert rendered["endpoint-autoscaling"]["Least"] == "0"
    assert rendered["observability"]["Canary"] == "DISABLED"
    assert "image" not in rendered


@pytest.mark.parametrize("path", sorted((ROOT / "infrastructure" / "deploy").glob("*.sh")), ids=lambda path: path.stem)
def test_every_call_goes_through_the_wrapper(path: Path) -> None:
    """Only `cloud` calls the AWS command line, so that no call forgets its endpoint or its region."""
    calls = [line for line in path.read_text().splitlines() if line.lstrip().startswith(("aws ", "command aws"))]
    assert not calls
    wrapped = [line for line in path.read_text().splitlines() if "command aws --region" in line]
    assert len(wrapped) == (path.stem == "cloud")


STANDING = {
    "DELETE_IN_PROGRESS": "wait",
    "CREATE_IN_PROGRESS": "wait",
    "REVIEW_IN_PROGRESS": "create",
    "ROLLBACK_COMPLETE": "repair",
    "ROLLBACK_FAILED": "repair",
    "CREATE_FAILED": "repair",
    "DELETE_FAILED": "repair",
    "UPDATE_ROLLBACK_FAILED": "unwind",
    "UPDATE_ROLLBACK_COMPLETE": "update",
    "CREATE_COMPLETE": "update",
}


def test_no_state_of_a_stack_is_a_dead_end(tmp_path: Path) -> None:
    """Each has a way on: what was never begun is created, what cannot be updated is made anew or taken back first."""
    script = """
    source "$DEPLOY/stacks.sh"; content_of() { echo new; }
    for each in "$@"; do mkdir -p "$MEMORY/stacks/$each"; echo "$each" >"$MEMORY/stacks/$each/status"; done
    for each in "$@"; do stack_action "$each"; done
    """
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/bash", "-euo", "pipefail", "-c", script, "script", *STANDING],
        env={"PATH": os.environ["PATH"], "MEMORY": str(tmp_path), "DEPLOY": str(ROOT / "infrastructure" / "deploy")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == list(STANDING.values())


def test_an_endpoint_without_a_price_can_be_adopted(shell: Shell) -> None:
    """What our own models do not fit may be somebody else's endpoint; only a limit on the cost needs its price."""
    shell.change(endpoint={"status": "InService", "leases": {}, "instance_type": "ml.c7g.xlarge"}, priced=False)
    given = (*ECS, "--endpoint", "theirs", "--adopt")
    planned = shell("plan", *given)
    assert planned.returncode == 0
    assert "endpoint theirs: adopt, and never change it, ml.c7g.xlarge" in planned.stdout
    limited = shell("plan", *given, "--max-monthly-usd", "1")
    assert (limited.returncode, "nobody knows what this endpoint costs" in limited.stderr) == (1, True)
