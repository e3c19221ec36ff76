"""The runs of the bench: a cold start with steps of capacity, and workers that share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bench.utilisation.adaptive import AdaptiveMode
from bench.utilisation.measures import P95, jain, quantile, seconds_taken, throughput
from bench.utilisation.peers import Aimd, Fixed, Gradient2
from bench.utilisation.reference import CEILING_SECONDS, DEMAND, Reference, References
from bench.utilisation.world import Answer, Setting, Worker, answers_of

from autocloudops.inference.concurrency import ConcurrencyController
from autocloudops.sandbox.endpoint.batching import Scale
from autocloudops.sandbox.endpoint.gpus import Profile

OURS = "controller"
ADAPTIVE = "SDK adaptive"
ADAPTIVE_QUEUE_LIMIT = 64
MEASURED_SERVICES = 10
COLD_SECONDS, COLD_SERVICES = 30.0, 8
STEP_SECONDS, STEP_SERVICES = 20.0, 6
SHARED_SECONDS, SHARED_LAST_SECONDS, LATE_SECONDS = 1800.0, 600.0, 60.0

STRATEGIES: Mapping[str, Callable[[int], Worker]] = MappingProxyType(
    {
        OURS: lambda _: Worker(ConcurrencyController(CEILING_SECONDS)),
        "fixed 8": lambda _: Worker(Fixed(8)),
        "fixed 64": lambda _: Worker(Fixed(64)),
        "AIMD": lambda _: Worker(Aimd(CEILING_SECONDS)),
        "Gradient2": lambda _: Worker(Gradient2()),
        ADAPTIVE: lambda clients: Worker(Fixed(clients), AdaptiveMode()),
    }
)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch with unchanged instances: it begins, is settled, and is measured from then to its end."""

    name: str
    instances: int
    reference: Reference
    begins: float
    settled: float
    ends: float


@dataclass(frozen=True, slots=True)
class Settled:
    """One phase as measured: throughput as a share of the reference's, and the 95th percentile in seconds."""

    phase: Phase
    share: float
    p95_seconds: float


@dataclass(frozen=True, slots=True)
class Stepped:
    """A run through all phases: `regret` is the share of the reference's tokens that it did not bring."""

    strategy: str
    phases: tuple[Settled, ...]
    regret: float
    requests_per_answer: float
    lost: int


@dataclass(frozen=True, slots=True)
class Shared:
    """How evenly workers shared, and what they brought together as a share of the reference."""

    workers: int
    jain: float
    share: float
    p95_seconds: float


def phases(found: References) -> tuple[Phase, ...]:
    """Return the phases 1, 4 and 1 instances, as long as it takes to settle and to be measured."""
    plan = (("cold, 1", 1, found.one), ("1 to 4", 4, found.four), ("4 to 1", 1, found.one))
    made: list[Phase] = []
    for name, instances, reference in plan:
        begins = made[-1].ends if made else 0.0
        least, services = (STEP_SECONDS, STEP_SERVICES) if made else (COLD_SECONDS, COLD_SERVICES)
        settled = begins + max(least, services * reference.service_seconds)
        ends = settled + MEASURED_SERVICES * reference.service_seconds
        made.append(Phase(name, instances, reference, begins, settled, ends))
    return tuple(made)


def stepped(profile: Profile, found: References, strategy: str, seed: int) -> Stepped:
    """Run one strategy through the phases, with three times the questions that four instances can run."""
    plan, clients = phases(found), DEMAND * found.four.limit
    schedule = tuple(Scale(phase.begins, phase.instances) for phase in plan)
    queue_limit = ADAPTIVE_QUEUE_LIMIT if strategy == ADAPTIVE else None
    setting = Setting(profile, clients, plan[-1].ends, schedule, seed, queue_limit=queue_limit)
    answers = answers_of(setting, [STRATEGIES[strategy](clients)])
    best = sum(phase.reference.throughput * (phase.ends - phase.begins) for phase in plan)
    brought = throughput(answers, 0.0, plan[-1].ends) * plan[-1].ends
    answered = sum(each.answered_at is not None for each in answers)
    asked = sum(each.attempts for each in answers)
    measured = tuple(_settled(phase, answers) for phase in plan)
    return Stepped(strategy, measured, 1 - brought / best, asked / max(1, answered), len(answers) - answered)


def _settled(phase: Phase, answers: list[Answer]) -> Settled:
    share = throughput(answers, phase.settled, phase.ends) / phase.reference.throughput
    return Settled(phase, share, quantile(seconds_taken(answers, phase.settled, phase.ends), P95))


def shared(profile: Profile, found: References, workers: int, seed: int) -> Shared:
    """Let workers that know nothing of each other share one instance; the second half begins a minute later."""
    setting = Setting(
        profile, DEMAND * found.one.limit, SHARED_SECONDS, (Scale(0.0, 1),), seed, late_seconds=LATE_SECONDS
    )
    answers = answers_of(setting, [STRATEGIES[OURS](0) for _ in range(workers)])
    begin = SHARED_SECONDS - SHARED_LAST_SECONDS
    each = [throughput((one for one in answers if one.worker == n), begin, SHARED_SECONDS) for n in range(workers)]
    p95 = quantile(seconds_taken(answers, begin, SHARED_SECONDS), P95)
    return Shared(workers, jain(each), sum(each) / found.one.throughput, p95)
