"""The alarms that turn a composite alarm: what its rule says.

Grammar: `ALARM`, `OK` and `INSUFFICIENT_DATA` of a name, `AT_LEAST(number or percentage, [NOT] state, (names))`, NOT,
AND, OR and parentheses (Amazon CloudWatch User Guide, "Combining alarms").
"""

import re
from collections.abc import Iterator

_NAME = r"\"[^\"]{1,2048}\"|'[^']{1,2048}'|[^\s,()\"']{1,2048}"
_STATE = r"ALARM|OK|INSUFFICIENT_DATA"
_TOKEN = (
    rf"\b(?P<state>{_STATE})\s*\(\s*(?P<name>{_NAME})\s*\)"
    rf"|\bAT_LEAST\s*\([^,()]*,\s*(?P<other>NOT\s+)?(?P<each>{_STATE})\s*,\s*\((?P<names>(?:\"[^\"]*\"|[^()\"])*)\)\s*\)"
    r"|(?P<word>\bNOT\b|[()])|\"[^\"]*\""
)


def firing_in(rule: str) -> tuple[str, ...]:
    """Return the names, or ARNs, whose trouble makes a composite alarm's rule true, in their order.

    `NOT ALARM(deployment-in-progress)` and `OK(standby)` are conditions that go well with trouble elsewhere: they name
    no part of it, but `NOT OK(primary)` does.
    """
    return tuple(dict.fromkeys(name.strip("\"'") for state, denied, name in _conditions(rule) if _ails(state, denied)))


def _ails(state: str, denied: bool) -> bool:
    return state == ("OK" if denied else "ALARM")


def _conditions(rule: str) -> Iterator[tuple[str, bool, str]]:
    """Yield each state that the rule asks of an alarm, whether it asks for the opposite, and the alarm."""
    groups, denied = [False], False
    for token in re.finditer(_TOKEN, rule):
        match token["word"]:
            case "NOT":
                denied = not denied
                continue
            case "(":
                groups.append(groups[-1] != denied)
            case ")":
                groups = groups[:-1] or [False]
        if token["state"]:
            yield token["state"], groups[-1] != denied, token["name"]
        for name in re.findall(_NAME, token["names"] or ""):
            yield token["each"], (groups[-1] != denied) != bool(token["other"]), name
        denied = False
