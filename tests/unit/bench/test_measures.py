from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID, uuid4

import pytest
from bench.storms.bounds import LEAST_PRECISION, of_flow, of_grouping
from bench.storms.measures import Pairs, Unknowable, by_name, causes_of, pairs, unknowable
from bench.storms.results import result_of
from bench.storms.storm import Storm, storm
from bench.storms.waits import quantile, waits
from hypothesis import given
from hypothesis import strategies as st

from autocloudops.audit.record import AuditRecord, Outcome

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, 1, 2, 3])), max_size=30)


@pytest.fixture(scope="module")
def made() -> Storm:
    """Return one storm."""
    return storm(5, 1_500, 50)


@given(LABELS)
def test_pairs_are_those_that_counting_them_one_by_one_finds(labels: list[tuple[str, int | None]]) -> None:
    """The contingency table gives what enumerating every pair gives; an alarm without a group is alone."""
    ids = [UUID(int=number) for number in range(len(labels))]
    causes = {each: cause for each, (cause, _) in zip(ids, labels, strict=True)}
    groups: dict[UUID, Hashable] = {each: group for each, (_, group) in zip(ids, labels, strict=True) if group}
    every = list(combinations(ids, 2))
    caused = {pair for pair in every if causes[pair[0]] == causes[pair[1]]}
    grouped = {pair for pair in every if pair[0] in groups and groups[pair[0]] == groups.get(pair[1])}
    assert pairs(causes, groups) == Pairs(len(caused), len(grouped), len(caused & grouped))


def test_no_groups_are_precise_and_find_nothing() -> None:
    """Without grouping no pair is wrong, and none is found."""
    found = pairs({uuid4(): "a", uuid4(): "a"}, {})
    assert (found.precision, found.recall) == (1.0, 0.0)


def test_the_causes_themselves_are_a_perfect_grouping(made: Storm) -> None:
    """Groups that equal the causes have precision and recall 1."""
    causes = causes_of(made, NOON)
    found = pairs(causes, causes)
    assert (len(causes), found.precision, found.recall) == (1_500, 1.0, 1.0)


def test_grouping_by_name_merges_accounts_and_finds_little(made: Storm) -> None:
    """Grouped by name alone, alarms of two accounts are one, and alarms of one cause with other names are apart."""
    found = pairs(causes_of(made, NOON), by_name(made, NOON))
    assert found.precision < LEAST_PRECISION
    assert found.recall < 0.1


def test_unknowable_pairs_are_counted_from_owners_and_composites(made: Storm) -> None:
    """Grouped by owner and by what a composite alarm connects, a storm misses just the pairs that are unknowable."""
    found = unknowable(made)
    best: dict[UUID, Hashable] = {}
    ids = list(causes_of(made, NOON))
    composed = {turn.cause for turn in made.alarms if turn.watch.children}
    for each, turn in zip(ids, made.alarms, strict=True):
        best[each] = turn.cause if turn.cause in composed else (turn.cause, turn.watch.owner)
    known = pairs(causes_of(made, NOON), best)
    assert known.caused - known.both == found.scattered > 0
    assert known.grouped == known.both
    assert found.entangled > 0
    assert isinstance(found, Unknowable)


def test_a_result_is_read_from_records() -> None:
    """Groups come from lasting records, copies and notes count as such, and an event that ends twice shows."""
    incident, opener, joiner, ok = uuid4(), uuid4(), uuid4(), uuid4()
    records = [
        AuditRecord(outcome=Outcome.DECIDED, at=NOON, event_id=opener, incident_id=incident),
        AuditRecord(outcome=Outcome.JOINED, at=NOON, event_id=joiner, incident_id=incident),
        AuditRecord(outcome=Outcome.JOINED, at=NOON, event_id=joiner, incident_id=incident, repeated=True),
        AuditRecord(outcome=Outcome.OK, at=NOON, event_id=ok, incident_id=incident),
        AuditRecord(outcome=Outcome.OK, at=NOON, event_id=ok, incident_id=incident),
        AuditRecord(outcome=Outcome.NOTE, at=NOON, event_id=opener, incident_id=incident),
    ]
    result = result_of(records, {opener: "a", joiner: "a"})
    assert result.groups == {opener: incident, joiner: incident}
    assert result.ended == {opener: 1, joiner: 1, ok: 2}
    assert (result.incidents, result.requests, result.suppressed, result.repeated) == (1, 0, 1, 1)
    kept = {bound.about: bound.kept for bound in of_grouping(result, Pairs(10, 10, 9), causes=1, changes=3)}
    assert kept == {
        "requests to the model": True,
        "precision": False,
        "recall": False,
        "state changes that end once": False,
        "state changes that end more often": False,
    }
    assert [bound.kept for bound in of_flow(left=0, parked=1, peak=2_000)] == [True, False, False]


def test_waits_run_from_arrival_to_the_first_decision() -> None:
    """An incident waits from its first alarm, an alarm from its own arrival, and not at all where a decision stood."""
    incident = uuid4()
    first, second, third = uuid4(), uuid4(), uuid4()
    found = waits(
        dict.fromkeys((first, second, third), incident),
        {first: 1.0, second: 4.0, third: 60.0},
        {incident: NOON + timedelta(seconds=9)},
        NOON,
    )
    assert found.incidents == [8.0]
    assert found.alarms == [0.0, 5.0, 8.0]


def test_quantiles_are_values_that_occurred() -> None:
    """A quantile is the smallest value that enough others do not exceed."""
    values = [float(number) for number in range(1, 101)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert quantile([7.0], 0.99) == 7.0
