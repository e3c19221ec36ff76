"""What goes wrong with an endpoint, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

NOT_BEGUN = frozenset(
    {
        "dependency_failed",
        "model_error_429",
        "model_error_502",
        "model_error_503",
        "no_capacity",
        "too_many_requests",
        "throttled",
        "unavailable",
    }
)
"""Faults that stop a request in front of the model. Every other request counts as one that began to run, also where
nobody can know: a request that hangs in a dead region may have reached its GPU."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time in which an endpoint misbehaves in one way.

    `faults` is the share of requests that each misbehaviour of the simulated endpoint hits. `instances` is what the
    endpoint is scaled to when the phase begins, None where that does not change.
    """

    name: str
    seconds: float
    faults: Mapping[str, float] = field(default_factory=dict)
    instances: int | None = None

    def drawn(self, random: Random) -> str | None:
        """Return what happens to one request; None is nothing."""
        at = random.random()
        shares = accumulate(self.faults.values())
        return next((name for name, upto in zip(self.faults, shares, strict=True) if at < upto), None)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Half an hour of the first endpoint; `second` tells whether the policy allows another one, which stays well."""

    name: str
    phases: Sequence[Phase]
    second: bool = False

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return sum(phase.seconds for phase in self.phases)

    def at(self, seconds: float) -> int:
        """Return the number of the phase at a time; the last one lasts."""
        ends = accumulate(phase.seconds for phase in self.phases)
        return next((number for number, end in enumerate(ends) if seconds < end), len(self.phases) - 1)


_THROTTLES = Phase("throttles, 70 %", 180, {"throttled": 0.5, "too_many_requests": 0.2})
_ALL_THROTTLED = Phase("throttles, all", 60, {"throttled": 1.0})
_SERVER_ERRORS = Phase(
    "5xx, 40 %", 180, {"unavailable": 0.15, "model_error_503": 0.1, "model_error_502": 0.1, "model_error_500": 0.05}
)
_OUT_OF_SERVICE = Phase("5xx, all", 60, {"unavailable": 0.5, "dependency_failed": 0.5})
_TIME_OUTS = Phase("time-outs, 8 %", 180, {"stalled": 0.08})
_HANGS = Phase("time-outs, all", 60, {"stalled": 1.0})
_BREAKS = Phase("stream breaks, 12 %", 180, {"stream_error": 0.05, "stream_failure": 0.03, "stream_cut": 0.04})

ALONE = Scenario(
    "one endpoint",
    (
        Phase("well", 120),
        _THROTTLES,
        _ALL_THROTTLED,
        _SERVER_ERRORS,
        _OUT_OF_SERVICE,
        _TIME_OUTS,
        _HANGS,
        _BREAKS,
        Phase("scaled to zero", 480, instances=0),
        Phase("well again", 300),
    ),
)
DEAD_REGION = Scenario(
    "a dead region, and a second endpoint that the policy allows",
    (
        Phase("well", 120),
        _THROTTLES,
        _ALL_THROTTLED,
        _SERVER_ERRORS,
        _TIME_OUTS,
        _BREAKS,
        Phase("region dead, hangs", 240, {"hang": 1.0}),
        Phase("region dead, 5xx", 180, {"unavailable": 0.5, "dependency_failed": 0.5}),
        Phase("scaled to zero", 240, instances=0),
        Phase("well again", 240),
    ),
    second=True,
)
SCENARIOS = (ALONE, DEAD_REGION)
