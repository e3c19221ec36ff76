from hypothesis import assume, given
from hypothesis import strategies as st
from triage import cpu_alarm, group_alarm

from autocloudops.catalogue import ACTIONS, ActionRequest
from autocloudops.catalogue.model import Capacity

COUNTS = st.integers(0, 10_000)
LIMITS = st.none() | COUNTS
CAPACITIES = st.builds(
    Capacity,
    desired=COUNTS,
    running=COUNTS,
    least=LIMITS,
    most=LIMITS,
    scaled_by=st.lists(st.text(max_size=8), max_size=2).map(tuple),
)
SCALING = st.sampled_from([("scale_out_service", cpu_alarm()), ("scale_out_group", group_alarm())])


@st.composite
def requests(draw: st.DrawFn) -> ActionRequest:
    """Draw a request that scales out, as it is before its bounds are known."""
    name, alarm = draw(SCALING)
    binding = ACTIONS[name].bind(alarm)
    assert binding is not None
    return ACTIONS[name].request(binding.target, binding.parameters)


def bounded(request: ActionRequest, capacity: Capacity) -> ActionRequest | str:
    """Return the request inside its bounds, or why there is none."""
    bound = ACTIONS[request.action].bound
    assert bound is not None
    return bound(request, capacity)


@given(requests(), CAPACITIES)
def test_scaling_goes_out_and_stays_inside(request: ActionRequest, capacity: Capacity) -> None:
    """Never to zero, never in, never over any limit, never by more than half or one, and always as absolute counts."""
    found = bounded(request, capacity)
    if isinstance(found, str):
        assert found
        return
    wanted, expected = int(found.parameters["DesiredCount"]), int(found.parameters["ExpectedDesiredCount"])
    assert expected == capacity.desired > 0
    assert expected < wanted <= max(expected + 1, -(-expected * 3 // 2))
    assert capacity.most is None or wanted <= capacity.most
    assert capacity.least is None or wanted >= capacity.least
    assert (found.target, found.runbook) == (request.target, request.runbook)
    assert {**found.parameters} | {**request.parameters} == {**found.parameters}


@given(requests(), CAPACITIES)
def test_refusals_are_for_a_reason(request: ActionRequest, capacity: Capacity) -> None:
    """What runs between its limits with room to grow is never refused."""
    assume(capacity.desired > 0)
    assume(capacity.least is None or capacity.least <= capacity.desired)
    assume(capacity.most is None or capacity.desired < capacity.most)
    assert isinstance(bounded(request, capacity), ActionRequest)


@given(
    requests(), CAPACITIES, st.dictionaries(st.sampled_from(["DesiredCount", "TaskDefinition"]), st.text(max_size=5))
)
def test_rollback_restores_or_is_none(request: ActionRequest, capacity: Capacity, before: dict[str, str]) -> None:
    """Whatever was recorded: back to a whole count above zero from the one that was set, or not at all."""
    there = bounded(request, capacity)
    assume(isinstance(there, ActionRequest))
    assert isinstance(there, ActionRequest)
    rollback = ACTIONS[there.action].rollback
    assert rollback is not None
    back = rollback(there, before)
    if back is None:
        return
    assert int(back.parameters["DesiredCount"]) > 0
    assert back.parameters["ExpectedDesiredCount"] == there.parameters["DesiredCount"]
    assert int(back.parameters["DesiredCount"]) == int(before.get("DesiredCount", str(capacity.desired)))
