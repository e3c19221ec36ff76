"""Condition and update expressions of DynamoDB, as far as the state adapter writes them.

What DynamoDB refuses is refused here too: names and values that are declared and not used, or used and not declared.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

Item = dict[str, Any]
_TOKENS = re.compile(r"\s*(<>|<=|>=|[=<>(),]|[#:]?\w+)")
_KEYWORDS = frozenset({"SET", "ADD", "REMOVE"})
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "<>": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


class Refusal(Exception):
    """DynamoDB would answer with a ValidationException."""


@dataclass
class Scope:
    """The placeholders of one request, and which of them an expression used."""

    names: Mapping[str, str]
    values: Mapping[str, Item]
    expressions: str
    used: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, request: Mapping[str, object]) -> "Scope":
        both = [str(request.get(name, "")) for name in ("ConditionExpression", "UpdateExpression")]
        scope = cls(
            cast("Mapping[str, str]", request.get("ExpressionAttributeNames", {})),
            cast("Mapping[str, Item]", request.get("ExpressionAttributeValues", {})),
            " ".join(both),
        )
        scope._check()
        return scope

    def _check(self) -> None:
        used = {token for token in _TOKENS.findall(self.expressions) if token[0] in "#:"}
        declared = {*self.names, *self.values}
        if used != declared:
            raise Refusal(f"unused or undeclared: {sorted(used ^ declared)}")

    def name(self, token: str) -> str:
        return self.names[token] if token.startswith("#") else token


class _Reader:
    """A cursor over the tokens of one expression."""

    def __init__(self, expression: str, item: Item, scope: Scope) -> None:
        self._left = _TOKENS.findall(expression)
        self._item = item
        self._scope = scope

    @property
    def next(self) -> str:
        return self._left[0] if self._left else ""

    def take(self, expected: str | None = None) -> str:
        token = self._left.pop(0)
        if expected is not None and token != expected:
            raise Refusal(f"{token!r} where {expected!r} belongs")
        return str(token)

    def condition(self) -> bool:
        met = self._all()
        while self.next == "OR":
            self.take()
            met = self._all() or met
        return met

    def _all(self) -> bool:
        met = self._one()
        while self.next == "AND":
            self.take()
            met = self._one() and met
        return met

    def _one(self) -> bool:
        if self.next == "(":
            self.take("(")
            met = self.condition()
            self.take(")")
            return met
        if self.next in {"attribute_exists", "attribute_not_exists"}:
            wanted = self.take() == "attribute_exists"
            return (self._argument() in self._item) is wanted
        left, compare, right = self.operand(), _COMPARISONS[self.take()], self.operand()
        return left is not None and right is not None and compare(_plain(left), _plain(right))

    def _argument(self) -> str:
        self.take("(")
        name = self.path()
        self.take(")")
        return name

    def path(self) -> str:
        return self._scope.name(self.take())

    def operand(self) -> Item | None:
        token = self.take()
        if token == "if_not_exists":
            self.take("(")
            name = self.path()
            self.take(",")
            otherwise = self.operand()
            self.take(")")
            return self._item.get(name, otherwise)
        return self._scope.values[token] if token.startswith(":") else self._item.get(self._scope.name(token))


def holds(condition: str, item: Item, scope: Scope) -> bool:
    """Return whether a condition expression is met by `item`, which is empty where there is none."""
    reader = _Reader(condition, item, scope)
    met = reader.condition()
    if reader.next:
        raise Refusal(f"{reader.next!r} is left over")
    return met


def apply_update(expression: str, item: Item, scope: Scope) -> Item:
    """Return what an update expression makes of `item`: every right side reads the item as it was."""
    reader, after = _Reader(expression, item, scope), dict(item)
    touched: list[str] = []
    while reader.next:
        clause = reader.take()
        if clause not in _KEYWORDS:
            raise Refusal(f"{clause!r} is no clause")
        while True:
            touched.append(reader.path())
            _CLAUSES[clause](reader, after, touched[-1])
            if reader.next != ",":
                break
            reader.take(",")
    if len(set(touched)) < len(touched):
        raise Refusal("two paths overlap")
    return after


def _set(reader: _Reader, after: Item, name: str) -> None:
    reader.take("=")
    after[name] = reader.operand()


def _add(reader: _Reader, after: Item, name: str) -> None:
    added = cast("Item", reader.operand())
    if "N" in added:
        after[name] = {"N": str(int(after.get(name, {"N": "0"})["N"]) + int(added["N"]))}
    elif added["SS"]:
        after[name] = {"SS": sorted({*after.get(name, {"SS": ()})["SS"], *added["SS"]})}
    else:
        raise Refusal("an empty set")


def _remove(_: _Reader, after: Item, name: str) -> None:
    after.pop(name, None)


_CLAUSES: Mapping[str, Callable[[_Reader, Item, str], None]] = {"SET": _set, "ADD": _add, "REMOVE": _remove}


def _plain(value: Item) -> object:
    ((kind, content),) = value.items()
    return int(content) if kind == "N" else content
