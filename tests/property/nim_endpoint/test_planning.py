"""Whatever is found, a plan ends where it should, and never takes away what is not its own."""

from hypothesis import given
from hypothesis import strategies as st

from nim_endpoint.deletion import plan_deletion
from nim_endpoint.found import PASSING, Found, FoundComponent, Status
from nim_endpoint.planning import Action, Consent, Plan, Step, Verdict, plan
from nim_endpoint.specs import Spec
from nim_endpoint.wanted import Wanted, wanted

BASE = {
    "endpoint": "nim",
    "model": "nemotron-nano-8b",
    "route": "s3",
    "role": "role",
    "image": "image",
    "weights": "s3://bucket/weights/",
    "instance_type": "ml.g6e.xlarge",
}
CLASSIC = wanted(Spec.model_validate(BASE))
COMPONENT = wanted(Spec.model_validate({**BASE, "component": {"name": "llm"}}))
MOST_STEPS = 40
DELETING = {Action.DELETE_COMPONENT, Action.DELETE_CONFIG, Action.DELETE_ENDPOINT, Action.DELETE_MODEL}
ENDPOINT_STEPS = {Action.WAIT, Action.CREATE_ENDPOINT, Action.UPDATE_ENDPOINT, Action.DELETE_ENDPOINT}
COMPONENT_STATUSES = [Status.IN_SERVICE, Status.CREATING, Status.UPDATING, Status.FAILED, Status.DELETING]

wants = st.sampled_from([CLASSIC, COMPONENT])
consents = st.builds(
    Consent, consumer=st.sampled_from(["a", "b"]), adopt=st.booleans(), recreate=st.booleans(), disturb=st.booleans()
)
components = st.builds(
    FoundComponent,
    name=st.sampled_from(["nim-llm", "other"]),
    endpoint=st.sampled_from(["nim", "nim", "elsewhere"]),
    status=st.sampled_from(COMPONENT_STATUSES),
    owned=st.booleans(),
    model_name=st.sampled_from([COMPONENT.model_name, "old"]),
)
founds = st.builds(
    Found,
    status=st.none() | st.sampled_from(list(Status)),
    name=st.sampled_from(["nim", "nim", "nim", "Nim"]),
    owned=st.booleans(),
    config_name=st.sampled_from([CLASSIC.config_name, COMPONENT.config_name, "old"]),
    is_config_lost=st.booleans(),
    reason=st.none() | st.just("no capacity"),
    instance_type=st.sampled_from(["ml.g6e.xlarge", "ml.g5.2xlarge"]),
    instances=st.integers(0, 3),
    leases=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.just("2026-03-01"), max_size=3),
    is_marked=st.booleans(),
    targets=st.sampled_from([(), ("endpoint/nim/variant/AllTraffic",)]),
    components=st.lists(components, max_size=2, unique_by=lambda each: each.name).map(tuple),
    has_model=st.booleans(),
    has_config=st.booleans(),
    left_models=st.sampled_from([(), ("nim-1",)]),
    left_configs=st.sampled_from([(), ("nim-1",)]),
    quota=st.none() | st.integers(0, 5),
)


def passed(status: Status | None) -> Status | None:
    """Return what a status becomes by itself."""
    return None if status is Status.DELETING else Status.IN_SERVICE if status in PASSING else status


def after(step: Step, found: Found, what: Wanted, consent: Consent) -> Found:
    """Return what is there when a step went well."""
    there = found.component(step.name)
    if there or step.action is Action.CREATE_COMPONENT:
        return found.model_copy(update={"components": components_after(step, found, what)})
    if step.action in ENDPOINT_STEPS:
        return found.model_copy(update=endpoint_after(step, found, what, consent))
    changes: dict[Action, dict[str, object]] = {
        Action.CREATE_MODEL: {"has_model": True},
        Action.CREATE_CONFIG: {"has_config": True},
        Action.LEASE: {"leases": {**found.leases, consent.consumer: "now"}},
        Action.DELETE_CONFIG: {"left_configs": ()},
        Action.DELETE_MODEL: {"left_models": ()},
    }
    return found.model_copy(update=changes[step.action])


def endpoint_after(step: Step, found: Found, what: Wanted, consent: Consent) -> dict[str, object]:
    """Return what a step changes of the endpoint itself; a step that is not legal fails."""
    if step.action is Action.WAIT:
        status = passed(found.status)
        gone = {"leases": {}, "owned": False, "is_marked": False, "config_name": None}
        return {"status": status, **({} if status else gone)}
    if step.action is Action.CREATE_ENDPOINT:
        assert found.status is None
        assert found.has_config
        made = {"status": Status.CREATING, "owned": True, "leases": {consent.consumer: "now"}}
        return {**made, "name": what.endpoint, "config_name": what.config_name, "is_config_lost": False, "targets": ()}
    if step.action is Action.UPDATE_ENDPOINT:
        assert found.status is Status.IN_SERVICE
        return {"status": Status.UPDATING, "config_name": what.config_name, "instance_type": what.instance_type}
    assert step.action is Action.DELETE_ENDPOINT
    assert found.status not in PASSING
    return {"status": Status.DELETING}


