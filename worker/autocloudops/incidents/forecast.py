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
from autocloudops.incidents.replay import Outcome, Question, Replay, Transition
from autocloudops.incidents.track_record import TrackRecord, episodes, self_clearing, track_record
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
    minutes. `rested` questions were left out because an alarm flapped. `spared` questions would be left out if alarms
    that clear by themselves had to last longer than nine of ten of their episodes; the same history says which do.
    `asked_at` are the times of all questions. `noisiest` is ordered by fires, the most first.
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
    entries: Iterable[Entry], history: Iterable[Transition], since: datetime, until: datetime, windows: Windows
) -> Forecast:
    """Return what `history` comes to under the rules of grouping and flapping, replayed in order.

    Args:
        entries: the inventory.
        history: changes of state, in any order; copies count once.
        since: where the history begins.
        until: where it ends.
        windows: how long an incident takes members.
    """
    known = {entry.key: entry for entry in entries}
    candidates = {key: entry for key, entry in known.items() if entry.exclusion is None}
    unique = sorted(set(history), key=lambda each: (each.at, each.key.name, each.state))
    taken = [each for each in unique if each.key in candidates]
    outcome = _replayed(candidates, taken, windows)
    records, spared = _by_alarm(taken, outcome)
    asked = tuple(question.at for question in outcome.questions)
    return Forecast(
        since=since,
        until=until,
        transitions=len(taken),
        excluded=sum(each.key in known and each.key not in candidates for each in unique),
        unknown=sum(each.key not in known for each in unique),
        changed=len(records),
        episodes=sum(noise.record.fires for noise in records),
        ended=sum(noise.record.ended for noise in records),
        soon=sum(noise.record.soon for noise in records),
        incidents=outcome.incidents,
        rested=outcome.rested,
        spared=spared,
        asked_at=asked,
        busiest_hour=_most(at.replace(minute=0, second=0, microsecond=0) for at in asked),
        busiest_day=_most(at.date() for at in asked),
        noisiest=tuple(sorted(records, key=lambda noise: (-noise.record.fires, noise.key.name))),
    )


def _replayed(candidates: Mapping[AlarmKey, Entry], taken: Sequence[Transition], windows: Windows) -> Outcome:
    replay = Replay(candidates, windows)
    for transition in taken:
        replay.take(transition)
    return replay.finish()


def _by_alarm(taken: Sequence[Transition], outcome: Outcome) -> tuple[list[Noise], int]:
    """Return the track record of every alarm that changed, and how many questions self-clearing alarms would spare."""
    turns: defaultdict[AlarmKey, list[Transition]] = defaultdict(list)
    for transition in taken:
        turns[transition.key].append(transition)
    raised: defaultdict[AlarmKey, list[Question]] = defaultdict(list)
    for question in outcome.questions:
        raised[question.key].append(question)
    noise = [Noise(key=key, record=track_record(own), questions=len(raised[key])) for key, own in turns.items()]
    return noise, sum(_spared(turns[key], questions) for key, questions in raised.items())


def _spared(turns: Sequence[Transition], questions: Sequence[Question]) -> int:
    """Return how many questions an alarm would not have raised, had it been waited for."""
    clearing = self_clearing(turns)
    if clearing is None:
        return 0
    lasted = {episode.began: episode.seconds for episode in episodes(turns)}
    short = {began for began, seconds in lasted.items() if seconds is not None and seconds <= clearing.p90_seconds}
    return sum(question.alone and question.began in short for question in questions)


def _most(times: Iterable[object]) -> int:
    return max(Counter(times).values(), default=0)
