"""The nouns of deciding.

Policy      what the operator allows
Facts       what the gates know about one incident
Case        a diagnosis, its facts and the policy: what every gate is asked about
GateResult  what one gate said
Decision    the verdict, and what every gate said
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple, Self
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator, model_validator

from autocloudops.alarms.standing import AlarmStanding
from autocloudops.catalogue import ACTIONS, request_for
from autocloudops.catalogue.model import Action, ActionRequest, Offer, Risk
from autocloudops.decisions.facts import ActionFacts, AlarmFacts, Unknown
from autocloudops.decisions.limits import ClaimLimits, write_span
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import (
    Account,
    ActionName,
    ActionRule,
    AlarmRule,
    ApprovalRule,
    Names,
    TagRule,
    higher,
)
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.incidents.circumstances import STORM_RESOURCES
from autocloudops.values import Value

LEAST_CONFIDENCE = 7
SHORTEST_LEASE = timedelta(seconds=60)


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


class ModeLimit(NamedTuple):
    """The highest mode that something allows, and what that is, in words."""

    mode: Mode
    by: str


class Policy(Value):
    """What the operator allows. The default names nothing that may be done and acts on nothing: it is a dry run.

    A mode only lowers: of all that apply to a case the lowest counts. `accounts`, `regions` and `actions` are limits
    where they are given: what is not named is refused. `min_confidence` and an action's risk may be raised, never
    lowered.

    Raises:
        ValidationError: a name is not in the catalogue, a key is not known, or a limit is weaker than it may be.
    """

    model_config = ConfigDict(extra="forbid")

    mode: Mode = Field(default=Mode.DRY_RUN, description="the highest mode anywhere")
    accounts: Mapping[Account, Mode] | None = Field(
        default=None, description="the accounts where anything may be done, and the highest mode of each"
    )
    regions: Names | None = Field(default=None, description="the regions where anything may be done")
    actions: Mapping[ActionName, ActionRule] | None = Field(default=None, description="the actions that may be done")
    alarms: tuple[AlarmRule, ...] = Field(default=(), description="lower modes for families of alarms")
    tags: TagRule = Field(default=TagRule(), description="the tags that a target must and must not have")
    calendars: Names = Field(
        default=(), max_length=10, description="change calendars of Systems Manager, each of which must be open"
    )
    guards: Names = Field(
        default=(),
        max_length=100,
        description="alarms that must not be in ALARM, by name: a deployment, an error budget",
    )
    storm: int = Field(
        default=STORM_RESOURCES,
        ge=2,
        description="from so many resources that alarm at once on, everything is a dry run",
    )
    min_confidence: int = Field(
        default=LEAST_CONFIDENCE, ge=LEAST_CONFIDENCE, le=10, description="what the model must say of itself, of 10"
    )
    limits: ClaimLimits = Field(default=ClaimLimits(), description="how often anything may be done")
    approval: ApprovalRule = Field(default=ApprovalRule(), description="who approves, and how long that is possible")

    @field_validator("regions", "calendars", "guards")
    @classmethod
    def _in_order(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else tuple(sorted(set(names)))

    @field_validator("actions")
    @classmethod
    def _no_lower_risk(cls, rules: Mapping[str, ActionRule] | None) -> Mapping[str, ActionRule] | None:
        for name, rule in (rules or {}).items():
            if rule.risk and higher(rule.risk, ACTIONS[name].risk) is not rule.risk:
                raise ValueError(f"the risk of {name} is {ACTIONS[name].risk}: a policy may raise it, never lower it")
        return rules

    @field_validator("limits")
    @classmethod
    def _long_enough(cls, limits: ClaimLimits) -> ClaimLimits:
        if limits.lease < SHORTEST_LEASE:
            raise ValueError(f"the lease is at least {write_span(SHORTEST_LEASE)}: clocks differ")
        return limits

    @model_validator(mode="after")
    def _locked_while_held(self) -> Self:
        own = [rule.cooldown for rule in (self.actions or {}).values() if rule.cooldown is not None]
        if min([self.limits.cooldown, *own]) < self.limits.lease:
            raise ValueError(
                f"a cooldown is at least the lease of {write_span(self.limits.lease)}: it locks the target"
            )
        return self

    @property
    def version(self) -> str:
        """The hex SHA-256 of the policy's canonical JSON."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return sha256(content.encode()).hexdigest()

    def mode_limits(self, targets: Iterable[tuple[str, str]], alarms: tuple[AlarmFacts, ...]) -> Iterator[ModeLimit]:
        """Yield every mode of the policy that applies.

        Args:
            targets: accounts and actions that are in question.
            alarms: whose alarms; where there are none nobody knows whose, and every rule for alarms applies.
        """
        yield ModeLimit(self.mode, "the policy")
        for account, action in targets:
            if self.accounts and account in self.accounts:
                yield ModeLimit(self.accounts[account], f"account {account}")
            if self.actions and action in self.actions:
                yield ModeLimit(self.actions[action].mode, f"action {action}")
        for rule in self.alarms:
            if not alarms or any(rule.fits(alarm) for alarm in alarms):
                yield ModeLimit(rule.mode, rule.title)

    def rule_of(self, action: str) -> ActionRule | None:
        """Return what is said of an action, None where it is not allowed at all."""
        return ActionRule() if self.actions is None else self.actions.get(action)

    def limits_of(self, action: str) -> ClaimLimits:
        """Return how often an action may be done: its own limits before those of all."""
        rule = self.rule_of(action) or ActionRule()
        own = {"cooldown": rule.cooldown, "runbook_per_hour": rule.per_hour}
        return self.limits.model_copy(update={name: limit for name, limit in own.items() if limit is not None})

    def risk_of(self, action: Action) -> Risk:
        """Return the risk that counts: the catalogue's, or a higher one of the policy's."""
        rule = self.rule_of(action.name)
        return higher(action.risk, rule.risk) if rule and rule.risk else action.risk


