"""The alarms that the rule of a composite alarm names."""

import re

_CHILD = re.compile(
    r"\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"([^\"]{1,2048})\"|'([^']{1,2048})'|([^\s()\"']{1,2048}))\s*\)"
)


def named_in(rule: str) -> tuple[str, ...]:
    """Return the names, or ARNs, that stand in a composite alarm's rule, in their order."""
    return tuple(dict.fromkeys(next(filter(None, match.groups())) for match in _CHILD.finditer(rule)))
