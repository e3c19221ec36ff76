from collections.abc import Mapping

import pytest

from nim_endpoint.deletion import plan_deletion
from nim_endpoint.found import Found, FoundComponent, Status
from nim_endpoint.planning import Action, Consent, Verdict, plan
from nim_endpoint.specs import Spec
from nim_endpoint.wanted import wanted

BASE: Mapping[str, object] = {
    "endpoint": "nim",
    "model": "nemotron-nano-8b",
    "route": "s3",
    "role": "role",
    "image": "image",
    "weights": "s3://bucket/weights/",
    "instance_type": "ml.g6e.xlarge",
}
WANTED = wanted(Spec.model_validate(BASE))
WITH_COMPONENT = wanted(Spec.model_validate({**BASE, "component": {"name": "llm"}}))
ME = Consent(consumer="team-a")
OURS = Found(
    status=Status.IN_SERVICE,
    name="nim",
    owned=True,
    config_name=WANTED.config_name,
    instance_type="ml.g6e.xlarge",
    instances=1,
    leases={"team-a": "2026-03-01T12:00:00+00:00"},
)
OTHER_CONFIG = OURS.model_copy(update={"config_name": "nim-0"})
THEIRS = FoundComponent(name="nim-llm", endpoint="nim", status=Status.IN_SERVICE, owned=False)


def test_an_update_names_the_doubled_fleet_before() -> None:
    """Both fleets are held meanwhile; the note says so with the quota, and that a failure goes back."""
    told = plan(WANTED, OTHER_CONFIG.model_copy(update={"quota": 2}), ME)
    assert told.verdict is Verdict.UPDATE
    assert "both fleets are held and paid: 1 x ml.g6e.xlarge and 1 x ml.g6e.xlarge" in told.notes[0]
    assert "the quota of ml.g6e.xlarge is 2" in told.notes[0]
    assert "goes back to the old one" in told.notes[1]


def test_another_type_needs_only_its_own_quota() -> None:
    """The fleet that goes is of another type, and counts elsewhere."""
    found = OTHER_CONFIG.model_copy(update={"quota": 1, "instance_type": "ml.g5.2xlarge"})
    told = plan(WANTED, found, ME)
    assert [step.action for step in told.steps][-2:] == [Action.UPDATE_ENDPOINT, Action.WAIT]


def test_another_type_of_what_is_scaled_is_refused_with_what_to_do_first() -> None:
    """SageMaker refuses it while a scalable target is registered, and taking that away would lose its policies."""
    found = OTHER_CONFIG.model_copy(update={"instance_type": "ml.g5.2xlarge", "targets": ("endpoint/nim",)})
    told = plan(WANTED, found, ME)
    assert told.refusal
    assert "scaled automatically" in told.refusal
    assert "delete the stack endpoint-autoscaling, run this again, and apply that stack anew" in told.refusal


def test_a_change_of_what_is_scaled_says_that_scaling_stays() -> None:
    """A change of the model leaves the scalable target registered, with its policies."""
    told = plan(WANTED, OTHER_CONFIG.model_copy(update={"targets": ("endpoint/nim",)}), ME)
    assert "keeps its instances, its scalable target and the policies" in told.notes[2]


def test_a_package_in_a_component_is_pointed_out() -> None:
    """Nobody says that it works: the plan says so before it costs anything."""
    listed = {**BASE, "route": "marketplace", "package": "arn", "component": {"name": "llm"}}
    made = wanted(Spec.model_validate({key: listed[key] for key in listed.keys() - {"image", "weights"}}))
    told = plan(made, Found(status=None), ME)
    assert told.notes == ("whether a Marketplace package may be used in an inference component is not documented",)


def test_a_name_in_other_letters_is_refused() -> None:
    """SageMaker creates no second endpoint whose name differs in case only, and invokes each as it is written."""
    found = OURS.model_copy(update={"name": "Nim"})
    for told in (plan(WANTED, found, ME), plan_deletion("nim", found, "team-a")):
        assert told.refusal
        assert told.refusal.startswith("the endpoint is called Nim, and not nim")


