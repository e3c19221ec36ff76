"""The gates, one file each; `ORDER` is the order in which a refusal counts. Adding one is a file and a line."""

from collections.abc import Callable

from autocloudops.decisions.gates import (
    allow_list,
    bounds,
    confidence,
    evidence,
    freeze,
    freshness,
    grounding,
    hygiene,
    mode,
    ready,
    risk,
    robots,
    schema,
    shown,
    storm,
    suppression,
)
from autocloudops.decisions.model import Case, GateResult

Gate = Callable[[Case], GateResult]

ORDER: tuple[Gate, ...] = (
    suppression.check,
    freshness.check,
    mode.check,
    schema.check,
    grounding.check,
    evidence.check,
    hygiene.check,
    robots.check,
    allow_list.check,
    freeze.check,
    bounds.check,
    ready.check,
    confidence.check,
    storm.check,
    shown.check,
    risk.check,
)
