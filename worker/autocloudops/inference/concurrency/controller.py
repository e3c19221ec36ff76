"""Finds how many requests keep an endpoint exactly full; docs/concurrency.md tells the idea."""

from math import inf, sqrt

from autocloudops.inference.concurrency.capacity import CapacityWatch, Change
from autocloudops.inference.concurrency.ghosts import Ghosts
from autocloudops.inference.concurrency.limit import Limit
from autocloudops.inference.concurrency.line import Line, Window
from autocloudops.inference.concurrency.overloads import Overloads
from autocloudops.inference.concurrency.sample import Sample
from autocloudops.inference.concurrency.tail import Tail

FIRST, MOST = 4, 2048
# A limit that is used by less than the first teaches nothing about a larger one, by less than the second about itself.
FULL_SHARE, LEAST_FULL_SHARE = 0.6, 0.4
# Opening: what the pace of a small window may understate, and how far one judgement may take back.
LEAST_GAIN, OPENING_FALL = 0.35, 0.5
# Growth doubles with each quiet round after these, up to a third in a latency: then a missed scale-out is found too.
QUIET_ROUNDS, MOST_STEP = 2, 0.35
# Below 16 answers a line is a guess; beyond 256 they tell of the past.
LEAST_SAMPLES, MOST_SAMPLES = 16, 256
# The error of an intercept falls with the root of the answers; growth by itself looks like waiting.
LEAST_WAIT_SHARE, WAIT_SHARE, GROWTH_WAIT_SHARE = 0.05, 0.8, 0.4
# Answers that are alike say little about waiting: what is less than two standard errors may be their noise.
SURE_ERRORS = 2.0
STEADY_FALL = 0.85
# The 95th percentile settles a little above what is aimed at: there growth by the root, and the share of what is too
# much that is taken back, are equal. Less than all of it, because the tail is measured with noise.
CEILING_AIM, CEILING_GAIN = 0.89, 0.7
# By what share of its own move the limit is taken to move the tail: one for all workers, or they share unequally.
ELASTICITY = 0.4
# Ghosts that are more than one in twenty are a crowd: the ceiling is for the 95th percentile.
CROWD, CROWD_SHARE = 2, 0.05
OVERLOAD_FALL = 0.8


