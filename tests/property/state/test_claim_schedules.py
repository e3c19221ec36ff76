"""Acting once under every order of two deliveries, crashes and lapsed leases."""

import pytest
from claim_schedules import Rules, enumerate_all

from autocloudops.catalogue.model import EffectClass
from autocloudops.decisions.claims import ClaimState

CLASSES = pytest.mark.parametrize("effect", list(EffectClass))
MANY = 10_000


@CLASSES
def test_no_schedule_acts_twice(effect: EffectClass, capsys: pytest.CaptureFixture[str]) -> None:
    """No order of two deliveries, a crash and two lapses acts twice, or says done of nothing, and each comes to an end.

    Only what may not be repeated may end unknown.
    """
    counts = enumerate_all(Rules(effect))
    with capsys.disabled():
        print(f"\n{effect}: {counts.schedules:,} schedules, {counts.doubles:,} with a double effect")  # noqa: T201 - the count is the result
    assert counts.schedules > MANY
    assert counts.doubles == 0
    assert counts.effects[ClaimState.DONE] == {1}
    unknown = {ClaimState.UNKNOWN} if effect is not EffectClass.TOKEN else set()
    assert set(counts.effects) == {ClaimState.DONE} | unknown


@CLASSES
def test_a_naive_repetition_acts_twice(effect: EffectClass) -> None:
    """The check can fail: a takeover that just calls again doubles the effect in some order, in each class."""
    counts = enumerate_all(Rules(effect, naive=True, lapses=1))
    assert 0 < counts.doubles < counts.schedules
    assert max(counts.effects[ClaimState.DONE]) > 1


@pytest.mark.soak
@CLASSES
def test_no_schedule_with_two_crashes_acts_twice(effect: EffectClass, capsys: pytest.CaptureFixture[str]) -> None:
    """The same where both workers may crash."""
    counts = enumerate_all(Rules(effect, crashes=2))
    with capsys.disabled():
        print(f"\n{effect}: {counts.schedules:,} schedules, {counts.doubles:,} with a double effect")  # noqa: T201 - the count is the result
    assert counts.schedules > MANY
    assert counts.doubles == 0
