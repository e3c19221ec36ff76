import asyncio
from collections.abc import Mapping

import pytest
from fact_sources import (
    ACCOUNT,
    HANGS,
    OTHER,
    REGION,
    SETUP,
    WELL,
    Asked,
    ScriptedClients,
    clients_that,
    refused,
    request_about,
    service_answer,
)
from virtual_time import START, VirtualClock, run

from autocloudops.actions.facts.reader import ActionFactReader
from autocloudops.actions.facts.reading import Place
from autocloudops.catalogue.model import ActionRequest, Capacity
from autocloudops.decisions.claims import Control
from autocloudops.decisions.facts import ActionFacts, Unknown
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.errors import ServiceUnavailable
from autocloudops.state.memory_claims import MemoryLedger

SERVICE = request_about("ecs:service", "shop/orders")
POLICY = Policy(calendars=("freeze",), guards=("deploying", "burning"))
TARGETS = (
    ("ecs:service", "shop/orders"),
    ("autoscaling:group", "web"),
    ("rds:db-instance", "orders"),
    ("ec2:instance", "i-0123456789abcdef0"),
)
FACTS = tuple(ActionFacts.model_fields)


class HangingLedger(MemoryLedger):
    """A ledger that never answers."""

    async def control(self) -> Control | None:
        await asyncio.Event().wait()
        return None

    async def broken(self, runbook: str) -> str | None:
        await asyncio.Event().wait()
        return runbook


class BrokenLedger(MemoryLedger):
    """A ledger that cannot be reached, and whose breaker is open as far as anybody knows."""

    async def control(self) -> Control | None:
        raise ServiceUnavailable("dynamodb:GetItem", "the table", "it is away")

    async def broken(self, runbook: str) -> str | None:
        return f"{runbook} failed twice"


def read(
    clients: ScriptedClients,
    request: ActionRequest = SERVICE,
    policy: Policy = POLICY,
    ledger: MemoryLedger | None = None,
) -> tuple[ActionFacts, float]:
    """Return the facts about a request, and how many seconds they took."""

    async def reading() -> tuple[ActionFacts, float]:
        clock = VirtualClock()
        facts = await ActionFactReader(clients, ledger or MemoryLedger(), SETUP, clock).read(request, policy)
        assert len(asyncio.all_tasks()) == 1
        return facts, clock.monotonic()

    return run(reading())


def unknown(facts: ActionFacts) -> dict[str, str]:
    """Return why facts are unknown, by their names."""
    values = {name: getattr(facts, name) for name in FACTS}
    return {name: value.unknown for name, value in values.items() if isinstance(value, Unknown)}


def test_everything_is_read_at_once_and_each_call_is_made_once() -> None:
    """One description serves tags, state and capacity; no call waits for another."""
    clients = clients_that()
    facts, _ = read(clients)
    assert facts == ActionFacts(
        tags={"autocloudops:allow": "true"},
        calendars={"freeze": True},
        guards=("burning",),
        capacity=Capacity(desired=2, running=1, least=1, most=6, scaled_by=("cpu",)),
        state={
            "DesiredCount": "2",
            "TaskDefinition": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/orders:7",
            "Deployment": "ecs-svc/1",
            "DeploymentStatus": "COMPLETED",
            "Deployments": "2",
        },
        control=None,
        breaker="",
        missing=(),
    )
    assert clients.calls() == sorted(WELL)


def test_a_call_that_hangs_costs_its_own_fact_after_two_seconds() -> None:
    """Every call is bounded, and what it is about is unknown with the call's name."""
    facts, seconds = read(clients_that({"ssm:get_calendar_state": HANGS}))
    assert seconds == 2
    assert list(unknown(facts)) == ["calendars"]
    assert "ssm:GetCalendarState" in unknown(facts)["calendars"]
    assert "no answer within 2 s" in unknown(facts)["calendars"]


def test_where_every_call_hangs_everything_is_unknown_after_two_seconds() -> None:
    """AWS and the ledger hanging make nobody wait longer than one call."""
    facts, seconds = read(clients_that(dict.fromkeys(WELL, HANGS)), ledger=HangingLedger())
    assert seconds == 2
    assert set(unknown(facts)) == set(FACTS)


def test_where_no_client_opens_everything_of_aws_is_unknown_after_four_seconds() -> None:
    """The bound of all of them holds for what no call's own bound covers: opening, and assuming a role."""
    clients = clients_that()
    clients.opening = HANGS
    facts, seconds = read(clients)
    assert seconds == 4
    assert set(unknown(facts)) == set(FACTS) - {"control", "breaker"}
    assert set(unknown(facts).values()) == {"not read within 4 s"}


