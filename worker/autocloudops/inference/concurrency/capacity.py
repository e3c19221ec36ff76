"""Whether the endpoint became larger or smaller: what comes out of it, against what came out before."""

from enum import StrEnum
from typing import NamedTuple

from autocloudops.inference.concurrency.line import Line, Window
from autocloudops.inference.concurrency.sample import Sample

HORIZON = 0.5
HORIZON_ANSWERS = 24
GREW, GREW_LATELY, FASTER, CONFIRM = 1.25, 1.15, 0.9, 0.4
SHRUNK, STILL_SHRINKING = 0.55, 0.75
BLEND = 0.5


class Change(StrEnum):
    """What happened to the endpoint."""

    GREW = "grew"
    SHRUNK = "shrunk"


class Reference(NamedTuple):
    """What the endpoint did in the last rounds: tokens a second with so many in flight, and how long answers took."""

    tokens_per_second: float
    in_flight: float
    latency_seconds: float
    line: Line


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
        self._shrinking_until: float | None = None
        self._blind_until = float("-inf")

    @property
    def reference(self) -> Reference | None:
        """What answers are compared with."""
        return self._reference

    @property
    def latency_seconds(self) -> float:
        """How long answers took by the reference; 0 without one."""
        return self._reference.latency_seconds if self._reference else 0.0

    def refer(self, window: Window, line: Line, now: float) -> None:
        """Blend what a round of answers showed into the reference; compare with a first one only a latency later."""
        old = self._reference
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
            return None
        self._answers.keep_since(now - self._horizon_seconds(self._reference, limit))
        self._time_highs(self._reference, now, min(limit, sample.in_flight))
        if self._shrinking_until is not None:
            return self._shrinking(self._reference, now, limit)
        return self._change(self._reference, sample, limit) if now >= self._blind_until else None

    def share(self, now: float) -> float | None:
        """Return the tokens that come out now, as a share of the reference; None without one."""
        if self._reference is None:
            return None
        passed = max(now - self._answers.covers_since, HORIZON * self._reference.latency_seconds)
        return self._answers.tokens / passed / self._reference.tokens_per_second

    def grown(self, window: Window, limit: float) -> bool:
        """Return whether a round of answers, judged by itself, confirms that the endpoint grew."""
        if self._reference is None or not len(self._answers):
            return False
        rate = window.in_flight / window.pace_seconds / self._reference.tokens_per_second
        more = max(1.0, window.in_flight / self._reference.in_flight)
        return rate > 1.2 * more and self._confirmed(self._reference, self._last_at, limit)

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
        full = min(limit, sample.in_flight) > 0.8 * reference.in_flight
        if full and (self.share(now) or 0.0) < SHRUNK * min(1.0, limit / reference.in_flight):
            self._shrinking_until = now + STILL_SHRINKING * reference.latency_seconds
            return Change.SHRUNK
        return Change.GREW if self._confirmed(reference, now, limit) else None

    def _shrinking(self, reference: Reference, now: float, limit: float) -> Change | None:
        """Follow a drop down for a while, then forget the reference: it was another endpoint's."""
        if self._shrinking_until is None or now > self._shrinking_until:
            self._shrinking_until = self._reference = None
            self.look_away(now + reference.latency_seconds)
            return None
        less = (self.share(now) or 0.0) < SHRUNK * min(1.0, limit / reference.in_flight)
        return Change.SHRUNK if less else None

    def _confirmed(self, reference: Reference, now: float, limit: float) -> bool:
        """Return whether it has been high for long enough, and still is: instances that drain give a short burst."""
        if self._high_since is None or now - self._high_since <= CONFIRM * reference.latency_seconds:
            return False
        middle = (now + self._answers.covers_since) / 2
        lately = sum(sample.tokens for sample in self._answers if sample.answered_at >= middle) / (now - middle)
        return lately > GREW_LATELY * reference.tokens_per_second * max(1.0, limit / reference.in_flight)