def test_a_change_that_was_rolled_back_is_mentioned() -> None:
    """An endpoint that is as wanted, but keeps a reason, tells it."""
    told = plan(WANTED, OURS.model_copy(update={"reason": "no capacity"}), ME)
    assert (told.steps, told.notes) == ((), ("the last change of it was rolled back: no capacity",))


@pytest.mark.parametrize(
    ("component", "said"),
    [
        (THEIRS, "was not made here"),
        (THEIRS.model_copy(update={"owned": True, "endpoint": "other"}), "is on the endpoint other"),
        (THEIRS.model_copy(update={"owned": True, "status": Status.FAILED, "reason": "no room"}), "no room"),
    ],
)
def test_a_component_that_is_in_the_way_is_refused(component: FoundComponent, said: str) -> None:
    """A component's name is unique in the account, and somebody else's stays."""
    found = OURS.model_copy(update={"config_name": WITH_COMPONENT.config_name, "components": (component,)})
    told = plan(WITH_COMPONENT, found, ME)
    assert told.refusal
    assert said in told.refusal


def test_a_component_that_is_going_is_waited_for() -> None:
    """Its name is free only then."""
    going = THEIRS.model_copy(update={"owned": True, "status": Status.DELETING})
    found = OURS.model_copy(
        update={"config_name": WITH_COMPONENT.config_name, "components": (going,), "has_model": True}
    )
    told = plan(WITH_COMPONENT, found, ME)
    assert [step.action for step in told.steps] == [Action.WAIT, Action.CREATE_COMPONENT, Action.WAIT]


def test_a_failed_endpoint_with_somebody_elses_component_is_kept() -> None:
    """Making it anew would delete what is not ours."""
    found = OURS.model_copy(update={"status": Status.FAILED, "components": (THEIRS,)})
    told = plan(WANTED, found, ME.model_copy(update={"recreate": True}))
    assert told.refusal
    assert "its owner deletes it first" in told.refusal


def test_a_failed_endpoint_goes_with_its_components() -> None:
    """They go first, each is waited for, and all is made anew."""
    mine = THEIRS.model_copy(update={"owned": True})
    found = OURS.model_copy(update={"status": Status.FAILED, "components": (mine,)})
    told = plan(WITH_COMPONENT, found, ME.model_copy(update={"recreate": True}))
    assert told.verdict is Verdict.RECREATE
    assert [step.action for step in told.steps] == [
        Action.DELETE_COMPONENT,
        Action.WAIT,
        Action.DELETE_ENDPOINT,
        Action.WAIT,
        Action.CREATE_CONFIG,
        Action.CREATE_ENDPOINT,
        Action.WAIT,
        Action.CREATE_MODEL,
        Action.CREATE_COMPONENT,
        Action.WAIT,
    ]


def test_a_foreign_endpoint_that_failed_is_not_adopted() -> None:
    """Its owner looks after it."""
    found = Found(status=Status.FAILED, name="nim", reason="no capacity")
    told = plan(WANTED, found, ME.model_copy(update={"adopt": True}))
    assert told.refusal == "nim was not made here, and is Failed: no capacity"


def test_what_an_interrupted_deletion_left_is_deleted() -> None:
    """Components, configurations and models go although their endpoint is gone."""
    mine = THEIRS.model_copy(update={"owned": True, "status": Status.UPDATING})
    found = Found(status=None, components=(mine,), left_configs=("nim-1",), left_models=("nim-llm-1",))
    assert [step.action for step in plan_deletion("nim", found, None).steps] == [
        Action.WAIT,
        Action.DELETE_COMPONENT,
        Action.WAIT,
        Action.DELETE_CONFIG,
        Action.DELETE_MODEL,
    ]


def test_a_deletion_waits_for_a_change_to_end() -> None:
    """DeleteEndpoint is refused while the endpoint is updated."""
    told = plan_deletion("nim", OURS.model_copy(update={"status": Status.UPDATING}), "team-a")
    assert [step.action for step in told.steps] == [Action.WAIT, Action.DELETE_ENDPOINT, Action.WAIT]


def test_a_deletion_names_who_holds_a_lease_and_since_when() -> None:
    """The refusal is enough to find them."""
    told = plan_deletion("nim", OURS, "team-b")
    assert told.refusal
    assert "team-a (since 2026-03-01T12:00:00+00:00)" in told.refusal