@pytest.mark.parametrize("call", sorted(WELL))
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (refused("AccessDeniedException"), "allow "),
        (refused("ThrottlingException"), "ThrottlingException"),
        (refused("InternalFailure", 500), "InternalFailure"),
        ({}, ""),
        ({"services": [{}], "State": 3, "MetricAlarms": [{}], "ScalableTargets": [{}]}, ""),
    ],
)
def test_no_fault_of_a_call_raises(call: str, fault: object, said: str) -> None:
    """Each fault makes unknown what hangs on the call and nothing else, is told, and is not sent again."""
    hang_on = {
        "ecs:describe_services": {"tags", "state", "capacity"},
        "application-autoscaling:describe_scalable_targets": {"capacity"},
        "application-autoscaling:describe_scaling_policies": {"capacity"},
        "ssm:get_calendar_state": {"calendars"},
        "ssm:describe_document": {"missing"},
        "cloudwatch:describe_alarms": {"guards"},
    }
    clients = clients_that({call: fault})
    facts, _ = read(clients)
    assert set(unknown(facts)) <= hang_on[call]
    assert clients.calls().count(call) == 1
    if said:
        assert set(unknown(facts)) == hang_on[call]
        assert all(said in why for why in unknown(facts).values())


def test_a_calendar_is_open_only_where_it_says_so() -> None:
    """Whatever is no OPEN is closed."""
    assert read(clients_that({"ssm:get_calendar_state": {"State": "CLOSED"}}))[0].calendars == {"freeze": False}
    assert read(clients_that({"ssm:get_calendar_state": {"State": "open-ish"}}))[0].calendars == {"freeze": False}


@pytest.mark.parametrize("fails", ["describe_scalable_targets", "describe_scaling_policies"])
def test_what_is_read_for_a_fact_that_has_failed_is_given_up(fails: str) -> None:
    """The first failure settles a fact: nobody waits for the rest of it, and nothing of it goes on."""
    scaling = {call: HANGS for call in WELL if call.startswith("application-autoscaling")}
    scaling[f"application-autoscaling:{fails}"] = refused("AccessDeniedException")
    facts, seconds = read(clients_that(scaling))
    assert list(unknown(facts)) == ["capacity"]
    assert seconds == 0


def test_without_calendars_and_guards_nothing_is_asked_about_them() -> None:
    """No configuration is known to be empty, not unknown."""
    clients = clients_that()
    facts, _ = read(clients, policy=Policy())
    assert (facts.calendars, facts.guards) == ({}, ())
    assert not {"ssm:get_calendar_state", "cloudwatch:describe_alarms"} & set(clients.calls())


def test_a_guard_that_does_not_exist_is_named() -> None:
    """A misspelt guard guards nothing, so it counts as unread."""
    facts, _ = read(clients_that(), policy=Policy(guards=("deploying", "deployign")))
    assert "guard deployign" in unknown(facts)["guards"]
    assert "guard deploying" not in unknown(facts)["guards"]


def test_an_arn_is_looked_for_where_it_says() -> None:
    """A plain name is beside the target, an ARN is in its own account and region, and each place is asked once."""
    arn = f"arn:aws:cloudwatch:us-east-1:{OTHER}:alarm:team:burning"
    calendar = f"arn:aws:ssm:eu-central-1:{OTHER}:document/holidays"

    def answer(asked: Asked) -> object:
        if asked.call != "cloudwatch:describe_alarms":
            return WELL[asked.call]
        return {"MetricAlarms": [{"AlarmName": name, "StateValue": "ALARM"} for name in asked.arguments["AlarmNames"]]}

    clients = ScriptedClients(answer)
    facts, _ = read(clients, policy=Policy(guards=("deploying", "burning", arn), calendars=(calendar,)))
    assert set(facts.guards if isinstance(facts.guards, tuple) else ()) == {"deploying", "burning", arn}
    assert facts.calendars == {calendar: True}
    asked = {(each.account, each.region): each.arguments for each in clients.asked if "alarms" in each.call}
    assert asked[OTHER, "us-east-1"]["AlarmNames"] == ["team:burning"]
    assert asked[ACCOUNT, REGION]["AlarmNames"] == ["burning", "deploying"]
    assert asked[ACCOUNT, REGION]["AlarmTypes"] == ("MetricAlarm", "CompositeAlarm", "LogAlarm")
    (read_calendar,) = (each for each in clients.asked if "calendar" in each.call)
    assert (read_calendar.account, read_calendar.region) == (OTHER, "eu-central-1")


@pytest.mark.parametrize(
    "arn", ["arn:", "arn:aws:cloudwatch", "arn:aws:cloudwatch:eu-west-1:111122223333", "arn:aws:cloudwatch:::x"]
)
def test_a_broken_arn_is_unknown(arn: str) -> None:
    """A name that looks like an ARN and is none refuses instead of raising."""
    facts, _ = read(clients_that(), policy=Policy(guards=(arn,), calendars=(arn,)))
    assert set(unknown(facts)) == {"guards", "calendars"}
    assert all("correct it in the policy" in why for why in unknown(facts).values())


def test_capacity_is_none_where_the_action_changes_none() -> None:
    """A restart needs no limits, and none are asked for."""
    clients = clients_that()
    facts, _ = read(clients, request_about("ecs:service", "shop/orders", action="restart_service"))
    assert facts.capacity is None
    assert not any(call.startswith("application-autoscaling") for call in clients.calls())


