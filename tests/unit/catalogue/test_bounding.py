import pytest
from triage import cpu_alarm, error_alarm, group_alarm

from autocloudops.catalogue import ACTIONS, ActionRequest, request_for
from autocloudops.catalogue.model import Capacity


def request(action: str) -> ActionRequest:
    """Return what an action would do, before its bounds are known."""
    alarms = {"scale_out_group": group_alarm(), "roll_back_deployment": error_alarm()}
    offer = ACTIONS[action].offer(alarms.get(action, cpu_alarm()))
    assert offer is not None
    found = request_for(offer)
    assert found is not None
    return found


def bounded(capacity: Capacity, action: str = "scale_out_service") -> ActionRequest | str:
    """Return what an action may do where so much runs."""
    bound = ACTIONS[action].bound
    assert bound is not None
    return bound(request(action), capacity)


@pytest.mark.parametrize("action", ["scale_out_service", "scale_out_group"])
@pytest.mark.parametrize(
    ("desired", "most", "wanted"), [(1, None, 2), (2, 10, 3), (3, 10, 5), (4, 10, 6), (9, 10, 10), (100, 400, 150)]
)
def test_count_grows_by_half(action: str, desired: int, most: int | None, wanted: int) -> None:
    """Half as many more, at least one, never over the limit; the request says from which count to which."""
    found = bounded(Capacity(desired=desired, running=desired, least=1, most=most), action)
    assert isinstance(found, ActionRequest)
    counts = {"DesiredCount": str(wanted), "ExpectedDesiredCount": str(desired)}
    assert found.parameters == {**request(action).parameters, **counts}
    assert f"from {desired} to {wanted}" in ACTIONS[action].describe(found)


@pytest.mark.parametrize(
    ("capacity", "said"),
    [
        (Capacity(desired=0, running=0, least=0, most=10), "what somebody switched off stays off"),
        (Capacity(desired=1, running=1, least=2, most=10), "under its minimum of 2"),
        (Capacity(desired=10, running=10, least=2, most=10), "it is at its maximum of 10 already: change it in code"),
        (
            Capacity(desired=10, running=9, least=2, most=10, scaled_by=("cpu-60", "requests")),
            "it is at its maximum of 10 of scaling policy cpu-60, requests already: change it in code",
        ),
        (Capacity(desired=12, running=12, least=2, most=10), "change it in code"),
    ],
)
def test_refusal_says_why(capacity: Capacity, said: str) -> None:
    """What is switched off, changing, or as large as it may be is not scaled out, and people read why."""
    found = bounded(capacity)
    assert isinstance(found, str)
    assert said in found


@pytest.mark.parametrize("action", ["scale_out_service", "scale_out_group"])
def test_rollback_exchanges_the_counts(action: str) -> None:
    """The way back is the same runbook, from the count that was set to the one before."""
    there = bounded(Capacity(desired=4, running=4), action)
    rollback = ACTIONS[action].rollback
    assert isinstance(there, ActionRequest)
    assert rollback is not None
    back = rollback(there, {"DesiredCount": "4"})
    assert back is not None
    assert (back.runbook, back.target) == (there.runbook, there.target)
    assert (back.parameters["DesiredCount"], back.parameters["ExpectedDesiredCount"]) == ("4", "6")
    assert rollback(there, {}) == back


@pytest.mark.parametrize("before", ["0", "-1", "", "four", "4.5", "٤"])
def test_nothing_is_rolled_back_to_what_is_no_count(before: str) -> None:
    """Where the earlier count is not known, or is none, people are asked instead."""
    rollback = ACTIONS["scale_out_service"].rollback
    there = bounded(Capacity(desired=4, running=4))
    assert isinstance(there, ActionRequest)
    assert rollback is not None
    assert rollback(there, {"DesiredCount": before}) is None


def test_nothing_is_rolled_back_that_was_never_bounded() -> None:
    """A request without counts was never run: there is nothing to take back."""
    rollback = ACTIONS["scale_out_group"].rollback
    assert rollback is not None
    assert rollback(request("scale_out_group"), {"DesiredCount": "4"}) is None


def test_only_scaling_is_bounded_and_taken_back() -> None:
    """Whatever else the catalogue does changes no count, and says itself that it cannot be undone by the service."""
    scaling = {name for name, action in ACTIONS.items() if action.bound}
    assert scaling == {name for name, action in ACTIONS.items() if action.rollback}
    assert scaling == {"scale_out_service", "scale_out_group"}


def test_a_rollback_of_a_deployment_names_what_it_rolls_back() -> None:
    """It is bound to the task definition that runs now, and a person reads which; where none was read it is refused."""
    action = ACTIONS["roll_back_deployment"]
    running = "arn:aws:ecs:eu-west-1:111122223333:task-definition/orders:7"
    assert action.pinned is not None
    found = action.pinned(request("roll_back_deployment"), {"TaskDefinition": running})
    assert isinstance(found, ActionRequest)
    assert found.parameters["ExpectedTaskDefinition"] == running
    assert running in action.describe(found)
    for state in ({}, {"TaskDefinition": "orders"}, {"TaskDefinition": f"{running} --force"}):
        assert "is open" in str(action.pinned(request("roll_back_deployment"), state))
