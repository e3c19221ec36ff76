"""Deployments that are cut, repeated and taken back: the script with fakes, since the emulators take their time."""

import os
from pathlib import Path

import pytest
from fake_cloud import ACCOUNT, REGION
from scripted_shell import ECS, Shell

MOMENTS = 10
"""At how many of the thirty moments of a deployment it is cut; `make soak` tries each."""

pytestmark = pytest.mark.skipif("AUTOCLOUDOPS_TEST_AWS" not in os.environ, reason="`make test-deploy` runs it")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in a folder of its own."""
    return Shell(tmp_path)


def test_applying_again_changes_nothing(shell: Shell) -> None:
    """Every stack is kept, the image is not built again, and the control item stays a person's."""
    first = shell("apply", *ECS, "--yes")
    assert first.returncode == 0, first.stderr
    before, left = shell.state, len(shell.left())
    again = shell("apply", *ECS, "--mode", "dry-run", "--yes")
    assert again.returncode == 0, again.stderr
    assert again.stderr.count(": keep\n") == 8
    # The endpoint's own verb decides that there is nothing to do.
    assert (shell.state, len(shell.left()) - left) == (before, 2)


def test_what_is_destroyed_leaves_the_audit(shell: Shell) -> None:
    """Foundation and audit stay, the intake is closed, and a second time there is nothing to do."""
    assert shell("apply", *ECS, "--yes").returncode == 0
    for _ in range(2):
        ended = shell("destroy", *ECS, "--yes")
        assert ended.returncode == 0, ended.stderr
        assert shell.state["stacks"].keys() == {"autocloudops-foundation", "autocloudops-audit"}
        given = shell.state["stacks"]["autocloudops-foundation"]["Parameters"]
        assert {"ParameterKey": "Intake", "ParameterValue": "DISABLED"} in given
        assert shell.state["endpoint"] is None


def test_a_lease_of_others_keeps_everything(shell: Shell) -> None:
    """Nothing is deleted while somebody else uses the endpoint."""
    assert shell("apply", *ECS, "--yes").returncode == 0
    shell.change(endpoint={**shell.state["endpoint"], "leases": {"autocloudops": "now", "team-b": "now"}})
    before = shell.state
    ended = shell("destroy", *ECS, "--yes")
    assert (ended.returncode, ended.stderr) == (
        1,
        "error: others use the endpoint nim: team-b; they release it first\n",
    )
    assert shell.state == before


def test_a_control_item_that_cannot_be_written_is_no_success(shell: Shell) -> None:
    """Only an item that is there is left alone; whatever else AWS says ends the deployment."""
    assert shell("apply", *ECS, "--yes").returncode == 0
    shell.change(refuses="AccessDeniedException")
    ended = shell("apply", *ECS, "--yes")
    assert ended.returncode == 254
    assert "the control item was not written: AccessDeniedException" in ended.stderr


@pytest.mark.parametrize(("build", "code"), [("SUCCEEDED", 0), ("FAILED", 254)])
def test_an_image_is_built_remotely_where_no_builder_is(shell: Shell, build: str, code: int) -> None:
    """The source is uploaded whole, its digest is the image's tag, and a build that fails ends the deployment."""
    shell.change(build=build)
    ended = shell("apply", *ECS, "--yes")
    assert ended.returncode == code, ended.stderr
    (tag,) = shell.state["images"]
    assert f"CodeBuild builds repositoryuri-of-autocloudops-image:{tag}" in ended.stderr
    bucket = f"autocloudops-uploads-{ACCOUNT}-{REGION}"
    assert shell.state["objects"] == [f"s3://{bucket}/source/worker.zip"]
    assert {"worker/Dockerfile", "pyproject.toml", "sagemaker/endpoints/gpus.yaml"} <= set(shell.state["source"])


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A deployment that went through."""
    shell = Shell(tmp_path_factory.mktemp("uncut"))
    ended = shell("apply", *ECS, "--yes")
    assert ended.returncode == 0, ended.stderr
    return shell


def _goes_on(uncut: Shell, moment: int, folder: Path) -> None:
    """Apply to what a cut left behind."""
    again = Shell(folder, **uncut.left()[moment])
    ended = again("apply", *ECS, "--yes")
    assert ended.returncode == 0, ended.stderr
    assert again.state == uncut.state


@pytest.mark.parametrize("third", range(MOMENTS))
def test_a_deployment_that_was_cut_goes_on(uncut: Shell, third: int, tmp_path: Path) -> None:
    """Killed before a stack, while its changes are reviewed or while it is made, the same command ends as if uncut."""
    assert len(uncut.left()) >= 3 * MOMENTS
    _goes_on(uncut, 3 * third + third % 3, tmp_path)


@pytest.mark.soak
def test_a_deployment_that_was_cut_anywhere_goes_on(uncut: Shell, tmp_path: Path) -> None:
    """Killed at any moment, the same command ends as if uncut."""
    for moment in range(len(uncut.left())):
        folder = tmp_path / str(moment)
        folder.mkdir()
        _goes_on(uncut, moment, folder)


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_that_failed_is_put_right(uncut: Shell, status: str, tmp_path: Path) -> None:
    """What cannot be updated is deleted and made anew, and an update that could not go back is helped to."""
    stacks = uncut.state["stacks"] | {"autocloudops-observability": {"StackStatus": status}}
    again = Shell(tmp_path, **uncut.state | {"stacks": stacks})
    ended = again("apply", *ECS, "--yes")
    assert ended.returncode == 0, ended.stderr
    done = again.state["stacks"]["autocloudops-observability"]["StackStatus"]
    assert done == ("CREATE_COMPLETE" if status == "ROLLBACK_COMPLETE" else "UPDATE_COMPLETE")
