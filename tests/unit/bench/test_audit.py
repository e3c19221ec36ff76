from bench.audits import report
from bench.audits.history import RECORDS_PER_INCIDENT, records
from bench.audits.writing import written
from virtual_time import run

from autocloudops.audit.record import Outcome

INCIDENTS = 12


def test_no_two_records_are_alike() -> None:
    """Every incident has its own alarms, evidence and reply, and as many followers as it is counted with."""
    made = run(records(INCIDENTS, seed=1))
    assert len(made) == INCIDENTS * RECORDS_PER_INCIDENT
    assert len({each.event_id for each in made}) == len(made)
    decided = [each for each in made if each.outcome is Outcome.DECIDED]
    assert len(decided) == INCIDENTS
    assert all(each.decision and each.decision.diagnosis and each.evidence and each.sources for each in decided)


def test_a_seed_gives_the_same_records() -> None:
    """Numbers of the bench can be had again."""
    first, again, other = (run(records(2, seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_fuller_commits_take_fewer_bytes() -> None:
    """What is measured is what was written: all records, and more bytes for a record that stands alone."""
    made = run(records(INCIDENTS, seed=1))
    full, lonely = written(made, len(made), redacted=True), written(made, 1, redacted=True)
    assert (full.objects, lonely.objects) == (1, len(made))
    assert full.ratio < lonely.ratio
    assert full.gzip_bytes <= full.object_bytes < full.json_bytes


def test_the_bound_is_on_full_commits() -> None:
    """Runs with other commits are shown and promise nothing."""
    made = run(records(INCIDENTS, seed=1))
    runs = [written(made, batch, redacted=redacted) for redacted in (True, False) for batch in (len(made), 1)]
    held = report.bounds(runs, len(made))
    assert [bound.kept for bound in held] == [True, True]
    assert report.bounds(runs, 1)[0].kept is False
