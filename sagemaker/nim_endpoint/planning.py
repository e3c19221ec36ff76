"""From what is wanted and what is found to the steps between, pure.

The steps are all that is left if each of them goes well. Whoever carries them out does the first, looks again, and asks
anew: so two deployers, an interrupted run, and a service that forgets for a moment need no code of their own.

Source: SageMaker's API reference of `EndpointStatus`, CreateEndpoint, UpdateEndpoint and DeleteEndpoint, and its guides
on updating endpoints that are scaled automatically.
"""

from collections.abc import Iterator
from enum import StrEnum

from autocloudops.errors import AutoCloudOpsError
from autocloudops.values import Value
from nim_endpoint.found import PASSING, Found, FoundComponent, Status
from nim_endpoint.wanted import Wanted

MORE_QUOTA = "request an increase in Service Quotas, or take another instance type"
UNSURE = "whether a Marketplace package may be used in an inference component is not documented"
SUBSCRIBE = "subscribe this account to the listing in AWS Marketplace; its page shows the package's ARN for each region"


class Action(StrEnum):
    """One kind of step."""

    WAIT = "wait"
    CREATE_MODEL = "create model"
    CREATE_CONFIG = "create configuration"
    CREATE_ENDPOINT = "create endpoint"
    UPDATE_ENDPOINT = "update endpoint"
    CREATE_COMPONENT = "create component"
    UPDATE_COMPONENT = "update component"
    PROBE = "probe"
    LEASE = "lease"
    DELETE_COMPONENT = "delete component"
    DELETE_ENDPOINT = "delete endpoint"
    DELETE_CONFIG = "delete configuration"
    DELETE_MODEL = "delete model"


SPENDING = frozenset({Action.CREATE_ENDPOINT, Action.UPDATE_ENDPOINT, Action.CREATE_COMPONENT, Action.UPDATE_COMPONENT})


class Verdict(StrEnum):
    """What a plan comes to."""

    CREATE = "create"
    REUSE = "reuse"
    UPDATE = "update"
    ADOPT = "adopt"
    RECREATE = "recreate"
    DELETE = "delete"
    NOTHING = "nothing"
    REFUSED = "refused"


class Step(Value):
    """One step: what is done to which name, and why."""

    action: Action
    name: str
    why: str = ""


class Plan(Value):
    """What is to be done.

    Attributes:
        notes: what a person should know before.
        refusal: why nothing is done, and what to do instead; steps are empty then.
    """

    verdict: Verdict
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str | None = None

    @property
    def is_spending(self) -> bool:
        """Whether it makes or changes what is paid for."""
        return any(step.action in SPENDING for step in self.steps)


class Consent(Value):
    """What the operator allows.

    Attributes:
        consumer: who will use the endpoint, as its lease says.
        adopt: use an endpoint that was not made here, without ever changing it.
        recreate: delete an endpoint or component of ours that failed, and make it anew.
        disturb: update an endpoint that others hold a lease on.
        spend: make or change what is paid for; not where that was not shown to them.
    """

    consumer: str
    adopt: bool = False
    recreate: bool = False
    disturb: bool = False
    spend: bool = True


class _Refusal(AutoCloudOpsError):
    """Why nothing is done, and what to do instead."""


def refused(reason: str, advice: str = "") -> Plan:
    """Return the plan of doing nothing."""
    return Plan(verdict=Verdict.REFUSED, refusal=f"{reason}: {advice}" if advice else reason)


def plan(wanted: Wanted, found: Found, consent: Consent) -> Plan:
    """Return the steps that make `found` as `wanted`, or why they are not taken."""
    made = _planned(wanted, found, consent)
    if not consent.spend and made.is_spending:
        return refused(
            f"{wanted.endpoint} is no longer as it was when the plan was shown", "run the same command again"
        )
    return made


def _planned(wanted: Wanted, found: Found, consent: Consent) -> Plan:
    try:
        _check_name(wanted, found)
        if found.status is None or found.status is Status.DELETING:
            return _created(wanted, found, consent)
        if not found.owned:
            return _adopted(wanted, found, consent)
        if found.status is Status.FAILED:
            return _recreated(wanted, found, consent)
        return _kept(wanted, found, consent)
    except _Refusal as refusal:
        return refused(refusal.message, refusal.advice)


def _created(wanted: Wanted, found: Found, consent: Consent) -> Plan:
    _check_quota(wanted, found, wanted.quota_instances)
    goes = [_waiting(wanted, "it is being deleted")] if found.status is Status.DELETING else []
    made = Step(action=Action.CREATE_ENDPOINT, name=wanted.endpoint, why="there is none")
    component = _component_steps(wanted, found, consent)
    steps = (*goes, *_parts(wanted, found), made, _waiting(wanted, "it starts"), *component)
    return Plan(verdict=Verdict.CREATE, steps=steps, notes=(UNSURE,) if wanted.package and wanted.component else ())


