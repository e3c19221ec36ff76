from collections import Counter
from itertools import chain
from random import Random

import pytest
from bench.outage.incidents import APART_SECONDS, arrivals, incident_in
from bench.outage.phases import NOT_BEGUN, SCENARIOS, Phase, Scenario
from bench.outage.report import bounds
from bench.outage.runs import MODEL, Fate, Run
from bench.outage.site import Ledger
from bench.storms.bounds import missed
from virtual_time import START

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.parse import parse
from autocloudops.sandbox.endpoint import MISBEHAVIOURS


def test_every_fault_is_one_of_the_simulated_endpoint() -> None:
    """A misspelt fault would make a phase harmless."""
    named = chain.from_iterable(phase.faults for scenario in SCENARIOS for phase in scenario.phases)
    assert {*named, *NOT_BEGUN} <= set(MISBEHAVIOURS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_is_half_an_hour_of_shares(scenario: Scenario) -> None:
    """The phases fill thirty minutes, and no phase hits more than all requests."""
    assert scenario.seconds == 1_800
    assert all(sum(phase.faults.values()) <= 1 for phase in scenario.phases)


def test_a_phase_hits_its_share() -> None:
    """Of ten thousand requests about as many meet each fault as the phase says."""
    phase = Phase("some", 1, {"a": 0.3, "b": 0.1})
    random = Random(1)  # noqa: S311 - to be repeated, not to be kept secret
    drawn = [phase.drawn(random) for _ in range(10_000)]
    assert drawn.count("a") == pytest.approx(3_000, rel=0.1)
    assert drawn.count("b") == pytest.approx(1_000, rel=0.1)


def test_a_moment_belongs_to_one_phase() -> None:
    """A phase ends where the next one begins, and the last one lasts."""
    scenario = Scenario("two", (Phase("first", 10), Phase("last", 10)))
    assert [scenario.at(seconds) for seconds in (0, 9.9, 10, 19.9, 500)] == [0, 0, 1, 1, 1]


def test_incidents_arrive_steadily_and_can_be_told_apart() -> None:
    """Each is an alarm of its own owner, within its own four seconds, and its number stands in what the model reads."""
    found = list(arrivals(400, Random(1), START))  # noqa: S311 - to be repeated, not to be kept secret
    alarms = [alarm for arrival in found for alarm in parse(arrival.body) if isinstance(alarm, Alarm)]
    assert len(found) == 100
    assert all(number <= each.at_seconds / APART_SECONDS <= number + 1 for number, each in enumerate(found))
    assert [alarm.event_id for alarm in alarms] == [each.event_id for each in found]
    assert [incident_in(alarm.key.name) for alarm in alarms] == [each.number for each in found]
    assert len({alarm.resource.owner_key for alarm in alarms}) == 100


@pytest.mark.parametrize(
    ("fate", "left", "dead", "broken"),
    [
        (Fate(0, MODEL, 5, 1, 1, 1), 0, 0, set()),
        (Fate(0, None, 5, 1, 1, 1), 0, 0, {"incidents undecided"}),
        (Fate(0, "otherwise", 5, 1, 1, 1), 0, 0, {"incidents decided neither by the model nor as unavailable"}),
        (Fate(0, MODEL, 5, 1, 2, 2), 0, 0, {"questions an answer"}),
        (Fate(0, MODEL, 5, 1, 1, 1), 1, 0, {"messages left in the queue"}),
        (Fate(0, MODEL, 5, 1, 1, 1), 0, 1, {"messages in the dead-letter queue"}),
    ],
)
def test_each_promise_can_be_broken(fate: Fate, left: int, dead: int, broken: set[str]) -> None:
    """The bench finds what it looks for."""
    run = Run(SCENARIOS[0], [fate], Ledger(), left, dead)
    assert {bound.about for bound in missed(bounds(run))} == broken


def test_probes_are_counted_beside_the_questions() -> None:
    """One probe that is begun for every answer is too many, and the prompt of a probe is about no incident."""
    ledger = Ledger(begun=Counter({None: 1}))
    run = Run(SCENARIOS[0], [Fate(0, MODEL, 5, 1, 1, 1)], ledger, 0, 0)
    assert {bound.about for bound in missed(bounds(run))} == {"probes of one token an answer"}
    assert incident_in("user: Say yes.") is None
