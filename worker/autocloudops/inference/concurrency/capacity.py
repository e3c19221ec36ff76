"""Whether the endpoint became larger or smaller: what comes out of it, against what came out before."""

from enum import StrEnum
from typing import NamedTuple

from autocloudops.inference.concurrency.line import Line, Window
from autocloudops.inference.concurrency.sample import Sample

# What is seen of the endpoint: answers of half a latency, but not so few that luck looks like change.
HORIZON = 0.5
HORIZON_ANSWERS = 32
# Workers that share see each other come and go: growth is more than what that does, for a good part of a latency.
GREW, GREW_LATELY, FASTER, CONFIRM = 1.4, 1.3, 0.9, 0.4
FRESH = 0.125
# Half of what came out is no noise; one reading may not take more than three quarters.
SHRUNK, LEAST_LEFT = 0.5, 0.25
# In latencies: when the other instances have been drained, and how long the rest is then measured.
DRAINED, STILL_SHRINKING = 0.25, 1.5
BLEND = 0.5


class Change(StrEnum):
    """What happened to the endpoint: it grew, it shrank, or it is known how far it shrank."""

    GREW = "grew"
    SHRUNK = "shrunk"
    SETTLED = "settled"


class Reference(NamedTuple):
    """What the endpoint did in the last rounds: tokens a second with so many in flight, and how long answers took."""

    tokens_per_second: float
    in_flight: float
    latency_seconds: float
    line: Line


class Shrinking:
    """What still comes out of an endpoint that became smaller, while it has more in flight than it can run."""

    def __init__(self, now: float, latency_seconds: float) -> None:
        self._counts_from = now + DRAINED * latency_seconds
        self.ends = now + STILL_SHRINKING * latency_seconds
        self._tokens = 0

    def add(self, sample: Sample) -> None:
        """Take in an answer."""
        if sample.answered_at > self._counts_from:
            self._tokens += sample.tokens

    def tokens_per_second(self, now: float) -> float:
        """Return what came out since the other instances were drained."""
        return self._tokens / (now - self._counts_from)


