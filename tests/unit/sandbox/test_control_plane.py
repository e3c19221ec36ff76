"""The state of the simulated control plane without HTTP, at any moment."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from control_plane import ARN, DURATIONS, IMAGE, KIND, PLACE, ROLE, component_request
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import START

from autocloudops.sandbox.control_plane import (
    SERVICES,
    ComponentStatus,
    EndpointStatus,
    component_timeline,
    endpoint_timeline,
    instances,
)
from autocloudops.sandbox.control_plane.wire import Refusal, checked, encoded, page
from autocloudops.sandbox.control_plane.world import World

OPERATIONS = SERVICES["SageMaker"].operations
QUOTA = 4
LEGAL = {
    EndpointStatus.CREATING: {EndpointStatus.IN_SERVICE, EndpointStatus.FAILED},
    EndpointStatus.IN_SERVICE: {EndpointStatus.UPDATING, EndpointStatus.DELETING},
    EndpointStatus.UPDATING: {EndpointStatus.IN_SERVICE, EndpointStatus.ROLLING_BACK},
    EndpointStatus.ROLLING_BACK: {EndpointStatus.IN_SERVICE, EndpointStatus.UPDATE_ROLLBACK_FAILED},
    EndpointStatus.UPDATE_ROLLBACK_FAILED: {EndpointStatus.DELETING},
    EndpointStatus.FAILED: {EndpointStatus.DELETING},
    EndpointStatus.DELETING: {EndpointStatus.CREATING},  # the name is free again
}
Step = tuple[str, int, int]


def _world() -> World:
    return World(place=PLACE, durations=DURATIONS, quotas={KIND: QUOTA}, packages={}, prices={})


def _call(world: World, operation: str, now: datetime, **request: object) -> Mapping[str, object]:
    world.forget_deleted(now)
    return OPERATIONS[operation](world, checked("sagemaker", operation, request), now)


def _prepared() -> World:
    """Return a world with one model and the configurations `nim-1` to `nim-3` of so many instances, and `hosting`."""
    world = _world()
    container = {"Image": IMAGE}
    _call(world, "CreateModel", START, ModelName="llm", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant: dict[str, object] = {"VariantName": "AllTraffic", "InstanceType": KIND}
    for count in (1, 2, 3):
        variants = [{**variant, "ModelName": "llm", "InitialInstanceCount": count}]
        _call(world, "CreateEndpointConfig", START, EndpointConfigName=f"nim-{count}", ProductionVariants=variants)
    scaling = {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 3}
    variants = [{**variant, "InitialInstanceCount": 1, "ManagedInstanceScaling": scaling}]
    role = {"ExecutionRoleArn": ROLE}
    _call(world, "CreateEndpointConfig", START, EndpointConfigName="hosting", ProductionVariants=variants, **role)
    return world


def _attempt(world: World, operation: str, now: datetime, **request: object) -> None:
    """Call an operation that may be refused."""
    with suppress(Refusal):
        _call(world, operation, now, **request)


STEPS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "create": ("CreateEndpoint", {"EndpointName": "e{0}", "EndpointConfigName": "nim-{1}"}),
    "host": ("CreateEndpoint", {"EndpointName": "nim", "EndpointConfigName": "hosting"}),
    "update": ("UpdateEndpoint", {"EndpointName": "e{0}", "EndpointConfigName": "nim-{1}"}),
    "delete": ("DeleteEndpoint", {"EndpointName": "e{0}"}),
    "forget": ("DeleteInferenceComponent", {"InferenceComponentName": "c{0}"}),
}
NAMES = sorted([*STEPS, "rescale", "place", "copies", "fault", "wait"])


def _step(world: World, step: Step, now: datetime) -> None:
    name, which, count = step
    if name in STEPS:
        operation, request = STEPS[name]
        _attempt(world, operation, now, **{key: str(text).format(which, count) for key, text in request.items()})
    elif name == "rescale":
        wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
        request = {"EndpointName": f"e{which}", "DesiredWeightsAndCapacities": wanted}
        _attempt(world, "UpdateEndpointWeightsAndCapacities", now, **request)
    elif name == "place":
        request = {**component_request(copies=count), "InferenceComponentName": f"c{which}"}
        _attempt(world, "CreateInferenceComponent", now, **request)
    elif name == "copies":
        change = {"InferenceComponentName": f"c{which}", "DesiredRuntimeConfig": {"CopyCount": count - 1}}
        _attempt(world, "UpdateInferenceComponentRuntimeConfig", now, **change)
    elif name == "fault":
        world.fail_next("UpdateEndpoint", ("health_check", "rollback_failed", "start_failed")[count - 1])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.integers(1, 2), st.integers(1, 3), st.integers(0, 250)),
        max_size=25,
    )
)
def test_whatever_is_asked_the_account_stays_possible(steps: Sequence[tuple[str, int, int, int]]) -> None:
    """No quota is exceeded, no status follows another that it cannot, and every copy that serves has its GPU."""
    world, now = _prepared(), START
    before: dict[str, EndpointStatus] = {}
    for name, which, count, seconds in steps:
        _step(world, (name, which, count), now)
        for _ in range(seconds // 10 + 1):
            world.forget_deleted(now)
            _check(world, now, before)
            now += timedelta(seconds=10)


def _check(world: World, now: datetime, before: dict[str, EndpointStatus]) -> None:
    assert instances.held(world, now)[KIND] <= QUOTA
    for endpoint in world.endpoints.values():
        status = endpoint_timeline.phase(endpoint, now).status
        last = before.get(endpoint.name, status)
        assert status is last or status in LEGAL[last] or _between(last, status)
        before[endpoint.name] = status
        places = instances.serving(world, endpoint, now)[KIND]
        phases = [component_timeline.phase(each, now) for each in world.components_of(endpoint)]
        if any(each.status is ComponentStatus.IN_SERVICE for each in phases):
            assert sum(each.current for each in phases) <= places
    for name in before.keys() - {each.name for each in world.endpoints.values()}:
        assert before.pop(name) is EndpointStatus.DELETING


def _between(last: EndpointStatus, status: EndpointStatus) -> bool:
    """Say whether a step made a change right after the status had changed by itself."""
    return any(status in LEGAL[each] for each in LEGAL[last])


def test_of_two_deployers_one_creates_and_the_other_is_told() -> None:
    """The second CreateEndpoint of the same moment is refused, and one endpoint exists."""
    world = _prepared()
    request = {"EndpointName": "nim", "EndpointConfigName": "nim-1"}
    _call(world, "CreateEndpoint", START, **request)
    with pytest.raises(Refusal, match=f'Cannot create already existing endpoint "{ARN}:endpoint/nim"'):
        _call(world, "CreateEndpoint", START, **request)
    assert list(world.endpoints) == ["nim"]


@pytest.mark.parametrize(
    ("instance_type", "count"),
    [
        ("ml.g5.xlarge", 1),
        ("ml.g5.12xlarge", 4),
        ("ml.g6e.48xlarge", 8),
        ("ml.p4d.24xlarge", 8),
        ("ml.g4dn.16xlarge", 1),
        ("ml.m5.large", 0),
    ],
)
def test_gpus_of_an_instance(instance_type: str, count: int) -> None:
    """The GPUs of the types that the endpoint specifications name are those of AWS's tables."""
    assert instances.gpus(instance_type) == count


@given(st.integers(0, 30), st.integers(1, 7))
def test_pages_join_to_the_whole(total: int, size: int) -> None:
    """Following the tokens gives every row once, in order, and ends."""
    rows = [{"n": number} for number in range(total)]
    seen: list[object] = []
    request: dict[str, object] = {"MaxResults": size}
    for _ in range(total + 1):
        cut = page(rows, request, member="Rows", size=10)
        found = cut["Rows"]
        assert isinstance(found, list)
        seen += found
        if "NextToken" not in cut:
            break
        request["NextToken"] = cut["NextToken"]
    assert seen == rows


def test_an_answer_has_no_null_and_its_times_are_numbers() -> None:
    """The SDK's models refuse nulls, and the protocol's times are seconds since 1970."""
    assert encoded({"a": None, "b": [{"c": None, "d": START}]}) == b'{"b": [{"d": 1772366400.0}]}'
