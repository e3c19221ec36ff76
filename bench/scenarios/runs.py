"""A scenario decided by the worker's own code: evidence gathered, prompt built, model asked, every gate passed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bench.scenarios.scenario import ESSENTIAL, NOT_READ, WORTH, Scenario
from deciding import KnownTarget
from virtual_time import VirtualClock

from autocloudops.alarms.model import Alarm, AlarmState
from autocloudops.alarms.standing import AlarmStanding
from autocloudops.catalogue import ACTIONS
from autocloudops.decisions.model import Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.gathering import Gatherer, Piece, Subject
from autocloudops.incidents.model import Incident, incident_id
from autocloudops.investigation import Bounds, Investigator
from autocloudops.sandbox.endpoint import RulesEngine, ServedModel
from autocloudops.sandbox.endpoint.inprocess import InProcessEndpoint

PATIENCE = timedelta(seconds=60)
ASKED_AFTER = timedelta(seconds=14)
"""From the alarm to the question."""
ACTIVE = Policy(mode=Mode.ACTIVE)
STANDING = "alarm-now"
OVER = "no longer in ALARM"


class Shown(StrEnum):
    """How much is gathered before the question."""

    NOTHING = "the alarm alone"
    ITS_STATE = "with its state now"
    ALL = "with all evidence"

    def of(self, scenario: Scenario) -> dict[str, Sequence[str]]:
        """Return the evidence of a scenario that is shown, by kind."""
        kept = {Shown.NOTHING: (), Shown.ITS_STATE: (STANDING,), Shown.ALL: tuple(scenario.evidence)}[self]
        return {kind: scenario.evidence[kind] for kind in kept}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scenario: the action that was chosen, and the verdict in mode `active`."""

    scenario: Scenario
    action: str
    verdict: Verdict
    prompt_tokens: int

    @property
    def right(self) -> bool:
        """Whether it is the action that a good engineer would choose."""
        return self.action == self.scenario.right

    @property
    def accepted(self) -> bool:
        """Whether it is that action or another that would do."""
        return self.right or self.action in self.scenario.acceptable

    @property
    def harmful(self) -> bool:
        """Whether something would be done that should not be."""
        return ACTIONS[self.action].executes and not self.accepted

    @property
    def executed_wrongly(self) -> bool:
        """Whether it would be done without asking anybody."""
        return self.harmful and self.verdict is Verdict.EXECUTE


class _ClockAfter(VirtualClock):
    """Virtual time that begins a moment after an alarm.

    Args:
        alarm: the alarm.
    """

    def __init__(self, alarm: Alarm) -> None:
        self._began = alarm.at + ASKED_AFTER

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self.monotonic())


class Told:
    """A source that says what a scenario says.

    Args:
        kind: what it reads.
        texts: its pieces.
    """

    permissions: frozenset[str] = frozenset()

    def __init__(self, kind: str, texts: Sequence[str]) -> None:
        self.kind = kind
        self.essential = kind in ESSENTIAL
        self._texts = texts

    async def read(self, subject: Subject) -> Sequence[Piece]:
        """Return the pieces, those that could not be read without worth."""
        return [self._piece(text, subject) for text in self._texts]

    def _piece(self, text: str, subject: Subject) -> Piece:
        missing = text.startswith(NOT_READ)
        worth = 0 if missing else WORTH[self.kind]
        standing = _standing(text, subject) if self.kind == STANDING and not missing else None
        return Piece(kind=self.kind, source="scenario", text=text, worth=worth, missing=missing, standing=standing)


def _standing(text: str, subject: Subject) -> AlarmStanding:
    state = AlarmState.OK if OVER in text else AlarmState.ALARM
    return AlarmStanding(state=state, since=subject.alarm.at, read_at=subject.at)


async def decided(scenario: Scenario, shown: Shown) -> Outcome:
    """Return what is decided about a scenario in mode `active`, where so much was gathered before."""
    alarms = scenario.parsed
    clock = _ClockAfter(alarms[0])
    endpoint = InProcessEndpoint(ServedModel(RulesEngine(), clock), "simulated", clock)
    gatherer = Gatherer([Told(*each) for each in shown.of(scenario).items()], clock)
    bounds = Bounds(facts=KnownTarget())
    investigator = Investigator(endpoint, ACTIVE, clock, PATIENCE, bounds, gatherer)
    story = (await investigator.investigate(_incident(alarms[0]), alarms)).story
    diagnosis = story.decision.diagnosis
    assert diagnosis, f"{scenario.name}: {story.decision.gates}"
    return Outcome(scenario, diagnosis.action, story.decision.verdict, story.use.estimated_tokens)


def _incident(opener: Alarm) -> Incident:
    return Incident(
        incident_id=incident_id(opener),
        owner_key=opener.resource.owner_key,
        resource=opener.resource,
        token=opener.event_id,
        opened_at=opener.at,
        last_member_at=opener.at,
    )
