"""The part of JSONPath that runbooks use to take a value out of an answer: names, indexes and `[*]`."""

import re
from collections.abc import Iterator
from typing import Any

NAME, QUOTED, INDEX, ALL = r"\.([\w\-]+)", r"\['([^']+)'\]", r"\[(\d+)\]", r"(\[\*\])"
PART = re.compile(f"{NAME}|{QUOTED}|{INDEX}|{ALL}")
PATH = rf"^\$(?:{PART.pattern})*$"


def select(answer: object, path: str) -> Any:  # noqa: ANN401 - any JSON value may be there
    """Return what is at `path`, as `$.services[0].desiredCount`; a list of all of them where the path has `[*]`.

    Raises:
        LookupError: nothing is there.
    """
    found = [answer]
    for part in PART.finditer(path):
        found = [inner for each in found for inner in _inside(each, part)]
    if "[*]" in path:
        return found
    return found[0]


def _inside(value: object, part: re.Match[str]) -> Iterator[Any]:
    name, quoted, index, every = part.groups()
    if isinstance(value, list):
        if every:
            yield from value
        elif index is not None:
            yield value[int(index)]
        else:
            raise LookupError(part.group())
    elif isinstance(value, dict) and (name or quoted):
        yield value[name or quoted]
    else:
        raise LookupError(part.group())
