"""Acting once under every order of two deliveries, crashes and lapsed leases."""

import pytest
from claim_schedules import Rules, enumerate_all

from autocloudops.catalogue.model import EffectClass
from autocloudops.decisions.claims import ClaimState

CLASSES = pytest.mark.parametrize("effect", list(EffectClass))
MANY = 10_000


@CLASSES
@pytest.mark.parametrize("crashes", [1, 2])
def test_no_schedule_acts_twice(effect: EffectClass, crashes: int, capsys: pytest.CaptureFixture[str]) -> None:
    """No order of two deliveries, crashes and lapses acts twice, or says done of nothing, and each comes to an end.

    Only what may not be repeated may end unknown.
    """
    counts = enumerate_all(Rules(effect, crashes=crashes, lapses=crashes + 1))
    with capsys.disabled():
        told = f"{effect}, {crashes} crash(es): {counts.schedules:,} schedules, {counts.doubles:,} with a double effect"
        print(f"\n{told}")  # noqa: T201 - the count is the result
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