def test_without_a_scalable_target_there_are_no_limits() -> None:
    """A service that nothing scales has a count and no limits."""
    nothing: Mapping[str, object] = {"ScalableTargets": [], "ScalingPolicies": []}
    scaling = [call for call in WELL if call.startswith("application-autoscaling")]
    facts, _ = read(clients_that(dict.fromkeys(scaling, nothing)))
    assert facts.capacity == Capacity(desired=2, running=1)


@pytest.mark.parametrize(
    ("service", "why"),
    [
        ({"services": [], "failures": [{"reason": "MISSING"}]}, "there is no such service"),
        (service_answer(status="DRAINING"), "the service is DRAINING"),
        (service_answer(status="INACTIVE"), "the service is INACTIVE"),
        (service_answer(account=OTHER), f"one of its name in {REGION}:{OTHER}"),
    ],
)
def test_a_target_that_is_not_there_or_is_another_is_unknown(service: object, why: str) -> None:
    """A namesake in another account, and what is being deleted, are no target."""
    facts, _ = read(clients_that({"ecs:describe_services": service}))
    assert set(unknown(facts)) == {"tags", "state", "capacity"}
    assert all(why in said for said in unknown(facts).values())


def test_a_kind_of_target_that_nobody_reads_is_unknown() -> None:
    """No tags means no allowance, so it must not look like a target without tags."""
    request = SERVICE.model_copy(update={"target": SERVICE.target.model_copy(update={"type": "sqs:queue"})})
    facts, _ = read(clients_that(), request)
    assert unknown(facts)["tags"] == unknown(facts)["state"] == "targets of type sqs:queue are not read"
    assert "capacity" in unknown(facts)


def test_the_control_item_and_the_breaker_come_from_the_ledger() -> None:
    """An absent control item is None, not unknown; a ledger that is away is unknown."""

    async def switched() -> MemoryLedger:
        ledger = MemoryLedger()
        await ledger.set_control(Control(mode=Mode.APPROVE, reason="a freeze", by="ada", at=START))
        return ledger

    assert read(clients_that())[0].control is None
    assert read(clients_that(), ledger=run(switched()))[0].control is Mode.APPROVE
    facts, _ = read(clients_that(), ledger=BrokenLedger())
    assert "it is away" in unknown(facts)["control"]
    assert facts.breaker == "AutoCloudOps-ScaleOutService failed twice"


def test_warming_opens_every_client_that_a_read_needs() -> None:
    """Nothing is asked; a client that does not open is left to whoever needs it."""

    async def warmed(clients: ScriptedClients) -> tuple[set[str], set[str]]:
        reader = ActionFactReader(clients, MemoryLedger(), SETUP, VirtualClock())
        await reader.warm(Place(ACCOUNT, REGION))
        warm = set(clients.opened)
        for type_, id_ in TARGETS:
            await reader.read(request_about(type_, id_), POLICY)
        return warm, set(clients.opened)

    clients = clients_that()
    warm, needed = run(warmed(clients))
    assert warm == needed
    clients = clients_that()
    clients.opening = ServiceUnavailable("opening a client", "ecs", "no")
    run(warmed(clients))
    assert clients.asked == []


def test_state_alone_is_read_with_one_call() -> None:
    """Whoever repeats an action compares the target with what it was before."""

    async def reading(clients: ScriptedClients) -> object:
        return await ActionFactReader(clients, MemoryLedger(), SETUP, VirtualClock()).state(SERVICE)

    clients = clients_that()
    state = run(reading(clients))
    assert isinstance(state, Mapping)
    assert state["DesiredCount"] == "2"
    assert clients.calls() == ["ecs:describe_services"]
    gone = run(reading(clients_that({"ecs:describe_services": HANGS})))
    assert isinstance(gone, Unknown)


def test_reading_that_is_given_up_leaves_nothing_behind() -> None:
    """A cancelled read ends its calls."""

    async def given_up() -> int:
        clients = clients_that(dict.fromkeys(WELL, HANGS))
        reader = ActionFactReader(clients, HangingLedger(), SETUP, VirtualClock())
        reading = asyncio.create_task(reader.read(SERVICE, POLICY))
        await asyncio.sleep(1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        return len(asyncio.all_tasks())

    assert run(given_up()) == 1


def test_all_guards_that_a_policy_may_name_fit_into_one_answer() -> None:
    """CloudWatch answers with fifty alarms unless it is asked for more."""
    names = [f"guard-{number:03}" for number in range(100)]

    def answer(asked: Asked) -> object:
        if asked.call != "cloudwatch:describe_alarms":
            return WELL[asked.call]
        assert asked.arguments["MaxRecords"] == len(asked.arguments["AlarmNames"]) == 100
        states = [{"AlarmName": name, "StateValue": "ALARM"} for name in asked.arguments["AlarmNames"]]
        return {"MetricAlarms": states}

    facts, _ = read(ScriptedClients(answer), policy=Policy(guards=tuple(names)))
    assert facts.guards == tuple(names)
