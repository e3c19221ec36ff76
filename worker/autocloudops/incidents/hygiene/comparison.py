"""Comparisons and ranges: can a value of this range breach this threshold?"""

from dataclasses import dataclass
from enum import Enum
from math import inf, isnan


class Comparison(Enum):
    """CloudWatch's static comparisons, by the sign that a person would write."""

    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="

    @property
    def upward(self) -> bool:
        """Whether high values breach."""
        return self in {Comparison.ABOVE, Comparison.AT_LEAST}

    def breached_by(self, value: float, threshold: float) -> bool:
        """Tell whether `value` breaches `threshold`; NaN breaches nothing."""
        match self:
            case Comparison.ABOVE:
                return value > threshold
            case Comparison.AT_LEAST:
                return value >= threshold
            case Comparison.BELOW:
                return value < threshold
            case Comparison.AT_MOST:
                return value <= threshold


_BY_NAME = {
    "greaterthanthreshold": Comparison.ABOVE,
    "greaterthanorequaltothreshold": Comparison.AT_LEAST,
    "lessthanthreshold": Comparison.BELOW,
    "lessthanorequaltothreshold": Comparison.AT_MOST,
}


def comparison_of(operator: str | None) -> Comparison | None:
    """Return the comparison that an operator of the API or of an SDK names, None for anomaly bands and the unknown."""
    return _BY_NAME.get((operator or "").replace("_", "").lower())


@dataclass(frozen=True, slots=True)
class Range:
    """The values that something can take, both ends included."""

    low: float = -inf
    high: float = inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        if self.high == inf:
            return f"{self.low:g} or more"
        return f"{self.high:g} or less" if self.low == -inf else f"between {self.low:g} and {self.high:g}"

    def joined(self, other: "Range") -> "Range":
        """Return the smallest range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    def always_breaches(self, comparison: Comparison, threshold: float) -> bool:
        """Tell whether every value of the range breaches."""
        worst = self.low if comparison.upward else self.high
        return comparison.breached_by(worst, threshold)

    def never_breaches(self, comparison: Comparison, threshold: float) -> bool:
        """Tell whether no value of the range breaches."""
        best = self.high if comparison.upward else self.low
        return not isnan(threshold) and not comparison.breached_by(best, threshold)


ANYTHING = Range()
