"""One incident, from its alarms to a decision: evidence, prompt, answer, gates."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from logging import getLogger
from typing import Protocol
from uuid import UUID

from autocloudops.alarms.model import Alarm
from autocloudops.alarms.robots import robot_of
from autocloudops.catalogue import ACTIONS, offers
from autocloudops.catalogue.model import Offer
from autocloudops.clock import Clock
from autocloudops.decisions.claims import FactReader
from autocloudops.decisions.decide import decide, decision_id_of
from autocloudops.decisions.facts import ActionFacts, alarm_facts
from autocloudops.decisions.model import Case as DecisionCase
from autocloudops.decisions.model import Decision, Facts, Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.story import Story
from autocloudops.diagnosis.ask import LEAST_START_SECONDS, Answer, Question, ask
from autocloudops.diagnosis.endpoint import ModelEndpoint, Priority
from autocloudops.diagnosis.gathering import Gathered, Subject
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.diagnosis.prompt import PROMPT_TOKENS, Prompt, PromptInput, build
from autocloudops.diagnosis.use import ModelUse, SourceUse, unasked, used
from autocloudops.errors import ContextTooLong, EndpointMisconfigured, ModelError, ModelUnavailable
from autocloudops.incidents.circumstances import Circumstances
from autocloudops.incidents.model import Incident, family
from autocloudops.incidents.track_record import SelfClearing
from autocloudops.incidents.waiting import Wait, wait_for, waiting_alarms
from autocloudops.material import kinds_shown, shown
from autocloudops.redaction import clean

log = getLogger(__name__)

NAME_CHARACTERS = 256
UNAVAILABLE = "model_unavailable"
REFUSED = "model_refused"
OFF = "mode_off"
SUPPRESSED = "suppressed"
LONGEST = timedelta(minutes=10)
UNDERESTIMATED = 1.25
OTHER_STATE = "the state of the alarm that the action is for"


@dataclass(frozen=True, slots=True)
class Case:
    """An investigated incident: its story for people, which state changes it answers, and what was known and read.

    `asks_after` is present where nobody was asked because the incident may clear by itself: if it still fires then, it
    is to be asked about after all. `unavailable` says that the model gave no answer and may give one later. `acting` is
    what was known about the target of the proposed action.
    """

    story: Story
    members: tuple[UUID, ...]
    known: Circumstances
    sources: tuple[SourceUse, ...] = ()
    asks_after: datetime | None = None
    unavailable: bool = False
    acting: ActionFacts | None = None


@dataclass(frozen=True, slots=True)
class _Findings:
    """What was asked about, what was known and read of it by `at`, and what the model said."""

    incident: Incident
    alarms: Sequence[Alarm]
    known: Circumstances
    gathered: Gathered
    question: Question
    answer: Answer | None
    at: datetime

    @property
    def token(self) -> Alarm:
        return _token(self.incident, self.alarms)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far one question may go, and what it is charged.

    Args:
        longest: from the opener of an incident to its decision at most, however long a reply runs.
        prompt_tokens: how long a question may be, in estimated tokens; `prompt.budget_of` of the context window.
        priority: who goes first where the endpoint is full.
        price_per_hour: US dollars for an hour of the instance that serves the model, where that is known.
        prices: the same for endpoints that have a price of their own, by URL.
        facts: reads what the gates need to know about a target; without it nothing is done above dry-run.
    """

    longest: timedelta = LONGEST
    prompt_tokens: int = PROMPT_TOKENS
    priority: Priority = Priority.LIVE
    price_per_hour: float | None = None
    prices: Mapping[str, float] = field(default_factory=dict)
    facts: FactReader | None = None

    def price_of(self, endpoint: str) -> float | None:
        """Return what an hour of an endpoint costs in US dollars, if that is known."""
        return self.prices.get(endpoint, self.price_per_hour)


class Reader(Protocol):
    """Reads evidence: `Gatherer`, or what opens one when it is first asked."""

    async def self_clearing(self, alarm: Alarm) -> SelfClearing | None:
        """Return how an alarm cleared by itself until now, where that is known."""
        ...

    async def gather(self, subject: Subject) -> Gathered:
        """Return what else is known about an incident."""
        ...


