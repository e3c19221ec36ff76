"""The nouns of deciding.

Policy      what the operator allows
Facts       what the gates know about one incident
Case        a diagnosis, its facts and the policy: what every gate is asked about
GateResult  what one gate said
Decision    the verdict, and what every gate said
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from pydantic import Field, field_validator

from autocloudops.alarms.standing import AlarmStanding
from autocloudops.catalogue import ACTIONS
from autocloudops.catalogue.model import ActionRequest, Offer
from autocloudops.decisions.facts import ActionFacts
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.values import Value

LEAST_CONFIDENCE = 7


class Verdict(StrEnum):
    """What is done about an incident."""

    EXECUTE = "execute"
    DRY_RUN = "dry_run"
    NEEDS_APPROVAL = "needs_approval"
    MANUAL = "manual"
    SUPPRESSED = "suppressed"


class GateOutcome(StrEnum):
    """What a gate says: a cap lowers the verdict, a refusal names it."""

    OK = "ok"
    REFUSED = "refused"
    CAPPED = "capped"
    NOT_EVALUATED = "not_evaluated"


class GateResult(Value):
    """What one gate said; `verdict` is present where it refused or capped."""

    name: str
    outcome: GateOutcome
    verdict: Verdict | None = None
    reason: str = ""

    @classmethod
    def ok(cls, name: str, reason: str = "") -> "GateResult":
        """Return a pass."""
        return cls(name=name, outcome=GateOutcome.OK, reason=reason)

    @classmethod
    def refused(cls, name: str, reason: str) -> "GateResult":
        """Return a refusal: a person has to look."""
        return cls(name=name, outcome=GateOutcome.REFUSED, verdict=Verdict.MANUAL, reason=reason)

    @classmethod
    def capped(cls, name: str, verdict: Verdict, reason: str) -> "GateResult":
        """Return a cap: at most `verdict`."""
        return cls(name=name, outcome=GateOutcome.CAPPED, verdict=verdict, reason=reason)

    @classmethod
    def not_evaluated(cls, name: str, reason: str) -> "GateResult":
        """Return that the gate had nothing to look at."""
        return cls(name=name, outcome=GateOutcome.NOT_EVALUATED, reason=reason)


def _catalogued(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = set(names) - set(ACTIONS)
    if unknown:
        raise ValueError(f"not in the catalogue: {', '.join(sorted(unknown))}")
    return tuple(sorted(set(names)))


class Policy(Value):
    """What the operator allows. The default allows the whole catalogue and acts on nothing, because it is a dry run.

    `min_confidence` may be raised, never lowered. A denied action is refused even where it is allowed.
    """

    mode: Mode = Mode.DRY_RUN
    allowed_actions: tuple[str, ...] = tuple(sorted(ACTIONS))
    denied_actions: tuple[str, ...] = ()
    min_confidence: int = Field(default=LEAST_CONFIDENCE, ge=LEAST_CONFIDENCE, le=10)

    @field_validator("allowed_actions", "denied_actions")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return _catalogued(names)

    @property
    def version(self) -> str:
        """The hex SHA-256 of the policy's canonical JSON."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return sha256(content.encode()).hexdigest()


class Facts(Value):
    """What the gates know about one incident.

    `fault` says why there is no diagnosis: `model_unavailable`, or what was wrong with the reply. `mode_cap` is the
    lowest mode that anything but the policy sets. `suppressed` says why nobody wants to hear of the incident now;
    `vetoes` are findings that prove an alarm of it wrong; `unread` names the essential facts that could not be read.

    `standing` is how the alarm that was asked about stood when it was read, None where it was not. `age` is how long
    before the decision that alarm changed its state, None where nobody knows. `robots` says which alarms of the
    incident are acted on by something else. `acting` is what is known about the target of the proposed action, None
    where none was proposed or nobody read it.
    """

    incident_id: UUID
    revision: int = Field(default=0, ge=0)
    offers: tuple[Offer, ...] = ()
    evidence_ids: tuple[str, ...] = ()
    fault: str | None = None
    mode_cap: Mode | None = None
    suppressed: str | None = None
    vetoes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    standing: AlarmStanding | None = None
    age: timedelta | None = None
    robots: tuple[str, ...] = ()
    acting: ActionFacts | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What every gate is asked about."""

    diagnosis: Diagnosis | None
    facts: Facts
    policy: Policy

    @property
    def mode(self) -> Mode:
        """The effective mode: the lowest that anything sets."""
        cap = self.facts.mode_cap
        return self.policy.mode if cap is None else min(self.policy.mode, cap)

    @property
    def chosen(self) -> tuple[Offer, ...]:
        """The offers of the action that the model chose: one, none, or several that disagree."""
        if self.diagnosis is None:
            return ()
        name = self.diagnosis.action
        found: list[Offer] = []
        for offer in self.facts.offers:
            if offer.action == name and offer not in found:
                found.append(offer)
        return tuple(found)


class Decision(Value):
    """What is done about one incident, and why.

    `would_be` is the verdict that mode `active` would have given; `refused_by` names the first gate that refused.
    `request` is what would be done, present whenever the chosen action executes something and was offered once.
    """

    decision_id: UUID
    incident_id: UUID
    revision: int
    verdict: Verdict
    would_be: Verdict
    gates: tuple[GateResult, ...]
    refused_by: str | None
    request: ActionRequest | None
    diagnosis: Diagnosis | None
    policy_version: str
    mode: Mode