class Facts(Value):
    """What the gates know about one incident.

    `fault` says why there is no diagnosis: `model_unavailable`, or what was wrong with the reply. `suppressed` says why
    nobody wants to hear of the incident now; `vetoes` are findings that prove an alarm of it wrong; `unread` names the
    essential facts that could not be read.

    `standing` is how the alarm that was asked about stood when it was read, None where it was not. `age` is how long
    before the decision that alarm changed its state, None where nobody knows. `robots` says which alarms of the
    incident are acted on by something else. `alarms` are those of the incident, none where nobody said which. `storm`
    counts resources that alarm at once; `unshown` names kinds of trouble of the incident that its question left out.
    `acting` is what is known about the target of the proposed action, None where none was proposed or nobody read it.
    """

    incident_id: UUID
    revision: int = Field(default=0, ge=0)
    offers: tuple[Offer, ...] = ()
    evidence_ids: tuple[str, ...] = ()
    fault: str | None = None
    suppressed: str | None = None
    vetoes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    standing: AlarmStanding | None = None
    age: timedelta | None = None
    robots: tuple[str, ...] = ()
    alarms: tuple[AlarmFacts, ...] = ()
    storm: int = Field(default=0, ge=0)
    unshown: tuple[str, ...] = ()
    acting: ActionFacts | None = None


def _control_limits(control: Mode | Unknown | None) -> Iterator[ModeLimit]:
    """Yield what the control item limits the mode to; one that was not read says nothing here, the gate refuses it."""
    if control is None:
        yield ModeLimit(Mode.DRY_RUN, "the absence of a control item")
    elif not isinstance(control, Unknown):
        yield ModeLimit(control, "the control item")


@dataclass(frozen=True, slots=True)
class Case:
    """What every gate is asked about."""

    diagnosis: Diagnosis | None
    facts: Facts
    policy: Policy

    @property
    def mode_limits(self) -> tuple[ModeLimit, ...]:
        """Everything that limits the mode, the policy's own first."""
        targets = [(offer.target.account, offer.action) for offer in self.chosen]
        found = dict.fromkeys(self.policy.mode_limits(targets, self.facts.alarms))
        if self.facts.acting is not None:
            found |= dict.fromkeys(_control_limits(self.facts.acting.control))
        return tuple(found)

    @property
    def mode(self) -> Mode:
        """The effective mode: the lowest that anything sets."""
        return self.mode_limit.mode

    @property
    def mode_limit(self) -> ModeLimit:
        """The effective mode, and what sets it."""
        return min(self.mode_limits, key=lambda limit: limit.mode)

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

    @property
    def request(self) -> ActionRequest | None:
        """What would be done, before it is bound to what runs now; None where nothing is, or the target is open."""
        return request_for(self.chosen[0]) if len(self.chosen) == 1 else None


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