def _adopted(wanted: Wanted, found: Found, consent: Consent) -> Plan:
    if not consent.adopt:
        raise _Refusal(
            f"{wanted.endpoint} was not made here, and is {found.status}",
            "take another name, or allow its use with --adopt: it is then probed, and never changed",
        )
    if found.status is not Status.IN_SERVICE and found.status not in PASSING:
        raise _Refusal(f"{wanted.endpoint} was not made here, and is {found.status}", _reason(found.reason))
    waits = [] if found.status is Status.IN_SERVICE else [_waiting(wanted, f"it is {found.status}")]
    probe = Step(action=Action.PROBE, name=wanted.endpoint, why="it was not made here: does it answer as it should?")
    note = "nothing is written to it, no lease either: its owner does not know of you"
    return Plan(verdict=Verdict.ADOPT, steps=(*waits, probe), notes=(note,))


def _recreated(wanted: Wanted, found: Found, consent: Consent) -> Plan:
    reason = f"{wanted.endpoint} has failed: {_reason(found.reason)}"
    if not consent.recreate:
        raise _Refusal(reason, "only deleting it is legal: --recreate deletes it and makes it anew")
    if others := found.others(consent.consumer):
        raise _Refusal(f"{reason}; {', '.join(others)} would lose it", "each of them releases it: `endpoint release`")
    hosted = found.hosted(wanted.endpoint)
    if foreign := [each.name for each in hosted if not each.owned]:
        raise _Refusal(f"{reason}; the component {foreign[0]} on it was not made here", "its owner deletes it first")
    removed = [
        Step(action=Action.DELETE_COMPONENT, name=each.name, why="its endpoint is deleted")
        for each in hosted
        if not each.status.is_passing
    ]
    waits = [_waiting_for(each.name, "it goes") for each in hosted]
    gone = Step(action=Action.DELETE_ENDPOINT, name=wanted.endpoint, why="it has failed")
    left = tuple(each for each in found.components if each not in hosted)
    made = _created(wanted, found.model_copy(update={"components": left, "status": None}), consent)
    steps = (*removed, *waits, gone, _waiting(wanted, "it goes"), *made.steps)
    note = "its scalable target, if it has one, goes with it: delete the stack endpoint-autoscaling, and apply it anew"
    return Plan(verdict=Verdict.RECREATE, steps=steps, notes=(note,))


def _kept(wanted: Wanted, found: Found, consent: Consent) -> Plan:
    if found.status in {Status.OUT_OF_SERVICE, Status.UPDATE_ROLLBACK_FAILED}:
        raise _Refusal(
            f"{wanted.endpoint} is {found.status}: {_reason(found.reason)}",
            "no change is legal that keeps it: look into it, or take it away with `endpoint delete`",
        )
    if found.is_marked:
        advice = "try again when it is gone, or in a quarter of an hour if that was given up"
        raise _Refusal(f"somebody is about to delete {wanted.endpoint}", advice)
    waits = [] if found.status is Status.IN_SERVICE else [_waiting(wanted, f"it is {found.status}")]
    is_same = found.config_name == wanted.config_name
    changed = [] if is_same else _change(wanted, found, consent)
    component = _component_steps(wanted, found, consent)
    lease = [] if consent.consumer in found.leases else [Step(action=Action.LEASE, name=consent.consumer)]
    return Plan(
        verdict=Verdict.REUSE if is_same and not component else Verdict.UPDATE,
        steps=(*lease, *waits, *changed, *component),
        notes=tuple(_notes(wanted, found, is_same=is_same)),
    )


def _change(wanted: Wanted, found: Found, consent: Consent) -> list[Step]:
    """Return the steps to another configuration."""
    if found.is_config_lost:
        raise _Refusal(
            f"the configuration of {wanted.endpoint} was deleted, so that SageMaker cannot update it",
            "take it away with `endpoint delete`, and make it anew",
        )
    _check_others(wanted.endpoint, found, consent)
    is_other_type = found.instance_type != wanted.instance_type
    if is_other_type and found.targets:
        raise _Refusal(
            f"{wanted.endpoint} is scaled automatically, and while it is its instance type cannot change",
            "delete the stack endpoint-autoscaling, run this again, and apply that stack anew",
        )
    held = 0 if is_other_type else found.instances
    scaled = held if found.targets else 0
    _check_quota(wanted, found, held + max(scaled, wanted.quota_instances))
    return [
        *_parts(wanted, found),
        Step(action=Action.UPDATE_ENDPOINT, name=wanted.endpoint, why=f"it serves {found.config_name}"),
        _waiting(wanted, "a second fleet starts, and the first goes"),
    ]


