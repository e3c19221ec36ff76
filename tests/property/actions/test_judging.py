from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from verified_world import restart, wanted_of
from virtual_time import START

from autocloudops.actions.judging import SOONEST, AlarmSeen, Patience, judged
from autocloudops.alarms.model import AlarmState
from autocloudops.decisions.claims import ClaimState, Finding, Helped
from autocloudops.decisions.facts import Unknown

UNREAD = Unknown(unknown="denied")
CLAIM = wanted_of(restart(), START).model_copy(update={"state": ClaimState.DONE, "ended_at": START})
SECONDS = st.integers(min_value=0, max_value=7200).map(lambda seconds: timedelta(seconds=seconds))
PERIODS = st.sampled_from([10, 60, 300, 3600]).map(lambda seconds: timedelta(seconds=seconds))
GUARDS = st.one_of(st.just(UNREAD), st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True).map(tuple))
PATIENCE = Patience()


@st.composite
def alarms(draw: st.DrawFn) -> AlarmSeen | Unknown:
    """Return how an alarm may stand: any state since any time, or unread."""
    if draw(st.booleans()) and draw(st.booleans()):
        return UNREAD
    since = START + draw(SECONDS) - timedelta(hours=1)
    return AlarmSeen(state=draw(st.sampled_from(AlarmState)), since=since, period=draw(PERIODS))


@given(alarms(), GUARDS, SECONDS)
def test_only_what_was_ok_for_long_enough_is_verified(
    seen: AlarmSeen | Unknown, guards: tuple[str, ...] | Unknown, after: timedelta
) -> None:
    """Verified means: OK for two periods after the action ended, with every guard read and quiet."""
    found = judged(CLAIM, seen, guards, PATIENCE, START + after)
    quiet = isinstance(seen, AlarmSeen) and seen.state is AlarmState.OK and guards == ()
    long_enough = isinstance(seen, AlarmSeen) and START + after >= max(seen.since, START) + 2 * seen.period
    verified = isinstance(found, Finding) and found.helped is Helped.VERIFIED
    assert verified is (quiet and long_enough)


@given(alarms(), GUARDS, SECONDS)
def test_only_known_harm_is_rolled_back(
    seen: AlarmSeen | Unknown, guards: tuple[str, ...] | Unknown, after: timedelta
) -> None:
    """An effect is taken back where a guard fires, or after the deadline where the alarm is known not to be quiet."""
    found = judged(CLAIM, seen, guards, PATIENCE, START + after)
    if isinstance(found, Finding) and found.rolling_back:
        firing = not isinstance(guards, Unknown) and bool(guards)
        late = after >= PATIENCE.within
        assert firing or (late and isinstance(seen, AlarmSeen) and seen.state is not AlarmState.INSUFFICIENT_DATA)


@given(alarms(), GUARDS, SECONDS)
def test_it_always_ends(seen: AlarmSeen | Unknown, guards: tuple[str, ...] | Unknown, after: timedelta) -> None:
    """Whoever waits looks again within five minutes, and after the deadline and two periods more nobody waits."""
    found = judged(CLAIM, seen, guards, PATIENCE, START + after)
    if isinstance(found, timedelta):
        period = seen.period if isinstance(seen, AlarmSeen) else timedelta()
        assert SOONEST <= found <= PATIENCE.longest
        assert after < PATIENCE.within + max(2 * period, PATIENCE.longest)
