"""The gates, one file each; `ORDER` is the order in which a refusal counts. Adding one is a file and a line."""

from collections.abc import Callable

from autocloudops.decisions.gates import (
    allow_list,
    confidence,
    evidence,
    grounding,
    hygiene,
    mode,
    risk,
    schema,
    suppression,
)
from autocloudops.decisions.model import Case, GateResult

Gate = Callable[[Case], GateResult]

ORDER: tuple[Gate, ...] = (
    suppression.check,
    mode.check,
    schema.check,
    grounding.check,
    evidence.check,
    hygiene.check,
    allow_list.check,
    confidence.check,
    risk.check,
)