def _notes(wanted: Wanted, found: Found, *, is_same: bool) -> Iterator[str]:
    if is_same:
        if found.reason:
            yield f"the last change of it was rolled back: {found.reason}"
        return
    both = f"{found.instances} x {found.instance_type} and {wanted.quota_instances} x {wanted.instance_type}"
    quota = "is not known" if found.quota is None else f"is {found.quota}"
    yield f"while it changes both fleets are held and paid: {both}; the quota of {wanted.instance_type} {quota}"
    yield "if the new fleet does not start, SageMaker goes back to the old one, which serves all the while"
    if found.targets:
        yield "it is scaled automatically: it keeps its instances, its scalable target and the policies of that"


def _component_steps(wanted: Wanted, found: Found, consent: Consent) -> list[Step]:
    """Return the steps to the wanted component; none where none is wanted."""
    name = wanted.component_name
    if name is None:
        return []
    there = found.component(name)
    if there is None:
        return _component_made(wanted, found, name)
    if there.endpoint.lower() != wanted.endpoint.lower():
        raise _Refusal(f"the component {name} is on the endpoint {there.endpoint}", "take another name")
    if not there.owned:
        raise _Refusal(f"the component {name} was not made here", "take another name")
    return _component_change(wanted, found, there, consent)


def _component_change(wanted: Wanted, found: Found, there: FoundComponent, consent: Consent) -> list[Step]:
    name, again = there.name, _component_made(wanted, found, there.name)
    if there.status is Status.DELETING:
        return [_waiting_for(name, "it is being deleted"), *again]
    if there.status is Status.FAILED:
        if not consent.recreate:
            reason = f"the component {name} has failed: {_reason(there.reason)}"
            raise _Refusal(reason, "--recreate deletes it and makes it anew")
        gone = Step(action=Action.DELETE_COMPONENT, name=name, why="it has failed")
        return [gone, _waiting_for(name, "it goes"), *again]
    waits = [_waiting_for(name, f"it is {there.status}")] if there.status.is_passing else []
    if there.model_name == wanted.model_name:
        return waits
    _check_others(name, found, consent)
    changed = Step(action=Action.UPDATE_COMPONENT, name=name, why=f"it serves {there.model_name}")
    return [*waits, *_model_part(wanted, found), changed, _waiting_for(name, "its copies change")]


def _component_made(wanted: Wanted, found: Found, name: str) -> list[Step]:
    made = Step(action=Action.CREATE_COMPONENT, name=name, why="there is none")
    return [*_model_part(wanted, found), made, _waiting_for(name, "it starts")]


def _parts(wanted: Wanted, found: Found) -> list[Step]:
    """Return the steps to what an endpoint is made of, where that is not there."""
    _check_package(wanted, found)
    model = [] if wanted.component else _model_part(wanted, found)
    config = Step(action=Action.CREATE_CONFIG, name=wanted.config_name)
    return [*model, *([] if found.has_config else [config])]


def _model_part(wanted: Wanted, found: Found) -> list[Step]:
    _check_package(wanted, found)
    return [] if found.has_model else [Step(action=Action.CREATE_MODEL, name=wanted.model_name)]


def _waiting(wanted: Wanted, why: str) -> Step:
    return _waiting_for(wanted.endpoint, why)


def _waiting_for(name: str, why: str) -> Step:
    return Step(action=Action.WAIT, name=name, why=why)


def _reason(said: str | None) -> str:
    return said or "SageMaker gives no reason"


def _check_name(wanted: Wanted, found: Found) -> None:
    if wrong := found.misnamed(wanted.endpoint):
        raise _Refusal(wrong, "write it so, or take another name")


def _check_package(wanted: Wanted, found: Found) -> None:
    if found.package is None:
        return
    if found.package.problem:
        raise _Refusal(f"{wanted.package} cannot be used: {found.package.problem.rstrip('.')}", SUBSCRIBE)
    if found.package.types and wanted.instance_type not in found.package.types:
        raise _Refusal(
            f"the listing of {wanted.package} does not have {wanted.instance_type}",
            f"take one of {', '.join(found.package.types)}",
        )


def _check_others(name: str, found: Found, consent: Consent) -> None:
    others = found.others(consent.consumer)
    if others and not consent.disturb:
        advice = "agree with them and give --disturb, or take another name"
        raise _Refusal(f"{', '.join(others)} use {name} as it is", advice)


def _check_quota(wanted: Wanted, found: Found, needed: int) -> None:
    if found.quota is not None and found.quota < needed:
        quota = f"the quota '{wanted.instance_type} for endpoint usage' is {found.quota}"
        raise _Refusal(
            f"{needed} x {wanted.instance_type} are needed at once, and {quota}",
            MORE_QUOTA,
        )
