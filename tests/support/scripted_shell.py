"""The deployment script in a shell whose `aws` and `autocloudops` are fakes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fake_cloud
from emulated_stacks import ROOT

SOURCE = ("worker/Dockerfile", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")
"""What stands for the source of the image."""
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
    """Runs the script in a folder of its own, on an account of its own.

    Args:
        folder: where the fakes and the account are.
        state: what is in the account; nothing where it is not said.
    """

    def __init__(self, folder: Path, **state: object) -> None:
        self._folder = folder
        self._account = folder / "account.json"
        self._account.write_text(json.dumps({**fake_cloud.EMPTY, "plan": PLAN, **state}))
        for name in ("aws", "autocloudops"):
            self._command(name, f"#!{sys.executable} -S\n{Path(fake_cloud.__file__).read_text()}")
        for name in ("docker", "podman", "finch"):
            self._command(name, "#!/bin/sh\nexit 1\n")
        (folder / "python3").symlink_to(sys.executable)
        self._script = self._copied(folder / "checkout")

    def _copied(self, checkout: Path) -> Path:
        """Copy the script and what it reads: nothing else that changes in a checkout is its business."""
        for name in ("infrastructure", "sagemaker/endpoints"):
            shutil.copytree(ROOT / name, checkout / name)
        for name in SOURCE:
            (checkout / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)
        return Path(shutil.copy(ROOT / "deploy-sagemaker-nim.sh", checkout))

    def _command(self, name: str, text: str) -> None:
        command = self._folder / name
        command.write_text(text)
        command.chmod(0o755)

    @property
    def state(self) -> dict[str, Any]:
        """What is in the account."""
        state: dict[str, Any] = json.loads(self._account.read_text())
        return state

    def change(self, **changes: object) -> None:
        """Change what is in the account."""
        self._account.write_text(json.dumps(self.state | changes))

    def left(self) -> list[dict[str, Any]]:
        """Return what each call that was cut would have left in the account."""
        return [json.loads(path.read_text()) for path in sorted((self._folder / "account.left").glob("*.json"))]

    def __call__(self, *arguments: str, terminal: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run the script, without a terminal unless one is given, and without a builder of images."""
        return subprocess.run(  # noqa: S603 - our own script
            [str(self._script), *arguments],
            env={
                "PATH": os.pathsep.join([str(self._folder), "/usr/bin", "/bin"]),
                "AWS_REGION": fake_cloud.REGION,
                "FAKE_CLOUD": str(self._account),
                "AUTOCLOUDOPS_DEPLOY_POLL_SECONDS": "0",
            },
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            capture_output=True,
            text=True,
            check=False,
        )
