"""Whole workers through thousands of seeded schedules of faults, and every promise checked after each of them."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest
from faulty_calls import Pair
from faulty_schedule import PAIRS, schedule
from faulty_world import FaultyWorld, broken_in, lived

from autocloudops.audit.record import Outcome

SCHEDULES = 500
SOAK_PARTS, PART_SCHEDULES = 10, 1_000
BROKEN_ONCE = (2546,)
"""Seeds beyond the first that have shown a fault of the code, which was mended."""
LEAST_MESSAGES = 20
LEAST_WORKERS = 2
LEAST_FAULTS = 3
SHOWN = 5


def judged(seeds: Iterable[int]) -> Counter[Pair | Outcome]:
    """Live through the schedules of `seeds`, and return in how many each fault met each stage, and each outcome came.

    Each world is collected once it is judged: thousands of them, collected at once, took half a minute of a later test.
    """
    met: Counter[Pair | Outcome] = Counter()
    for seed in seeds:
        met.update(met_in(seed))
        gc.collect(1)
    return met


def met_in(seed: int) -> set[Pair | Outcome]:
    """Live through the schedule of a seed, judge it, and return which faults met which stages, and what came of it.

    What a promise's breach says ends with the command that lives through the same schedule again.
    """
    world = lived(schedule(seed))
    assert hard(world), f"{replay(seed)}: {len(world.plan.fired)} faults"
    found = broken_in(world)
    assert not found, "\n".join([*found[:SHOWN], f"... {len(found)} in all; once more: {replay(seed)}"])
    return {*world.plan.fired, *(found.record.outcome for found in world.kept)}


def hard(world: FaultyWorld) -> bool:
    """Return whether a schedule was as hard as it has to be."""
    messages, workers = len(world.schedule.sending), len(world.schedule.workers)
    faults = len(world.plan.fired)
    return messages >= LEAST_MESSAGES and workers >= LEAST_WORKERS and faults >= LEAST_FAULTS


def replay(seed: int) -> str:
    """Return the command that lives through one schedule again, and shows every call."""
    return f"python -m pytest tests/simulation/test_schedules.py -k one_schedule --seed {seed}"


def told(world: FaultyWorld) -> Iterator[str]:
    """Yield every call of a schedule, and what met it."""
    for at, who, stage, met in world.plan.trace:
        yield f"{at:9.3f} s  {who:4} {stage}" + (f" <- {met.fault}, {met}" if met else "")


def test_five_hundred_schedules_break_no_promise() -> None:
    """Nothing is lost, doubled, deleted too early or left over; every fault meets every stage, every outcome comes."""
    met = judged((*range(SCHEDULES), *BROKEN_ONCE))
    assert [wanted for wanted in (*PAIRS, *Outcome) if not met[wanted]] == []


@pytest.mark.soak
@pytest.mark.parametrize("part", range(SOAK_PARTS))
def test_ten_thousand_schedules_break_no_promise(part: int) -> None:
    """The same over twenty times as many, in parts that share the cores."""
    first = SCHEDULES + part * PART_SCHEDULES
    met = judged(range(first, first + PART_SCHEDULES))
    assert [wanted for wanted in (*PAIRS, *Outcome) if not met[wanted]] == []


def test_one_schedule_runs_the_same_way_each_time(pytestconfig: pytest.Config) -> None:
    """A seed says everything: the same calls at the same times meet the same faults, so that a failure can be seen."""
    seed = pytestconfig.getoption("--seed", default=0)
    first, second = lived(schedule(seed)), lived(schedule(seed))
    assert list(told(first)) == list(told(second))
    assert broken_in(first) == [], "\n".join(told(first))
