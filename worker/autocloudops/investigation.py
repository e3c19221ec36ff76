"""One incident, from its alarms to a decision: evidence, prompt, answer, gates."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from autocloudops.alarms.model import Alarm
from autocloudops.catalogue import offers
from autocloudops.catalogue.model import Offer
from autocloudops.clock import Clock
from autocloudops.decisions.decide import decide
from autocloudops.decisions.model import Facts, Mode, Policy
from autocloudops.decisions.story import Story
from autocloudops.diagnosis.ask import Answer, ask
from autocloudops.diagnosis.endpoint import ModelEndpoint
from autocloudops.diagnosis.evidence import alarm_evidence
from autocloudops.diagnosis.prompt import Prompt, PromptInput, build
from autocloudops.diagnosis.use import ModelUse
from autocloudops.errors import ModelError, ModelUnavailable
from autocloudops.incidents.model import Incident

SHOWN_ALARMS = 12
UNAVAILABLE = "model_unavailable"
REFUSED = "model_refused"
OFF = "mode_off"


@dataclass(frozen=True, slots=True)
class Case:
    """An investigated incident: its story for people, and which state changes it answers."""

    story: Story
    members: tuple[UUID, ...]


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

    async def investigate(self, incident: Incident, alarms: Sequence[Alarm]) -> Case:
        """Return the decision about `alarms`, with everything that led to it.

        A model that does not answer is no error here: the incident is decided `manual` with what is known.
        """
        shown = alarms[:SHOWN_ALARMS]
        evidence = tuple(alarm_evidence(alarm, f"E{number}") for number, alarm in enumerate(shown, 1))
        offered = _offers_for(alarms)
        prompt = build(PromptInput(evidence=evidence, offers=offered))
        answer, use, fault = await self._ask(prompt, incident)
        facts = Facts(incident_id=incident.incident_id, offers=offered, evidence_ids=prompt.evidence_ids, fault=fault)
        decision = decide(answer.diagnosis if answer else None, facts, self._policy)
        story = Story(
            incident_id=incident.incident_id,
            at=self._clock.now(),
            resource=incident.resource,
            opener=alarms[0],
            alarm_count=incident.members,
            evidence=evidence,
            use=use,
            decision=decision,
        )
        return Case(story=story, members=tuple(alarm.event_id for alarm in alarms))

    async def _ask(self, prompt: Prompt, incident: Incident) -> tuple[Answer | None, ModelUse, str | None]:
        use = ModelUse(
            endpoint=self._endpoint.name, prompt_sha256=prompt.sha256, template_version=prompt.template_version
        )
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


def _offers_for(alarms: Sequence[Alarm]) -> tuple[Offer, ...]:
    """Return what may be done about any of the alarms; where two name one action, the earlier alarm's target stands."""
    found: dict[str, Offer] = {}
    for alarm in alarms:
        for offer in offers(alarm):
            found.setdefault(offer.action, offer)
    return tuple(found.values())
