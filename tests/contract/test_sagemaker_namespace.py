"""The repository's folder `sagemaker/` and the SageMaker SDK share a name; the SDK must stay importable beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "sagemaker"
# `import sagemaker` alone always succeeds from the repository root: it finds the folder as a namespace package.
IMPORT = "import sagemaker.core.resources as r; print(r.__file__)"


def test_the_folder_is_no_package() -> None:
    """An `__init__.py` in `sagemaker/` would hide the SDK from everything that runs in the repository."""
    assert not (FOLDER / "__init__.py").exists()


def test_the_folder_shadows_no_module_of_the_sdk() -> None:
    """It holds only the import package `nim_endpoint` and data, and no test that would claim the name."""
    assert {path.parent.name for path in FOLDER.glob("*/__init__.py")} <= {"nim_endpoint"}
    assert not [path for path in FOLDER.rglob("*.py") if path.name.startswith(("test_", "conftest"))]


def test_the_sdk_is_importable_from_the_repository_root() -> None:
    """A Python process that starts in the repository finds the SDK's resources, and not the folder."""
    found = [Path(path) / "sagemaker" / "core" for path in sys.path if path.endswith("site-packages")]
    if not any(path.is_dir() for path in found):
        pytest.skip("the SageMaker SDK (extra `deploy`, about 0.4 GB) is not installed")
    command = [sys.executable, "-W", "ignore", "-c", IMPORT]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1"}
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).is_relative_to(FOLDER)
