"""One incident, from its alarms to a decision: evidence, prompt, answer, gates."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue import ACTIONS, offers
from autocloudops.catalogue.model import Offer
from autocloudops.clock import Clock
from autocloudops.decisions.decide import decide
from autocloudops.decisions.model import Facts, Mode, Policy
from autocloudops.decisions.story import Story
from autocloudops.diagnosis.ask import Answer, ask
from autocloudops.diagnosis.endpoint import ModelEndpoint
from autocloudops.diagnosis.evidence import Evidence, alarm_evidence
from autocloudops.diagnosis.prompt import Prompt, PromptInput, build
from autocloudops.diagnosis.use import ModelUse
from autocloudops.errors import ModelError, ModelUnavailable
from autocloudops.incidents.circumstances import Circumstances
from autocloudops.incidents.model import Incident

SHOWN_ALARMS = 12
SHOWN_FINDINGS = 5
UNAVAILABLE = "model_unavailable"
REFUSED = "model_refused"
OFF = "mode_off"
SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Case:
    """An investigated incident: its story for people, which state changes it answers, and what else was known."""

    story: Story
    members: tuple[UUID, ...]
    known: Circumstances


class Investigator:
    """Asks the model about an incident and decides.

    Args:
        endpoint: the model.
        policy: what may be done.
        clock: wall time for the record.
        patience: how long one question may take, repair and retries included.
    """

    def __init__(self, endpoint: ModelEndpoint, policy: Policy, clock: Clock, patience: timedelta) -> None:
        self._endpoint = endpoint
        self._policy = policy
        self._clock = clock
        self.patience = patience

    async def investigate(
        self, incident: Incident, alarms: Sequence[Alarm], known: Circumstances | None = None
    ) -> Case:
        """Return the decision about `alarms`, with everything that led to it.

        A model that does not answer is no error here: the incident is decided `manual` with what is known.

        Args:
            incident: what is asked about.
            alarms: its members, at least one.
            known: what else is known about it; a suppressed incident is decided without a question.
        """
        known = known or Circumstances()
        evidence = _evidence(alarms, known)
        offered = _offers_for(alarms)
        prompt = build(PromptInput(evidence=evidence, offers=offered))
        answer, use, fault = await self._ask(prompt, incident, known)
        facts = Facts(
            incident_id=incident.incident_id,
            revision=incident.revision,
            offers=offered,
            evidence_ids=prompt.evidence_ids,
            fault=fault,
            suppressed=known.suppressed,
            vetoes=known.vetoes,
        )
        story = Story(
            incident_id=incident.incident_id,
            at=self._clock.now(),
            resource=incident.resource,
            opener=_token(incident, alarms),
            alarm_count=max(incident.members, len(alarms)),
            evidence=evidence,
            use=use,
            decision=decide(answer.diagnosis if answer else None, facts, self._policy),
            storm=known.storm if known.stormy else 0,
        )
        return Case(story=story, members=tuple(alarm.event_id for alarm in alarms), known=known)

    async def _ask(
        self, prompt: Prompt, incident: Incident, known: Circumstances
    ) -> tuple[Answer | None, ModelUse, str | None]:
        use = ModelUse(
            endpoint=self._endpoint.name, prompt_sha256=prompt.sha256, template_version=prompt.template_version
        )
        if known.suppressed:
            return None, use, SUPPRESSED
        if self._policy.mode is Mode.OFF:
            return None, use, OFF
        try:
            async with asyncio.timeout(self.patience.total_seconds()):
                answer = await ask(self._endpoint, prompt, str(incident.incident_id))
        except (ModelError, TimeoutError) as error:
            late = f"no answer within {self.patience.total_seconds():.0f} s"
            said = late if isinstance(error, TimeoutError) else str(error)
            passing = isinstance(error, ModelUnavailable | TimeoutError)
            return None, use.model_copy(update={"error": said}), UNAVAILABLE if passing else REFUSED
        fault = None if answer.diagnosis else f"{answer.faults[-1].code}: {answer.faults[-1].detail}"
        return answer, _used(use, answer), fault


def _used(use: ModelUse, answer: Answer) -> ModelUse:
    return use.model_copy(
        update={
            "model": answer.model,
            "requests": answer.requests,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "latency_seconds": answer.latency_seconds,
            "raw": answer.raw,
            "faults": answer.faults,
        }
    )


def _token(incident: Incident, alarms: Sequence[Alarm]) -> Alarm:
    """Return the alarm that the question is about."""
    return next((alarm for alarm in alarms if alarm.event_id == incident.token), alarms[0])


def _evidence(alarms: Sequence[Alarm], known: Circumstances) -> tuple[Evidence, ...]:
    """Return the first alarms, then what rules found wrong with them, each under an id of its own."""
    shown = [alarm_evidence(alarm, f"E{number}") for number, alarm in enumerate(alarms[:SHOWN_ALARMS], 1)]
    found = [
        Evidence(
            id=f"E{number}",
            kind="finding",
            source="rules of AutoCloudOps about alarms that cannot be right",
            text=f"{finding.code}: {finding.statement}",
        )
        for number, finding in enumerate(known.findings[:SHOWN_FINDINGS], len(shown) + 1)
    ]
    return (*shown, *found)


def _offers_for(alarms: Sequence[Alarm]) -> tuple[Offer, ...]:
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