class CapacityWatch:
    """Compares the tokens of the answers within half a latency with the reference.

    Latency alone cannot tell: the requests on instances that are being drained are answered faster than ever. The
    endpoint grew if for a while more comes out, and faster, than the change in flight explains. It shrank if far less
    comes out.
    """

    def __init__(self) -> None:
        self._answers = Window()
        self._reference: Reference | None = None
        self._high_since: float | None = None
        self._shrinking: Shrinking | None = None
        self._fits = 0.0
        self._blind_until = float("-inf")

    @property
    def reference(self) -> Reference | None:
        """What answers are compared with."""
        return self._reference

    @property
    def fits(self) -> float:
        """How many requests in flight the endpoint can run since it shrank."""
        return self._fits

    @property
    def latency_seconds(self) -> float:
        """How long answers took by the reference; 0 without one."""
        return self._reference.latency_seconds if self._reference else 0.0

    def refer(self, window: Window, line: Line, now: float) -> None:
        """Blend what a round of answers showed into the reference; compare with a first one only a latency later.

        While more comes out than that explains, the reference stays: else growth would hide itself.
        """
        old = self._reference
        if old and self._high_since is not None and now - self._high_since < old.latency_seconds:
            return
        rate, in_flight = window.in_flight / window.pace_seconds, window.in_flight
        if old:
            rate += BLEND * (old.tokens_per_second - rate)
            in_flight += BLEND * (old.in_flight - in_flight)
        else:
            self.look_away(now + window.mean_seconds)
        self._reference = Reference(rate, in_flight, window.mean_seconds, line)

    def look_away(self, until: float) -> None:
        """Judge nothing before `until`: answers have a gap or a burst that we made ourselves."""
        self._blind_until = max(self._blind_until, until)

    def seen(self, sample: Sample, limit: float) -> Change | None:
        """Take in an answer and return what it shows, if anything.

        Args:
            sample: the answer.
            limit: how many may be in flight now.
        """
        now = sample.answered_at
        self._answers.add(sample)
        if self._reference is None:
            # An endpoint with little to do may never be judged: more than the first judgement looks at is not kept.
            self._answers.keep_latest(2 * max(HORIZON_ANSWERS, int(limit)))
            return None
        self._answers.keep_since(now - self._horizon_seconds(self._reference, limit))
        self._time_highs(self._reference, now, min(limit, sample.in_flight))
        if self._shrinking:
            self._shrinking.add(sample)
            return self._follow_down(self._reference, self._shrinking, now, limit)
        return self._change(self._reference, sample, limit) if now >= self._blind_until else None

    def share(self, now: float) -> float | None:
        """Return the tokens that come out now, as a share of the reference; None without one."""
        if self._reference is None:
            return None
        passed = max(now - self._answers.covers_since, HORIZON * self._reference.latency_seconds)
        return self._answers.tokens / passed / self._reference.tokens_per_second

    def settled(self, now: float) -> Change | None:
        """End a drop that is being followed, and forget the reference: it was another endpoint's."""
        reference, shrinking = self._reference, self._shrinking
        if not reference or not shrinking:
            return None
        if now > shrinking.ends - reference.latency_seconds:
            self._fits = reference.in_flight * shrinking.tokens_per_second(now) / reference.tokens_per_second
        self._shrinking = self._reference = None
        self.look_away(now + reference.latency_seconds)
        return Change.SETTLED

    def grown(self, window: Window, limit: float) -> bool:
        """Return whether a round of answers, judged by itself, confirms that the endpoint grew."""
        if self._reference is None or not len(self._answers):
            return False
        rate = window.in_flight / window.pace_seconds / self._reference.tokens_per_second
        more = max(1.0, window.in_flight / self._reference.in_flight)
        return rate > GREW_LATELY * more and self._confirmed(self._reference, self._last_at, limit)

    @property
    def _last_at(self) -> float:
        return max(sample.answered_at for sample in self._answers)

    @staticmethod
    def _horizon_seconds(reference: Reference, limit: float) -> float:
        few = HORIZON_ANSWERS * reference.latency_seconds / max(limit, HORIZON * reference.in_flight)
        return max(few, HORIZON * reference.latency_seconds)

    def _time_highs(self, reference: Reference, now: float, in_flight: float) -> None:
        """Remember since when more comes out, and faster, than the requests in flight explain."""
        explained = GREW * max(1.0, in_flight / reference.in_flight)
        at_old_pace = (
            reference.line.wait_seconds * len(self._answers) + reference.line.pace_seconds * self._answers.tokens
        )
        high = (self.share(now) or 0.0) > explained and self._answers.seconds < FASTER * at_old_pace
        self._high_since = (self._high_since or now) if high else None

    def _change(self, reference: Reference, sample: Sample, limit: float) -> Change | None:
        now = sample.answered_at
        full = sample.in_flight > 0.8 * min(limit, reference.in_flight)
        if full and (self.share(now) or 0.0) < SHRUNK * min(1.0, limit / reference.in_flight):
            return self._shrunk(reference, now, limit)
        return Change.GREW if self._confirmed(reference, now, limit) else None

    def _follow_down(self, reference: Reference, shrinking: Shrinking, now: float, limit: float) -> Change | None:
        """Follow a drop down for a while: what came out in the meantime then tells what can run."""
        if now > shrinking.ends:
            return self.settled(now)
        less = (self.share(now) or 0.0) < SHRUNK * min(1.0, limit / reference.in_flight)
        return self._shrunk(reference, now, limit) if less else None

    def _shrunk(self, reference: Reference, now: float, limit: float) -> Change:
        self._shrinking = self._shrinking or Shrinking(now, reference.latency_seconds)
        self._fits = min(limit, reference.in_flight * max(LEAST_LEFT, self.share(now) or 0.0))
        return Change.SHRUNK

    def _confirmed(self, reference: Reference, now: float, limit: float) -> bool:
        """Return whether it has been high for long enough, also for what was sent since, and still is.

        Instances that drain give a short burst, but nothing that was sent since then is answered.
        """
        high_since = self._high_since
        if high_since is None or now - high_since <= CONFIRM * reference.latency_seconds:
            return False
        fresh = sum(sample.sent_at >= high_since for sample in self._answers)
        if fresh < FRESH * len(self._answers):
            return False
        middle = (now + self._answers.covers_since) / 2
        lately = sum(sample.tokens for sample in self._answers if sample.answered_at >= middle) / (now - middle)
        return lately > GREW_LATELY * reference.tokens_per_second * max(1.0, limit / reference.in_flight)
