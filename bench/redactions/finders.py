"""Who looks for secrets: ours, and detect-secrets in an environment of its own."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from time import process_time
from typing import Any

from bench.draining.installing import Kit, installed
from bench.redactions.planting import Planted

from autocloudops.redaction import redact

DETECT_SECRETS = Kit("detect-secrets", ("detect-secrets==1.5.0",))
SCRIPT = Path(__file__).parent / "apps" / "find_secrets.py"
PEER_SECONDS = 300
MOST_LEFT = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What one finder made of the same lines.

    Args:
        seconds: of CPU for all lines.
        caught: of each planted line, whether its secret was found.
        alarmed: the clean lines in which something was found.
    """

    seconds: float
    caught: Sequence[bool]
    alarmed: Sequence[str]


def ours(planted: Sequence[Planted], clean: Sequence[str]) -> Found:
    """Redact every line: a secret is found where no `MOST_LEFT` characters of it in a row are left."""
    begun = process_time()
    redacted = [redact(each.line) for each in planted]
    untouched = [redact(line) for line in clean]
    seconds = process_time() - begun
    return Found(
        seconds,
        [not _shows(text, each) for text, each in zip(redacted, planted, strict=True)],
        [line for line, text in zip(clean, untouched, strict=True) if line != text],
    )


def detect_secrets(planted: Sequence[Planted], clean: Sequence[str]) -> dict[str, Found]:
    """Let detect-secrets look with its default plugins, in a file and line by line.

    A secret is found where half of it is in what it names.

    Raises:
        NotInstalledError: PyPI does not have it, or did not answer in time.
    """
    texts = [*(each.line for each in planted), *clean]
    done = subprocess.run(  # noqa: S603 - a script of ours
        [installed(DETECT_SECRETS).python, str(SCRIPT)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=PEER_SECONDS,
        check=True,
    )
    return {f"detect-secrets, by {way}": _found(said, planted, clean) for way, said in json.loads(done.stdout).items()}


def _found(said: Mapping[str, Any], planted: Sequence[Planted], clean: Sequence[str]) -> Found:
    found = said["found"]
    return Found(
        said["seconds"],
        [any(_names(each.secret, name) for name in names) for each, names in zip(planted, found, strict=False)],
        [line for line, names in zip(clean, found[len(planted) :], strict=True) if names],
    )


def _shows(text: str, planted: Planted) -> bool:
    """Tell whether so much of a secret is left in a text that it is no longer one."""
    secret, around = planted.secret, planted.line.replace(planted.secret, "")
    length = min(MOST_LEFT, len(secret))
    pieces = (secret[start : start + length] for start in range(len(secret) - length + 1))
    return any(piece in text and piece not in around for piece in pieces)


def _names(secret: str, name: str) -> bool:
    match = SequenceMatcher(None, secret, name, autojunk=False).find_longest_match()
    return match.size * 2 >= len(secret)
