from collections import Counter, defaultdict

import pytest
from bench.storms.composition import MEANWHILE_SHARE, Sort, apportioned, sorts
from bench.storms.estate import FLEETS, KINDS, SINGLES, Owner, most_watches, watches
from bench.storms.outages import APART_SECONDS, Turn
from bench.storms.storm import ACCOUNTS, Storm, storm

from autocloudops.alarms.model import AlarmState
from autocloudops.alarms.wire.shape import Place

SEEDS = range(8)
ALARMS, CAUSES = 2_000, 50
SEVERAL_OWNERS = {Sort.COMPOSITE, Sort.SCATTERED}


@pytest.fixture(params=SEEDS)
def made(request: pytest.FixtureRequest) -> Storm:
    """Return the storms of a few seeds in turn."""
    return storm(int(request.param), ALARMS, CAUSES)


def of_cause(made: Storm) -> dict[str, list[Turn]]:
    """Return the turns of each cause."""
    found: defaultdict[str, list[Turn]] = defaultdict(list)
    for turn in made.turns:
        found[turn.cause].append(turn)
    return found


def test_a_storm_is_as_large_as_asked(made: Storm) -> None:
    """There are as many turns to ALARM and as many causes as asked for, and every cause sets off some."""
    assert len(made.alarms) == ALARMS
    assert {turn.cause for turn in made.alarms} == set(made.sorts)
    assert len(made.sorts) == CAUSES


def test_a_seed_is_a_storm() -> None:
    """The same seed makes the same storm, another seed another one."""
    assert storm(3, ALARMS, CAUSES) == storm(3, ALARMS, CAUSES)
    assert storm(3, ALARMS, CAUSES) != storm(4, ALARMS, CAUSES)


def test_every_sort_of_cause_is_there(made: Storm) -> None:
    """Neighbours, twins, recurrences, flapping alarms and causes over several owners are in every storm."""
    assert set(made.sorts.values()) == set(Sort)


def test_it_takes_a_few_minutes(made: Storm) -> None:
    """A storm begins at once and is over within five minutes, and most causes last for minutes."""
    assert made.turns[0].at_seconds >= 0
    assert made.turns[-1].at_seconds < 300
    lasting = [turns for turns in of_cause(made).values() if turns[-1].at_seconds - turns[0].at_seconds > 30]
    assert len(lasting) > CAUSES / 2


def test_an_alarm_changes_its_state_and_not_too_fast(made: Storm) -> None:
    """Changes of one alarm lie ten seconds apart, and no alarm returns to OK that was not in ALARM."""
    before: dict[object, Turn] = {}
    for turn in made.turns:
        last = before.get(turn.watch.key)
        if last is None:
            assert turn.state is AlarmState.ALARM
        else:
            assert turn.at_seconds - last.at_seconds > APART_SECONDS - 1
            assert AlarmState.ALARM in {turn.state, last.state}
        before[turn.watch.key] = turn


def test_causes_over_several_owners_are_those_and_no_others(made: Storm) -> None:
    """Two sorts of cause strike several owners; a composite alarm watches each owner of the one sort only."""
    for cause, turns in of_cause(made).items():
        owners = {turn.watch.owner for turn in turns}
        composites = {turn.watch for turn in turns if turn.watch.children}
        assert (len(owners) > 1) is (made.sorts[cause] in SEVERAL_OWNERS)
        assert len(composites) == (made.sorts[cause] is Sort.COMPOSITE)
        for composite in composites:
            named = {turn.watch.owner for turn in turns if turn.watch.name in composite.children}
            assert named == owners - {composite.owner}


def test_what_recurs_does_so_after_every_alarm_is_back_to_ok(made: Storm) -> None:
    """A later cause on the owner of an earlier one begins once the owner is well again."""
    runs = of_cause(made)
    for cause, turns in runs.items():
        if made.sorts[cause] in {Sort.AGAIN, Sort.AFTER}:
            owner = turns[0].watch.owner
            (host,) = (each for other, each in runs.items() if other < cause and each[0].watch.owner == owner)
            states = {turn.watch.key: turn.state for turn in host}
            assert set(states.values()) == {AlarmState.OK}
            assert host[-1].at_seconds < turns[0].at_seconds


def test_neighbours_strike_while_their_owner_is_in_trouble(made: Storm) -> None:
    """An independent trouble begins and ends within another cause on the same owner, on other alarms, and is small."""
    runs = of_cause(made)
    for cause, turns in runs.items():
        if made.sorts[cause] is Sort.MEANWHILE:
            owner = turns[0].watch.owner
            (host,) = (each for other, each in runs.items() if other < cause and each[0].watch.owner == owner)
            assert host[0].at_seconds < turns[0].at_seconds < host[-1].at_seconds
            assert not {turn.watch.key for turn in turns} & {turn.watch.key for turn in host}
            assert sum(turn.state is AlarmState.ALARM for turn in turns) <= ALARMS * MEANWHILE_SHARE


def test_twins_differ_in_their_account_only(made: Storm) -> None:
    """Alarms and resources of two accounts have equal names, at the same time."""
    twins = [turns for cause, turns in sorted(of_cause(made).items()) if made.sorts[cause] is Sort.TWIN]
    for one, other in zip(twins[::2], twins[1::2], strict=True):
        assert one[0].watch.owner.name == other[0].watch.owner.name
        assert one[0].watch.owner.place.account != other[0].watch.owner.place.account
        assert {turn.watch.name for turn in one} & {turn.watch.name for turn in other}
        assert max(one[0].at_seconds, other[0].at_seconds) < min(one[-1].at_seconds, other[-1].at_seconds)


def test_a_flapping_alarm_is_alone_and_turns_again_and_again(made: Storm) -> None:
    """A flapping cause is one alarm: ALARM, OK, ALARM, OK, four times at least."""
    for cause, turns in of_cause(made).items():
        if made.sorts[cause] is Sort.FLAPPING:
            assert len({turn.watch for turn in turns}) == 1
            assert [turn.state for turn in turns[:4]] == [AlarmState.ALARM, AlarmState.OK] * 2
            assert len(turns) >= 8


def test_few_alarms_for_many_causes_are_refused() -> None:
    """A storm that could not show anything is not made."""
    with pytest.raises(ValueError, match="at least 1000 alarms"):
        storm(1, 999, 50)


def test_shares_add_up() -> None:
    """Apportioning loses nothing, and equal weights get equal shares."""
    assert apportioned(10, [1, 1, 1]) == [4, 3, 3]
    assert sum(apportioned(9_999, [0.3, 1.7, 0.0, 2.9])) == 9_999
    assert apportioned(7, [0.0, 1.0]) == [0, 7]


def test_other_numbers_of_causes_keep_the_proportions() -> None:
    """Ten causes are a fifth of fifty, and twins come in pairs whatever the number."""
    assert all(len(sorts(causes)) == causes for causes in range(10, 120))
    assert all(Counter(sorts(causes))[Sort.TWIN] % 2 == 0 for causes in range(10, 120))
    assert Counter(sorts(100)) == Counter({sort: 2 * number for sort, number in Counter(sorts(50)).items()})


def test_watches_of_an_owner_are_different_alarms() -> None:
    """Every kind of owner has as many different alarms as it says, whole-owner alarms first."""
    for kind in KINDS:
        owner = Owner(kind, "orders-01", Place(ACCOUNTS[0], "eu-west-1"))
        found = watches(owner, 40)
        assert len({watch.key for watch in found}) == len(found) == most_watches(kind, 40)
    assert set(FLEETS) | set(SINGLES) == set(KINDS)