class ConcurrencyController:
    """Finds the limit with the highest token throughput whose 95th percentile of latency stays under a ceiling.

    It knows only when requests were sent and answered, and their tokens. It opens up quickly while that pays, then
    swings gently around the limit at which requests begin to wait. Time is what the samples say.

    Args:
        ceiling_seconds: where the 95th percentile of latency should stay.
        first: the limit at first.
        most: what the limit never exceeds.
    """

    def __init__(self, ceiling_seconds: float, *, first: int = FIRST, most: int = MOST) -> None:
        self._ceiling_seconds = ceiling_seconds
        self._limit = Limit(first, most)
        self._watch = CapacityWatch()
        self._ghosts = Ghosts()
        self._latency_seconds = ceiling_seconds
        self._tail = Tail()
        self._window = Window()
        self._overloads = Overloads(ceiling_seconds)
        self._opening = True
        self._frozen = False
        self._room = inf
        self._lone_pace: float | None = None
        self._since = float("-inf")
        self._crowded_until = self._buried_until = float("-inf")
        self._round_at: float | None = None
        self._quiet_rounds = self._unjudged = 0
        self._settling_seconds = 0.0

    @property
    def limit(self) -> int:
        """How many requests may be in flight now, at least 1."""
        whole = int(self._limit.value)
        kept = max(1, whole // 2, min(whole, self._floor))
        return max(kept, whole - len(self._ghosts))

    def answered(self, sample: Sample) -> None:
        """Learn from an answer."""
        now = sample.answered_at
        self._ghosts.forget(sample)
        self._ghosts.serve(now, self._answers_per_second)
        self._tail.add(sample.tokens)
        self._overloads.answered(sample.seconds)
        self._note_crowd(now)
        self._move(sample)
        change = self._watch.seen(sample, self._limit.value)
        if change in {Change.SHRUNK, Change.SETTLED}:
            self._fit(now, self._watch.fits)
        elif change is Change.GREW and not self._opening:
            self._open_up(now)
        elif sample.sent_at >= self._since:
            self._learn(sample)

    def overloaded(self, sent_at: float, now: float) -> None:
        """Learn that a request sent at `sent_at` was throttled or not answered in time.

        One in twenty may take longer than the ceiling. Twice as many, and at least two, lower the limit; but where
        other answers are quick, or there are none, not below four: requests that hang for a reason of their own must
        not block all others.
        """
        if now - sent_at >= self._ceiling_seconds:
            held = len(self._ghosts)
            self._ghosts.serve(now, self._answers_per_second)
            self._ghosts.add(now, max(held, int(self._limit.value) // 2))
        self._note_crowd(now)
        if self._crowded and self._watch.settled(now):
            self._fit(now, min(self._limit.value, self._watch.fits))
        met_this_limit = sent_at >= max(self._since, self._buried_until)
        if met_this_limit and self._overloads.too_many(now - sent_at):
            self._limit.fall(max(self._floor, self._limit.value * OVERLOAD_FALL))
            self._begin_anew(now)
            self._frozen = True

    @property
    def _floor(self) -> int:
        """Below what neither throttles and timeouts nor a want of answers bring the limit."""
        return 1 if self._overloads.slow else FIRST

    @property
    def _crowded(self) -> bool:
        """Whether more requests timed out and still run than one in twenty."""
        return len(self._ghosts) >= max(CROWD, CROWD_SHARE * self._limit.value)

    def _note_crowd(self, now: float) -> None:
        """Remember until when requests wait behind ghosts: their latency says nothing about the limit.

        Behind so many that they hold all the places that they may, not even a timeout does.
        """
        if self._crowded:
            self._crowded_until = now
        if len(self._ghosts) >= max(CROWD, int(self._limit.value) // 2):
            self._buried_until = now

    def _fit(self, now: float, fits: float) -> None:
        """Follow the endpoint down to what it can run now; where so few are asked that little comes out, not below."""
        self._limit.set(max(fits, min(self._limit.value, self._floor)))
        self._begin_anew(now)

    def _move(self, sample: Sample) -> None:
        """Move the limit by what one answer allows; what is learnt while it glides says nothing about its end."""
        if self._limit.gliding:
            self._limit.one_answer()
            self._since = sample.answered_at
            if self._settling_seconds:
                self._watch.look_away(sample.answered_at + self._settling_seconds)
        elif sample.in_flight >= FULL_SHARE * self.limit:
            step = self._gain() if self._opening else self._step() / max(LEAST_SAMPLES, self._limit.value)
            may_grow = not self._frozen and sample.seconds <= self._ceiling_seconds
            self._limit.drift(step if may_grow else min(0.0, step))

    def _gain(self) -> float:
        """Return by how much one more answer opens the limit: by what it pays, 1 doubles it within a latency.

        Throughput grows by lone/now of what the limit does, where these are the seconds that a token takes with one
        request alone and with as many as now.
        """
        if self._lone_pace is None or not len(self._window):
            return 1.0
        return min(1.0, max(LEAST_GAIN, self._lone_pace / self._window.pace_seconds))

    def _step(self) -> float:
        """Return by how much the limit moves in a latency, or in as many answers as can be judged if that is more.

        It grows by the root, so that the smaller of two workers gains on the larger: little at first, twice as much in
        each quiet round after, and near the ceiling by what room there is. Beyond that it comes down.
        """
        small = sqrt(self._limit.value) / 2
        doublings = min(max(0, self._quiet_rounds - QUIET_ROUNDS), MOST.bit_length())
        near_ceiling = 2 * small + CEILING_GAIN * self._room * self._limit.value
        return min(MOST_STEP * self._limit.value, small * 2.0**doublings, near_ceiling)

    def _open_up(self, now: float) -> None:
        self._begin_anew(now)
        self._limit.stay()
        self._opening = True
        self._watch.look_away(now + self._watch.latency_seconds)

    def _begin_anew(self, now: float) -> None:
        """Forget what requests sent before now would say: they met another limit."""
        self._window = Window()
        self._since = now
        self._opening = self._frozen = False
        self._room = inf
        self._overloads.begin_anew()
        self._quiet_rounds = self._unjudged = 0
        self._settling_seconds = 0.0

    def _learn(self, sample: Sample) -> None:
        self._overloads.outweigh(1)
        if sample.sent_at < self._crowded_until:
            return
        self._unjudged += 1
        self._window.add(sample)
        self._window.keep_latest(self._samples_kept())
        if self._round_at is None:
            self._round_at = sample.answered_at
        if self._enough(sample.answered_at):
            self._unjudged = 0
            self._judge(sample.answered_at)

    def _samples_kept(self) -> int:
        """Return how many answers tell of now: those of a latency, fewer while the limit opens."""
        rounds = 0.5 if self._opening else 1.0
        return int(max(LEAST_SAMPLES, min(MOST_SAMPLES, self._limit.value * rounds)))

    def _enough(self, now: float) -> bool:
        """Return whether there are answers enough; the first after a move are the short ones and say too little."""
        if self._unjudged < self._limit.value / 8:
            return False
        if self._opening:
            return len(self._window) >= LEAST_SAMPLES
        latency = max(self._window.mean_seconds, self._watch.latency_seconds)
        few = len(self._window) < max(LEAST_SAMPLES, min(MOST_SAMPLES, self._limit.value) / 2)
        return not few and now - self._since >= 1.2 * latency

    def _judge(self, now: float) -> None:
        """Decide whether the endpoint grew, requests wait, or the ceiling is near."""
        self._frozen = False
        window, line = self._window, self._window.fit()
        self._lone_pace = min(self._lone_pace or window.pace_seconds, window.pace_seconds)
        if not self._opening and self._watch.grown(window, self._limit.value):
            self._open_up(now)
            return
        self._latency_seconds = window.mean_seconds
        waiting = line.wait_seconds / max(1e-9, line.seconds(window.mean_tokens))
        sure = line.wait_seconds > SURE_ERRORS * line.wait_error_seconds
        full = window.in_flight >= LEAST_FULL_SHARE * self._limit.value
        if sure and full and waiting > self._waiting_allowed():
            self._drop_what_waits(now, waiting)
        else:
            self._count_rounds(now, line)
            if full:
                self._mind_the_ceiling(now, self._tail.p95_seconds(line, window))

    def _count_rounds(self, now: float, line: Line) -> None:
        if self._round_at is None or now - self._round_at < self._window.mean_seconds:
            return
        self._round_at = now
        self._quiet_rounds += 1
        if not self._opening:
            self._watch.refer(self._window, line, now)

    @property
    def _answers_per_second(self) -> float:
        return self._limit.value / self._latency_seconds

    @property
    def _growth(self) -> float:
        """By how much the limit has grown since the answers in the window ran; below zero if it fell."""
        return self._limit.value / self._window.in_flight - 1

    def _waiting_allowed(self) -> float:
        """Return the share of a latency that may be waiting.

        It falls with the root of the limit: as the error of the measurement does, and so that of two workers the larger
        gives way first. Growth by itself looks like waiting, because long answers began when fewer were in flight.
        """
        return max(LEAST_WAIT_SHARE, WAIT_SHARE / sqrt(self._limit.value)) + GROWTH_WAIT_SHARE * max(0.0, self._growth)

    def _drop_what_waits(self, now: float, waiting: float) -> None:
        least = OPENING_FALL if self._opening else STEADY_FALL
        self._come_down(now, min(self._limit.value, self._window.in_flight) * max(least, 1 - waiting))

    def _come_down(self, now: float, to: float) -> None:
        settling = 2 * self._window.mean_seconds if self._opening and to < 0.8 * self._limit.value else 0.0
        self._begin_anew(now)
        self._settling_seconds = settling
        self._limit.glide(to)

    def _mind_the_ceiling(self, now: float, p95_seconds: float) -> None:
        """Note how far the limit is from where the tail is what is aimed at."""
        short = CEILING_AIM * self._ceiling_seconds / p95_seconds - 1
        wanted = self._window.in_flight * (1 + short / ELASTICITY)
        self._room = wanted / int(self._limit.value) - 1
        if self._opening and self._room < 0:
            self._come_down(now, max(wanted, OPENING_FALL * self._limit.value))
