"""What CloudWatch's reason texts say about the condition, in each of their generations.

    2009  Threshold Crossed: 1 datapoint (10.2) was greater than or equal to the threshold (10.0).
    2016  Threshold Crossed: 1 datapoint [99.5 (01/06/24 11:59:00)] was not greater than the threshold (1.0E2).
    2019  Threshold Crossed: 1 out of the last 1 datapoints [...] was less than the threshold (4.0) (minimum 1 datapoint
          for OK -> ALARM transition).
    band  Thresholds Crossed: … was less than the lower thresholds [0.02] or greater than the upper thresholds [0.3].

EventBridge and history carry no comparison of their own, so this is where theirs comes from.
"""

import re
from typing import NamedTuple

_COMPARED = re.compile(
    r"(?P<than>less|greater) than (?P<equal>or equal to )?the (?P<side>lower |upper )?thresholds? "
    r"[(\[](?P<limit>[-+0-9.eE]{1,40})"
)
_BANDS = {
    frozenset({"lower ", "upper "}): "LessThanLowerOrGreaterThanUpperThreshold",
    frozenset({"lower "}): "LessThanLowerThreshold",
    frozenset({"upper "}): "GreaterThanUpperThreshold",
}


class Comparison(NamedTuple):
    """The comparison that a reason text spells out; `threshold` is absent where the limit is a band."""

    operator: str | None = None
    threshold: float | None = None


def _single(found: re.Match[str]) -> Comparison:
    equal = "OrEqualTo" if found["equal"] else ""
    operator = f"{found['than'].capitalize()}Than{equal}Threshold"
    try:
        return Comparison(operator, float(found["limit"]))
    except ValueError:
        return Comparison(operator)


def comparison_of(reason: str) -> Comparison:
    """Return what `reason` says was compared; all absent for texts that people and other alarms wrote."""
    found = list(_COMPARED.finditer(reason))
    sides = frozenset(match["side"] for match in found if match["side"])
    if sides:
        return Comparison(_BANDS[sides])
    return _single(found[0]) if found else Comparison()
