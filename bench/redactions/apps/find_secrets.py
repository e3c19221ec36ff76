"""Run by the interpreter that has detect-secrets: lines in, what its default plugins find in each out.

Reads a JSON list of texts from stdin; writes `{"seconds": CPU time, "found": [[secret, ...], ...]}` twice: `file`, as
it searches files, and `line`, as it searches a line that it is handed, more eagerly.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

# It is installed where this runs, not where types are checked.
from detect_secrets.core.scan import scan_file, scan_line  # type: ignore[import-not-found]
from detect_secrets.settings import default_settings  # type: ignore[import-not-found]

Findings = list[list[str]]


def main() -> None:
    """Look for secrets in every text, in both ways."""
    texts = json.load(sys.stdin)
    with default_settings():
        said = {"file": _timed(in_a_file, texts), "line": _timed(line_by_line, texts)}
    json.dump(said, sys.stdout)


def in_a_file(texts: Sequence[str]) -> Findings:
    """Search a log file that has all texts."""
    owners = [at for at, text in enumerate(texts) for _ in text.split("\n")]
    found: Findings = [[] for _ in texts]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "service.log"
        path.write_text("\n".join(texts) + "\n", "utf-8")
        for each in scan_file(str(path)):
            found[owners[each.line_number - 1]].append(each.secret_value)
    return found


def line_by_line(texts: Sequence[str]) -> Findings:
    """Search each line by itself."""
    return [[each.secret_value for line in text.split("\n") for each in scan_line(line)] for text in texts]


def _timed(search: Callable[[Sequence[str]], Findings], texts: Sequence[str]) -> dict[str, object]:
    begun = process_time()
    found = search(texts)
    return {"seconds": process_time() - begun, "found": found}


if __name__ == "__main__":
    main()
