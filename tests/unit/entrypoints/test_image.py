import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "worker" / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")
]
LAST_STAGE = INSTRUCTIONS[max(i for i, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ")) :]
NOT_IN_THE_IMAGE = (
    "autocloudops.sandbox",
    "ministack",
    "moto",
    "boto3",
    "sagemaker",
    "nim_endpoint",
    "pytest",
    "xllamacpp",
)
USES = (
    "autocloudops.cli.app",
    "autocloudops.cli.doctor",
    "autocloudops.cli.health",
    "autocloudops.cli.worker",
    "autocloudops.entrypoints.lambda_handler",
)


def told(instruction: str) -> list[str]:
    """Return what the last stage says with an instruction."""
    return [line.removeprefix(instruction).strip() for line in LAST_STAGE if line.startswith(f"{instruction} ")]


def test_nobody_is_root() -> None:
    """The process has a user without a right, by number, so that ECS and Kubernetes can tell that it is not root."""
    (user,) = told("USER")
    number, _, group = user.partition(":")
    assert int(number) >= 10_000
    assert int(group) >= 10_000


def test_the_base_can_be_pinned_by_whoever_builds() -> None:
    """Both stages stand on one base, named once, slim, and never `latest`."""
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    (default,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert set(bases) == {"${BASE_IMAGE}"}
    assert "slim" in default
    assert not default.endswith(":latest")


def test_every_library_is_pinned() -> None:
    """What is installed is what was tested: each install is under the constraints, which name exact versions."""
    installs = re.findall(r"pip install[^&]*", DOCKERFILE.replace("\\\n", " "))
    assert installs
    for install in installs:
        assert "--constraint constraints.txt --constraint lambda-constraints.txt" in install
    pins = (ROOT / "worker" / "lambda-constraints.txt").read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[a-z-]+==[0-9.]+", pin) for pin in pins)
    assert "awslambdaric" in {pin.partition("==")[0] for pin in pins}


def test_no_stand_in_and_no_deployment_library_is_installed() -> None:
    """Of the extras only what a worker uses is in the image."""
    extras = set(re.findall(r"'\.\[([a-z,]+)\]'", DOCKERFILE)[0].split(","))
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert extras <= known.keys() - {"local", "deploy", "llama"}
    assert "autocloudops/sandbox" in DOCKERFILE


def test_the_root_file_system_may_be_read_only() -> None:
    """Python writes no byte code, and home and working directory are below /tmp, the one volume: Fargate mounts it."""
    environment = " ".join(told("ENV"))
    assert "PYTHONDONTWRITEBYTECODE=1" in environment
    assert "HOME=/tmp" in environment
    assert told("WORKDIR") == ["/tmp"]  # noqa: S108 - the one place that is writable
    assert told("VOLUME") == ['["/tmp"]']


def test_signals_reach_the_worker() -> None:
    """No shell stands between ECS and the process: entry point, command and health check are lists."""
    assert told("ENTRYPOINT") == ['["autocloudops"]']
    assert told("CMD") == ['["worker"]']
    assert told("HEALTHCHECK")[0].endswith('CMD ["autocloudops", "worker", "health"]')


def ignored(path: str) -> bool:
    """Say whether `.dockerignore` keeps a path from the builder; its last line that fits holds."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        if line and not line.startswith("#") and (fnmatch(path, pattern) or fnmatch(path, f"{pattern}/*")):
            kept = line.startswith("!")
    return not kept


@pytest.mark.parametrize(
    ("path", "stays_out"),
    [
        ("worker/autocloudops/cli/app.py", False),
        ("constraints.txt", False),
        ("worker/autocloudops/sandbox/aws.py", True),
        (".git/config", True),
        (".env", True),
        ("tests/conftest.py", True),
    ],
)
def test_only_what_is_copied_goes_to_the_builder(path: str, stays_out: bool) -> None:
    """Neither history, nor tests, nor a file with somebody's credentials can end in a layer."""
    assert ignored(path) is stays_out


def test_everything_that_is_copied_is_there_and_goes_to_the_builder() -> None:
    """A build from a clean checkout finds every file that the Dockerfile names."""
    for line in INSTRUCTIONS:
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = line.split()[1:]
            for source in sources:
                assert (ROOT / source).exists(), source
                inside = f"{source}/__init__.py" if (ROOT / source).is_dir() else source
                assert not ignored(inside), source


def test_the_worker_runs_without_what_is_not_in_the_image() -> None:
    """Bug 25: no module of worker, Lambda function, doctor or health check needs a library that is not installed."""
    script = f"import sys\nfor name in {NOT_IN_THE_IMAGE!r}:\n    sys.modules[name] = None\nimport {', '.join(USES)}\n"
    subprocess.run([sys.executable, "-c", script], check=True)  # noqa: S603