class Investigator:
    """Asks the model about an incident and decides.

    Args:
        endpoint: the model.
        policy: what may be done.
        clock: wall time for the record, and time for deadlines.
        decide_within: attempts to get an answer start this long after an incident's opener at most; one that runs by
            then may finish.
        bounds: how far one question may go.
        gatherer: reads what else is known; without it the evidence is the alarms and what rules say of them.
    """

    def __init__(
        self,
        endpoint: ModelEndpoint,
        policy: Policy,
        clock: Clock,
        decide_within: timedelta,
        bounds: Bounds | None = None,
        gatherer: Reader | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._policy = policy
        self._clock = clock
        self._bounds = bounds or Bounds()
        self._gatherer = gatherer
        self._underestimated: set[str] = set()
        self.patience = decide_within

    async def investigate(
        self,
        incident: Incident,
        alarms: Sequence[Alarm],
        known: Circumstances | None = None,
        due_at: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> Case:
        """Return the decision about `alarms`, with everything that led to it.

        A model that does not answer is no error here: the incident is decided `manual` with what is known.

        Args:
            incident: what is asked about.
            alarms: its members, at least one.
            known: what else is known about it; a suppressed incident is decided without a question, and so is one that
                may clear by itself.
            due_at: no attempt starts later than this, but a few seconds are always left; `patience` from now if None.
            ends_at: no reply is waited for longer than this, whenever it began; None sets no such end.
        """
        known = known or Circumstances()
        wait = await self._wait(incident, alarms, known)
        if wait:
            known = known.model_copy(update={"suppressed": wait.reason, "suppressed_until": wait.until})
        gathered = await self._gather(incident, alarms, known)
        material = PromptInput(
            evidence=shown(incident, _token(incident, alarms), alarms, known, gathered), offers=offers_for(alarms)
        )
        prompt = build(material, self._bounds.prompt_tokens)
        question = self._question(prompt, material, incident, due_at, ends_at)
        answer = None if self._unwanted(known) else await ask(self._endpoint, question, self._clock)
        found = _Findings(incident, alarms, known, gathered, question, answer, self._clock.now())
        diagnosis, facts = answer.diagnosis if answer else None, self._facts(found)
        acting = await self._acting(diagnosis, facts)
        decision = decide(diagnosis, facts.model_copy(update={"acting": acting}), self._policy)
        return Case(
            story=self._story(found, decision),
            members=tuple(alarm.event_id for alarm in alarms),
            known=known,
            sources=gathered.uses,
            asks_after=wait.until if wait else None,
            unavailable=answer is not None and isinstance(answer.failure, ModelUnavailable),
            acting=acting,
        )

    async def _acting(self, diagnosis: Diagnosis | None, facts: Facts) -> ActionFacts | None:
        """Return what is known about the target of the proposed action, if there is one."""
        request, reader = DecisionCase(diagnosis, facts, self._policy).request, self._bounds.facts
        return await reader.read(request, self._policy) if request and reader else None

    def _facts(self, found: _Findings) -> Facts:
        answer = found.answer
        return Facts(
            incident_id=found.incident.incident_id,
            revision=found.incident.revision,
            offers=found.question.material.offers,
            evidence_ids=(answer or found.question).prompt.evidence_ids,
            fault=_fault(answer) if answer else self._unwanted(found.known),
            suppressed=found.known.suppressed,
            vetoes=(*found.known.vetoes, *found.gathered.vetoes),
            unread=_unread(found.gathered, answer, found.token),
            standing=found.gathered.standing,
            age=found.at - found.token.at,
            robots=tuple(_robots(found.alarms, found.gathered)),
            alarms=tuple(alarm_facts(alarm) for alarm in found.alarms),
            storm=found.known.storm,
            unshown=_unshown(found),
        )

    def _story(self, found: _Findings, decision: Decision) -> Story:
        unused = unasked(self._endpoint.name, found.question.prompt)
        return Story(
            incident_id=found.incident.incident_id,
            at=found.at,
            resource=found.incident.resource,
            opener=found.token,
            alarm_count=max(found.incident.members, len(found.alarms)),
            evidence=found.question.material.evidence,
            use=self._used(found.answer) if found.answer else unused,
            decision=decision,
            storm=found.known.storm if found.known.stormy else 0,
        )

    async def _wait(self, incident: Incident, alarms: Sequence[Alarm], known: Circumstances) -> Wait | None:
        """Return why an incident is left to clear by itself first, if so; nobody reads that of an unwanted one."""
        gatherer = self._gatherer
        if gatherer is None or self._unwanted(known):
            return None
        newest = waiting_alarms(incident, alarms)
        records = await asyncio.gather(*(gatherer.self_clearing(alarm) for alarm in newest))
        return wait_for(newest, records, self._clock.now())

    async def _gather(self, incident: Incident, alarms: Sequence[Alarm], known: Circumstances) -> Gathered:
        """Return what else is known; nobody reads it of an incident that nobody is asked or told about."""
        if self._gatherer is None or known.suppressed:
            return Gathered()
        subject = Subject(
            incident_id=incident.incident_id,
            resource=incident.resource,
            alarm=_token(incident, alarms),
            alarms=tuple(alarms),
            at=self._clock.now(),
        )
        return await self._gatherer.gather(subject)

    def _unwanted(self, known: Circumstances) -> str | None:
        """Return why nobody is asked, if so."""
        if known.suppressed:
            return SUPPRESSED
        return OFF if self._policy.mode is Mode.OFF else None

    def _question(
        self,
        prompt: Prompt,
        material: PromptInput,
        incident: Incident,
        due_at: datetime | None,
        ends_at: datetime | None,
    ) -> Question:
        now, decide_within = self._clock.now(), self.patience.total_seconds()
        left = decide_within if due_at is None else (due_at - now).total_seconds()
        extension = self._bounds.longest.total_seconds() - decide_within
        longest = max(left + extension, decide_within)
        return Question(
            prompt=prompt,
            material=material,
            correlation_id=str(decision_id_of(incident.incident_id, incident.revision)),
            start_within_seconds=max(left, LEAST_START_SECONDS),
            longest_seconds=longest if ends_at is None else min(longest, max(0.0, (ends_at - now).total_seconds())),
            priority=self._bounds.priority,
        )

    def _used(self, answer: Answer) -> ModelUse:
        use = used(self._endpoint.name, answer, self._bounds.price_of(answer.endpoint))
        ratio = use.estimate_ratio or 0.0
        if ratio > UNDERESTIMATED and use.model not in self._underestimated:
            self._underestimated.add(use.model)
            log.warning(
                "%s counts %.2f tokens for each that was estimated: lower the prompt's budget, or questions may be"
                " refused as too long",
                use.model,
                ratio,
            )
        return use


def _fault(answer: Answer) -> str | None:
    """Return why there is no diagnosis, and what somebody must do about it where waiting does not help."""
    failure = answer.failure
    if failure is None:
        return None if answer.diagnosis else f"{answer.faults[-1].code}: {answer.faults[-1].detail}"
    if isinstance(failure, ModelUnavailable):
        return UNAVAILABLE
    return f"{REFUSED}: {failure.advice or _advice(failure)}"


def _advice(failure: ModelError) -> str:
    match failure:
        case ContextTooLong():
            return "serve the model with a longer context, or lower the prompt's budget"
        case EndpointMisconfigured():
            return "check the endpoint's name, region, permission, key and served model, then ask again"
        case _:
            return "the endpoint refuses this question: the record's error says why"


def _token(incident: Incident, alarms: Sequence[Alarm]) -> Alarm:
    """Return the alarm that the question is about."""
    return next((alarm for alarm in alarms if alarm.event_id == incident.token), alarms[0])


def _unread(gathered: Gathered, answer: Answer | None, token: Alarm) -> tuple[str, ...]:
    """Return what was not read; the state of another alarm is not, where the action is for that one alone."""
    proposed = answer.diagnosis.action if answer and answer.diagnosis else None
    if proposed is None or any(offer.action == proposed for offer in offers(token)):
        return gathered.unread
    return (*gathered.unread, OTHER_STATE)


def _unshown(found: _Findings) -> tuple[str, ...]:
    """Return the kinds of trouble in an incident that its question did not show, by their metrics where known."""
    cited = (found.answer or found.question).prompt.evidence_ids
    shown = kinds_shown(found.alarms, (each for each in found.question.material.evidence if each.id in cited))
    named = {family(alarm): _kind(alarm) for alarm in found.alarms}
    left = found.incident.families.union(named) - shown
    return tuple(sorted(named.get(each, f"kind {each}") for each in left))


def _kind(alarm: Alarm) -> str:
    """Return what an alarm watches, in words."""
    return clean(", ".join(alarm_facts(alarm).metrics) or alarm.kind, NAME_CHARACTERS)


def _robots(alarms: Sequence[Alarm], gathered: Gathered) -> Iterator[str]:
    """Yield which alarms something else acts on, as far as their messages and what was read of them say so."""
    for alarm in alarms:
        robot = robot_of(alarm)
        if robot:
            yield f"{robot} acts on {clean(alarm.key.name, NAME_CHARACTERS)}"
    if gathered.standing and gathered.standing.robot:
        yield f"{gathered.standing.robot} acts on the alarm, by the actions that it has now"
    yield from gathered.robots


def offers_for(alarms: Sequence[Alarm]) -> tuple[Offer, ...]:
    """Return what may be done about any of the alarms, each action and target once, with an ARN where one is known.

    What executes nothing needs no target to choose from: it is offered once.
    """
    found: dict[tuple[str, tuple[str, ...] | None], Offer] = {}
    for alarm in alarms:
        for offer in offers(alarm):
            target = offer.target
            acted_on = (target.type, target.id, target.account, target.region)
            same = (offer.action, acted_on if ACTIONS[offer.action].executes else None)
            if same not in found or found[same].target.arn is None:
                found[same] = offer
    return tuple(found.values())