def components_after(step: Step, found: Found, what: Wanted) -> tuple[FoundComponent, ...]:
    """Return the components when a step on one of them went well; a step that is not legal fails."""
    there = {each.name: each for each in found.components}
    old = there.pop(step.name, None)
    if step.action is Action.CREATE_COMPONENT:
        assert (found.status, found.has_model, old) == (Status.IN_SERVICE, True, None)
        made = FoundComponent(name=step.name, endpoint="nim", status=Status.CREATING, owned=True)
        return (*there.values(), made.model_copy(update={"model_name": what.model_name}))
    assert old
    assert old.endpoint == "nim"
    if step.action is Action.WAIT:
        status = passed(old.status)
        return (*there.values(), old.model_copy(update={"status": status})) if status else tuple(there.values())
    assert old.owned
    assert old.status not in PASSING
    change: dict[str, object] = {"status": Status.DELETING}
    if step.action is Action.UPDATE_COMPONENT:
        change = {"status": Status.UPDATING, "model_name": what.model_name}
    return (*there.values(), old.model_copy(update=change))


def check_harmless(told: Plan, found: Found, consumer: str) -> None:
    """A plan that deletes is about something of ours that nobody else uses."""
    assert bool(told.refusal) == (told.verdict is Verdict.REFUSED)
    assert not (told.refusal and told.steps)
    foreign = {each.name for each in found.components if not each.owned or each.endpoint != "nim"}
    changed = {step.name for step in told.steps if step.action in {*DELETING, Action.UPDATE_COMPONENT}}
    assert not foreign & changed
    if any(step.action is Action.DELETE_ENDPOINT for step in told.steps):
        assert found.owned
        assert not found.others(consumer)
        assert not [each for each in found.hosted("nim") if not each.owned]
    if found.status not in {None, Status.DELETING} and not found.owned:
        assert {step.action for step in told.steps} <= {Action.WAIT, Action.PROBE}


@given(wants, founds, consents)
def test_a_plan_never_takes_away_what_is_foreign_or_leased(what: Wanted, found: Found, consent: Consent) -> None:
    """Neither ensuring nor deleting touches what was not made here, or what somebody else uses."""
    check_harmless(plan(what, found, consent), found, consent.consumer)
    check_harmless(plan_deletion("nim", found, consent.consumer), found, consent.consumer)


@given(wants, founds, consents)
def test_nothing_is_left_to_plan_after_a_plan(what: Wanted, found: Found, consent: Consent) -> None:
    """Doing the first step and planning anew ends in service, with a lease and an empty plan; every step is legal."""
    told = plan(what, found, consent)
    for _ in range(MOST_STEPS):
        if told.refusal or not told.steps or told.verdict is Verdict.ADOPT:
            break
        found = after(told.steps[0], found, what, consent)
        told = plan(what, found, consent)
    else:
        raise AssertionError(f"no end after {MOST_STEPS} steps")
    if told.verdict is Verdict.ADOPT or told.refusal:
        return
    assert (told.verdict, told.steps) == (Verdict.REUSE, ())
    assert (found.status, found.config_name) == (Status.IN_SERVICE, what.config_name)
    assert consent.consumer in found.leases
    component = found.component(what.component_name)
    assert component is None or component.model_name == what.model_name


@given(founds, st.sampled_from([None, "a", "b"]))
def test_a_deletion_ends_with_nothing_left(found: Found, consumer: str | None) -> None:
    """Doing the first step and planning anew ends without an endpoint, and a second deletion has nothing to do."""
    told = plan_deletion("nim", found, consumer)
    for _ in range(MOST_STEPS):
        if not told.steps:
            break
        found = after(told.steps[0], found, CLASSIC, Consent(consumer="a"))
        told = plan_deletion("nim", found, consumer)
    if not told.refusal:
        assert told.verdict is Verdict.NOTHING
        assert found.status is None
        assert not [each for each in found.hosted("nim") if each.owned]


@given(wants, founds, consents)
def test_a_refusal_says_what_to_do(what: Wanted, found: Found, consent: Consent) -> None:
    """Each refusal names the endpoint, a component or an instance type, and goes on after a colon."""
    refusal = plan(what, found, consent).refusal
    assert refusal is None or ": " in refusal
