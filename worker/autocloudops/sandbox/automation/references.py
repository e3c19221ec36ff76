"""References such as `{{ ClusterName }}` and `{{ readService.DesiredCount }}`, and what they stand for."""

import json
import re
from collections.abc import Mapping
from typing import Any

from autocloudops.errors import AutoCloudOpsError

REFERENCE = re.compile(r"\{\{\s*([\w.:\-]+)\s*\}\}")


class StepFailed(AutoCloudOpsError):
    """A step did not do what it is for; the message is what `FailureMessage` says."""


def resolved(value: Any, names: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value may hold references
    """Return `value` with each reference replaced: with the value itself, type and all, where nothing stands beside it.

    Args:
        value: text, a list or a map, nested at will.
        names: what each name stands for: parameters, outputs as `step.Name`, `global:…` and `automation:…`.

    Raises:
        StepFailed: a name stands for nothing.
    """
    if isinstance(value, Mapping):
        return {key: resolved(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(each, names) for each in value]
    if not isinstance(value, str):
        return value
    if alone := REFERENCE.fullmatch(value.strip()):
        return _known(alone.group(1), names)
    return REFERENCE.sub(lambda found: text(_known(found.group(1), names)), value)


def text(value: object) -> str:
    """Return a value as the text that AWS shows: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def texts(value: object) -> list[str]:
    """Return a value as the list of texts that parameters and outputs are on the wire."""
    return [text(each) for each in value] if isinstance(value, list | tuple) else [text(value)]


def _known(name: str, names: Mapping[str, Any]) -> Any:  # noqa: ANN401 - outputs are of any type
    if name not in names:
        raise StepFailed(f"Step fails when it is resolving inputs. {{{{ {name} }}}} has no value.")
    return names[name]
