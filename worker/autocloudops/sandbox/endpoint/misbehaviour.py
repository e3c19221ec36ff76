"""How the simulated endpoint misbehaves, on demand: a row of `FAULTS` instead of an answer, or a row of `REPLIES`.

It is asked for by the request header `X-Amzn-SageMaker-Custom-Attributes: misbehave=<name>`, or by a `Schedule`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from autocloudops.sandbox.endpoint.faults import FAULTS
from autocloudops.sandbox.endpoint.replies import REPLIES, BadReply
from autocloudops.sandbox.endpoint.wire import Broken, Fault


class Asked(Protocol):
    """What a schedule may look at."""

    @property
    def prompt(self) -> str:
        """All text of the request."""
        ...


Misbehaviour = Fault | Broken | BadReply
Schedule = Callable[[int, Asked], str | None]

MISBEHAVIOURS: Mapping[str, Misbehaviour] = MappingProxyType({**REPLIES, **FAULTS})


def never(_: int, __: Asked) -> None:
    """Schedule nothing: every request is answered well."""


def cycle(*names: str | None) -> Schedule:
    """Return a schedule that goes through `names` again and again; None answers well."""

    def scheduled(number: int, _: Asked) -> str | None:
        return names[(number - 1) % len(names)]

    return scheduled


def every(count: int, name: str) -> Schedule:
    """Return a schedule on which each `count`-th request is answered by `name`."""
    return cycle(*[None] * (count - 1), name)


def when_prompt_contains(names_by_text: Mapping[str, str]) -> Schedule:
    """Return a schedule that answers by the first name whose text stands in the prompt."""

    def scheduled(_: int, request: Asked) -> str | None:
        return next((name for text, name in names_by_text.items() if text in request.prompt), None)

    return scheduled
