"""Records as a worker writes them: incidents of the scenarios, decided by the worker's own code, no two alike."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from uuid import UUID

from bench.scenarios.runs import ACTIVE, PATIENCE, Shown, Told
from bench.scenarios.scenario import Scenario, load
from chat_only import ChatOnly
from deciding import KnownTarget
from virtual_time import VirtualClock

from autocloudops.alarms.model import Alarm, AlarmState
from autocloudops.audit.record import AuditRecord, DeliveryFacts, Outcome
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest
from autocloudops.diagnosis.gathering import Gatherer
from autocloudops.incidents.model import Incident, incident_id
from autocloudops.investigation import Bounds, Case, Investigator
from autocloudops.sandbox.endpoint import RulesEngine, ServedModel
from autocloudops.sandbox.endpoint.inprocess import InProcessEndpoint

JOINED = 2
RECORDS_PER_INCIDENT = 1 + JOINED + 1
CAUSE_WORDS = (14, 34)
GAP_WORDS = (4, 9)
PRICE_PER_HOUR = 1.41
WORD = re.compile(r"[A-Za-z][a-z-]{2,14}")
NUMBER = re.compile(r"\d+")


class Wordy(ChatOnly):
    """A `ModelEndpoint` that decides as the rules do and says it in other words each time.

    Args:
        clock: for latency.
        words: what it says is made of.
        random: which words.
    """

    name = "sagemaker://simulated"

    def __init__(self, clock: VirtualClock, words: Sequence[str], random: Random) -> None:
        self._rules = InProcessEndpoint(ServedModel(RulesEngine(), clock), "simulated", clock)
        self._words = words
        self._random = random

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the rules' answer with a cause and gaps that nobody else was told."""
        said = await self._rules.complete(request)
        reply = json.loads(said.content or "{}")
        reply |= {"root_cause": self._sentence(CAUSE_WORDS), "gaps": [self._sentence(GAP_WORDS)]}
        return said.model_copy(update={"content": json.dumps(reply)})

    def _sentence(self, bounds: tuple[int, int]) -> str:
        words = self._random.choices(self._words, k=self._random.randint(*bounds))
        return f"{' '.join(words).capitalize()} {self._random.randint(2, 9999)}."


async def records(incidents: int, seed: int) -> Sequence[AuditRecord]:
    """Return what a worker would have written about so many incidents, each with alarms that joined and cleared.

    Scenarios come round with other accounts, names, times and numbers each time; a reply never comes twice.

    Args:
        incidents: how many are decided.
        seed: the same seed gives the same records.
    """
    scenarios, random = load(), Random(seed)  # noqa: S311 - no secret hangs on it
    words = sorted({word for scenario in scenarios for word in WORD.findall(_told(scenario))})
    made: list[AuditRecord] = []
    for number in range(incidents):
        made += await _incident(scenarios[number % len(scenarios)], words, random)
    replies = [reply for each in made if each.model for reply in each.model.raw]
    assert len(set(replies)) == len(replies) >= incidents, (
        "a reply came twice: more of them compress better than real ones"
    )
    return made


def _told(scenario: Scenario) -> str:
    return " ".join([scenario.story, *(text for texts in scenario.evidence.values() for text in texts)])


async def _incident(scenario: Scenario, words: Sequence[str], random: Random) -> Sequence[AuditRecord]:
    at = datetime.fromtimestamp(
        VirtualClock().now().timestamp() + random.random() * 86_400, tz=scenario.parsed[0].at.tzinfo
    )
    alarms = [_another(alarm, at, random) for alarm in scenario.parsed]
    clock = VirtualClock()
    told = {kind: [_renumbered(text, random) for text in texts] for kind, texts in Shown.ALL.of(scenario).items()}
    gatherer = Gatherer([Told(*each) for each in told.items()], clock)
    bounds = Bounds(facts=KnownTarget(), price_per_hour=PRICE_PER_HOUR)
    investigator = Investigator(Wordy(clock, words, random), ACTIVE, clock, PATIENCE, bounds, gatherer)
    case = await investigator.investigate(_opened(alarms[0]), alarms)
    return [_decided(case, random), *_followers(case, alarms[0], random)]


def _another(alarm: Alarm, at: datetime, random: Random) -> Alarm:
    """Return an alarm of the same kind about something else."""
    number = random.randint(100, 99_999)
    key = alarm.key.model_copy(update={"name": f"{alarm.key.name}-{number}"})
    resource = alarm.resource.model_copy(
        update={"id": f"{alarm.resource.id}-{number}", "owner": f"{alarm.resource.owner}-{number}"}
    )
    raw = sha256(random.randbytes(32)).hexdigest()
    reason = _renumbered(alarm.reason, random)
    return alarm.model_copy(
        update={"key": key, "resource": resource, "at": at, "raw_sha256": raw, "reason": reason, "reason_data": None}
    )


def _renumbered(text: str, random: Random) -> str:
    return NUMBER.sub(lambda found: "".join(random.choices("0123456789", k=len(found[0]))), text)


def _opened(opener: Alarm) -> Incident:
    return Incident(
        incident_id=incident_id(opener),
        owner_key=opener.resource.owner_key,
        resource=opener.resource,
        token=opener.event_id,
        opened_at=opener.at,
        last_member_at=opener.at,
    )


def _decided(case: Case, random: Random) -> AuditRecord:
    return AuditRecord(
        outcome=Outcome.DECIDED,
        at=case.story.at,
        event_id=case.story.opener.event_id,
        incident_id=case.story.incident_id,
        attempt=1,
        delivery=_delivery(case.story.opener.at, random),
        alarm=case.story.opener,
        members=case.members,
        sources=case.sources,
        evidence=case.story.evidence,
        model=case.story.use,
        decision=case.story.decision,
        acting=case.acting,
        findings=case.known.findings,
    )


def _followers(case: Case, opener: Alarm, random: Random) -> Iterator[AuditRecord]:
    """Yield the records of alarms that joined, and of the one that cleared."""
    for outcome, state in ((Outcome.JOINED, AlarmState.ALARM),) * JOINED + ((Outcome.OK, AlarmState.OK),):
        alarm = _another(opener, opener.at + timedelta(seconds=random.random() * 600), random)
        alarm = alarm.model_copy(update={"state": state})
        yield AuditRecord(
            outcome=outcome,
            at=alarm.at + timedelta(seconds=2),
            event_id=alarm.event_id,
            incident_id=case.story.incident_id,
            delivery=_delivery(alarm.at, random),
            alarm=alarm,
        )


def _delivery(at: datetime, random: Random) -> DeliveryFacts:
    return DeliveryFacts(message_id=str(UUID(bytes=random.randbytes(16), version=4)), receive_count=1, sent_at=at)


def kinds(made: Sequence[AuditRecord]) -> Mapping[str, int]:
    """Return how many records there are of each outcome."""
    return {outcome: number for outcome in Outcome if (number := sum(each.outcome is outcome for each in made))}
