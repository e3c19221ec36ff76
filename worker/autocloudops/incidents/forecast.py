"""What alarm history says about the days to come: how much noise, how many incidents, how many questions.

Forecast   transitions -> episodes -> incidents -> questions, and the alarms behind them
Noise      one of these alarms
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from autocloudops.alarms.inventory import Entry
from autocloudops.alarms.model import AlarmKey
from autocloudops.incidents.model import Windows
from autocloudops.incidents.replay import Outcome, Replay, Transition
from autocloudops.incidents.track_record import TrackRecord, self_clearing, track_record
from autocloudops.values import Value

DAY = timedelta(days=1)


class Noise(Value):
    """One alarm, how often it fired, and the questions that it raised."""

    key: AlarmKey
    record: TrackRecord
    questions: int


class Forecast(Value):
    """A stretch of history from `since` to `until`, through the rules that hold today.

    `transitions` are all changes of state of candidates; `excluded` those of alarms that are no candidates, `unknown`
    those of alarms that are in the inventory no longer. `ended` episodes came to an end, `soon` of them within five
    minutes. `rested` questions were left out because an alarm flapped, `spared` ones because alarms that clear by
    themselves did so within the time that nine of ten of their episodes last; the same history says which do.
    `asked_at` are the times of the questions that are left. `noisiest` is ordered by fires, the most first.
    """

    since: datetime
    until: datetime
    transitions: int
    excluded: int
    unknown: int
    changed: int
    episodes: int
    ended: int
    soon: int
    incidents: int
    rested: int
    spared: int
    asked_at: tuple[datetime, ...]
    busiest_hour: int
    busiest_day: int
    noisiest: tuple[Noise, ...]

    @property
    def days(self) -> float:
        """How long the history is."""
        return (self.until - self.since) / DAY

    @property
    def questions(self) -> int:
        """How many questions would have been asked."""
        return len(self.asked_at)

    @property
    def questions_a_day(self) -> float:
        """How many questions would have been asked on a mean day, 0 for no time."""
        return self.questions / self.days if self.days else 0.0


def forecast(
    entries: Iterable[Entry],
    history: Iterable[Transition],
    span: tuple[datetime, datetime],
    windows: Windows,
    *,
    waits: bool = True,
) -> Forecast:
    """Return what `history` comes to under the rules of grouping, flapping and waiting, replayed in order.

    Args:
        entries: the inventory.
        history: changes of state, in any order; copies count once.
        span: where the history begins and ends.
        windows: how long an incident takes members.
        waits: whether alarms that clear by themselves are waited for, which is a setting.
    """
    known = {entry.key: entry for entry in entries}
    candidates = {key: entry for key, entry in known.items() if not entry.excluded}
    unique = sorted(set(history), key=lambda each: (each.at, each.key.name, each.state))
    taken = [each for each in unique if each.key in candidates]
    turns = _turns(taken)
    clearing = {key: record for key, own in turns.items() if (record := self_clearing(own))} if waits else {}
    outcome = _replayed(Replay(candidates, windows, clearing), taken)
    records = _by_alarm(turns, outcome)
    asked = tuple(question.at for question in outcome.questions)
    return Forecast(
        since=span[0],
        until=span[1],
        transitions=len(taken),
        excluded=sum(each.key in known and each.key not in candidates for each in unique),
        unknown=sum(each.key not in known for each in unique),
        changed=len(records),
        episodes=sum(noise.record.fires for noise in records),
        ended=sum(noise.record.ended for noise in records),
        soon=sum(noise.record.soon for noise in records),
        incidents=outcome.incidents,
        rested=outcome.rested,
        spared=outcome.spared,
        asked_at=asked,
        busiest_hour=_most(at.replace(minute=0, second=0, microsecond=0) for at in asked),
        busiest_day=_most(at.date() for at in asked),
        noisiest=tuple(sorted(records, key=lambda noise: (-noise.record.fires, noise.key.name))),
    )


def _replayed(replay: Replay, taken: Sequence[Transition]) -> Outcome:
    for transition in taken:
        replay.take(transition)
    return replay.finish()


def _turns(taken: Sequence[Transition]) -> Mapping[AlarmKey, Sequence[Transition]]:
    turns: defaultdict[AlarmKey, list[Transition]] = defaultdict(list)
    for transition in taken:
        turns[transition.key].append(transition)
    return turns


def _by_alarm(turns: Mapping[AlarmKey, Sequence[Transition]], outcome: Outcome) -> list[Noise]:
    """Return the track record of every alarm that changed, and how many questions it raised."""
    raised = Counter(question.key for question in outcome.questions)
    return [Noise(key=key, record=track_record(own), questions=raised[key]) for key, own in turns.items()]


def _most(times: Iterable[object]) -> int:
    return max(Counter(times).values(), default=0)
