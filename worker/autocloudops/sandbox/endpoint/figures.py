"""The figures in CloudWatch's reason texts, in the three generations that are about.

Threshold Crossed: 3 out of the last 3 datapoints [97.0 (22/11/26 10:00:00), …] were greater than the threshold (90.0) …
Threshold Crossed: 1 datapoint [3.2 (29/10/17 13:20:00)] was greater than the threshold (1.0).
Threshold Crossed: 1 datapoint (10.2) was greater than or equal to the threshold (10.0).
"""

import re
from typing import Self

from autocloudops.values import Value

NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
DATAPOINTS = re.compile(rf"datapoints?\s+(?:\[([^\]]+)\]|\(({NUMBER})\))")
DATAPOINT = re.compile(rf"({NUMBER})(?:\s*\([^)]*\))?")
THRESHOLD = re.compile(rf"thresholds?\s+[\[(]({NUMBER})[\])]")
OUT_OF = re.compile(r"(\d+)\s+out of the last\s+\d+\s+datapoints?")
WIDE_MARGIN = 0.1


class Figures(Value):
    """The datapoints that crossed, how many the text says crossed, and the thresholds."""

    values: tuple[float, ...] = ()
    crossed: int = 0
    thresholds: tuple[float, ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the figures in `text`; none where it holds no reason text."""
        shown = DATAPOINTS.search(text)
        listed = DATAPOINT.findall(shown.group(1) or shown.group(2)) if shown else []
        said = OUT_OF.search(text)
        return cls(
            values=tuple(float(value) for value in listed),
            crossed=int(said.group(1)) if said else len(listed),
            thresholds=tuple(float(limit) for limit in THRESHOLD.findall(text)),
        )

    @property
    def complete(self) -> bool:
        """Whether there is both a datapoint and a threshold to compare it with."""
        return bool(self.values and self.thresholds)

    @property
    def wide(self) -> bool:
        """Whether every datapoint is a tenth or more of the threshold away from the nearest threshold."""
        return self.complete and all(
            min(abs(value - limit) / max(abs(limit), 1e-9) for limit in self.thresholds) >= WIDE_MARGIN
            for value in self.values
        )

    def in_words(self) -> str:
        """Return the first datapoint beside its threshold, as a phrase."""
        if not self.complete:
            return "no figures were shown"
        return f"{self.values[0]:g} against a threshold of {self.thresholds[0]:g}"
