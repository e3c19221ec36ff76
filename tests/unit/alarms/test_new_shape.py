"""A wire shape is added with one file and one line."""

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "worker" / "autocloudops"

PAGER = """
from autocloudops.alarms.wire import read
from autocloudops.alarms.wire.shape import Inner, Node, Shape, Wire


def _read(node: Node, _wire: Wire) -> Inner:
    return Inner(node["page"])


SHAPE = Shape("pager", lambda node: "page" in node, _read)
"""
USE = """
from autocloudops.alarms.parse import parse
print(parse('{"page": {"AlarmName": ""}}')[0].shape)
"""


def test_a_shape_is_one_file_and_one_line(tmp_path: Path) -> None:
    """In a copy of the package, a new file and its line in the table are all that a new shape needs."""
    copied = tmp_path / "autocloudops"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    wire = copied / "alarms" / "wire"
    (wire / "pager.py").write_text(PAGER, encoding="utf-8")
    table = (wire / "__init__.py").read_text(encoding="utf-8")
    (wire / "__init__.py").write_text(table.replace("ORDER = (\n", 'ORDER = (\n    "pager",\n'), encoding="utf-8")
    command = [sys.executable, "-c", USE]
    used = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)  # noqa: S603  # ours
    assert used.stdout.strip() == "pager+sns_alarm"
