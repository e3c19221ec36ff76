import asyncio
from collections.abc import Sequence

import pytest
import virtual_time
from scripted_endpoint import Fixed, Scripted, backend, in_turn, question
from virtual_time import VirtualClock

from autocloudops.errors import (
    EndpointMisconfigured,
    ModelAsleep,
    ModelError,
    ModelThrottled,
    ModelTimedOut,
    ModelUnavailable,
    SettingsInvalid,
)
from autocloudops.inference.breaker import Trip
from autocloudops.inference.failover import Change, DataPolicy, allowed, log_change
from autocloudops.inference.probing import CORRELATION_ID
from autocloudops.inference.reliable import ReliableEndpoint

HOME = "eu-west-1"


def reliable(*endpoints: Scripted, limit: int = 100, told: list[Change] | None = None) -> ReliableEndpoint:
    """Return a reliable endpoint over others."""
    clock = VirtualClock()
    around = [backend(each, clock, Fixed(limit), Trip(consecutive=2)) for each in endpoints]
    return ReliableEndpoint(around, clock, (told if told is not None else []).append)


async def answered_by(asked: ReliableEndpoint, questions: int, apart_seconds: float = 1.0) -> list[str]:
    """Return who answered each of some questions, or what was raised."""

    async def ask(number: int) -> str:
        await asyncio.sleep(number * apart_seconds)
        try:
            return (await asked.complete(question())).endpoint
        except ModelError as error:
            return type(error).__name__

    return list(await asyncio.gather(*(ask(number) for number in range(questions))))


@pytest.mark.parametrize(
    "urls",
    [
        ["sagemaker://nim"],
        ["sagemaker://nim?region=eu-west-1&component=chat"],
        ["sagemaker://nim", "sagemaker://nim?region=eu-north-1"],
        ["https://nim.example.com/v1"],
    ],
)
def test_endpoints_at_home_or_named_by_the_policy_are_allowed(urls: Sequence[str]) -> None:
    """The order stays as it was configured."""
    policy = DataPolicy(regions=frozenset({"eu-north-1"}), hosts=frozenset({"nim.example.com"}))
    assert allowed(urls, HOME, policy) == tuple(urls)


@pytest.mark.parametrize(
    ("urls", "named"),
    [
        (["sagemaker://nim", "sagemaker://nim?region=us-east-1"], "us-east-1"),
        (["https://nim.example.com/v1"], "nim.example.com"),
        (["https://user@nim.example.com:8443/v1"], "nim.example.com"),
        (["https://allowed.example.com@nim.example.com/v1"], "nim.example.com"),
    ],
)
def test_data_leaves_its_region_only_where_the_policy_says_so(urls: Sequence[str], named: str) -> None:
    """Another region and any host are refused at start, with the name to allow."""
    policy = DataPolicy(regions=frozenset({"eu-north-1"}), hosts=frozenset({"allowed.example.com"}))
    with pytest.raises(SettingsInvalid, match=f"allow {named}"):
        allowed(urls, HOME, policy)


def test_the_first_that_is_well_is_asked() -> None:
    """While nothing is wrong the second endpoint sees no request."""
    first, second = Scripted("a", in_turn(None)), Scripted("b", in_turn(None))
    assert set(virtual_time.run(answered_by(reliable(first, second), 20))) == {"a"}
    assert second.asked_at == []


@pytest.mark.parametrize("kind", [ModelUnavailable, ModelAsleep, EndpointMisconfigured, ModelThrottled])
def test_everybody_is_answered_by_the_second_while_the_first_cannot(kind: type[ModelError]) -> None:
    """No question is lost to an endpoint that turns requests away, and the first is asked again when it is well."""
    first = Scripted("a", lambda now: kind("a", "no") if now < 100 else None, seconds=0.1)
    second = Scripted("b", in_turn(None))
    by = virtual_time.run(answered_by(reliable(first, second), 300))
    assert set(by) == {"a", "b"}
    assert "b" not in by[-60:]
    assert len([at for at in first.asked_at if at < 100]) < 60


def test_a_region_that_hangs_costs_few_questions_and_then_none() -> None:
    """A question that hangs is answered elsewhere as far as the budget pays; once the region is known, all are."""
    first = Scripted("a", lambda now: ModelTimedOut("a", "60 s") if now < 600 else None, seconds=60)
    second = Scripted("b", in_turn(None))
    by = virtual_time.run(answered_by(reliable(first, second), 120, apart_seconds=5))
    lost = [number for number, who in enumerate(by) if who == "ModelTimedOut"]
    assert len(lost) <= 5
    assert max(lost) < 11


def test_who_waits_for_a_place_on_an_endpoint_that_falls_ill_goes_to_the_next() -> None:
    """Questions do not wait for the places that hanging requests hold."""
    first, second = Scripted("a", in_turn(ModelTimedOut("a", "late")), seconds=20), Scripted("b", in_turn(None))
    by = virtual_time.run(answered_by(reliable(first, second, limit=2), 10, apart_seconds=0.1))
    assert by == ["b"] * 10
    assert len(first.asked_at) <= 3


def test_who_waits_does_not_wait_for_requests_that_hang() -> None:
    """Time-outs lower the number of places; who stands in line then goes elsewhere at once, not when one is free."""

    class Falling(Fixed):
        def overloaded(self, sent_at: float, now: float) -> None:
            super().overloaded(sent_at, now)
            self.limit = 1

    clock = VirtualClock()
    first, second = Scripted("a", in_turn(ModelTimedOut("a", "late")), seconds=20), Scripted("b", in_turn(None))
    around = [backend(first, clock, Falling(3), Trip(consecutive=2)), backend(second, clock)]
    asked = ReliableEndpoint(around, clock)

    async def waited() -> float:
        async with asyncio.TaskGroup() as group:
            for at in (0.0, 0.1, 15.0):
                group.create_task(_ask_at(asked, at))
            await asyncio.sleep(16)
            await asked.complete(question())
            return clock.monotonic()

    assert virtual_time.run(waited()) == pytest.approx(21)


async def _ask_at(asked: ReliableEndpoint, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await asked.complete(question())


def test_who_finds_no_place_for_long_is_answered_elsewhere() -> None:
    """Where requests that hang hold the only place, nobody knows yet that the endpoint is ill; others need not wait."""
    first, second = Scripted("a", in_turn(ModelTimedOut("a", "late")), seconds=70), Scripted("b", in_turn(None))
    by = virtual_time.run(answered_by(reliable(first, second, limit=1), 10, apart_seconds=4))
    assert by == ["b"] * 10
    assert len(first.asked_at) == 1


def test_a_probe_does_not_wait_for_the_places_that_hanging_requests_hold() -> None:
    """Where every place is taken, the endpoint is probed all the same, and nobody waits for it meanwhile."""
    first = Scripted("a", lambda now: ModelUnavailable("a", "no") if now < 4 else None, seconds=0.1)
    asked, clock = reliable(first, Scripted("b", in_turn(None))), VirtualClock()

    async def held() -> float:
        await answered_by(asked, 2, apart_seconds=0)
        await clock.sleep(10)
        slots = asked._backends["a"].slots
        async with asyncio.TaskGroup() as group:
            hanging = [group.create_task(_hold(slots.taken(question().priority, 1))) for _ in range(100)]
            await asyncio.sleep(0)
            before = clock.monotonic()
            assert (await asked.complete(question())).endpoint == "b"
            taken = clock.monotonic() - before
            for each in hanging:
                each.cancel()
        return taken

    assert virtual_time.run(held()) == pytest.approx(1)
    assert first.asked_by[-1] == CORRELATION_ID
    assert asked._backends["a"].breaker.ready


async def _hold(place: object) -> None:
    async with place:  # type: ignore[attr-defined]
        await asyncio.sleep(1000)


def test_one_probe_and_no_question_tries_whether_an_endpoint_is_well_again() -> None:
    """While a probe runs, everybody is answered by the next endpoint; after its answer, by the first."""
    first = Scripted("a", lambda now: ModelUnavailable("a", "no") if now < 4 else None, seconds=3)
    asked = reliable(first, Scripted("b", in_turn(None), seconds=0.1))

    async def burst() -> tuple[list[str], list[str]]:
        await answered_by(asked, 2, apart_seconds=0)
        await asyncio.sleep(20)
        before = len(first.asked_by)
        meanwhile = await answered_by(asked, 30, apart_seconds=0.01)
        assert first.asked_by[before:] == [CORRELATION_ID]
        await asyncio.sleep(3)
        return meanwhile, await answered_by(asked, 3)

    assert virtual_time.run(burst()) == (["b"] * 30, ["a"] * 3)


def test_with_nowhere_else_to_go_questions_wait_for_the_trial() -> None:
    """A short outage of the only endpoint costs time, not answers."""
    only = Scripted("a", lambda now: ModelUnavailable("a", "no") if now < 20 else None, seconds=0.5)
    by = virtual_time.run(answered_by(reliable(only), 40))
    assert set(by) == {"a"}
    assert len([at for at in only.asked_at if at < 20]) < 10


def test_each_change_of_health_is_told_once() -> None:
    """People hear that an endpoint rests, who is asked now, and that it is well again; not of every trial."""
    told: list[Change] = []
    first = Scripted("a", lambda now: ModelUnavailable("a", "no") if now < 200 else None, seconds=0.1)
    virtual_time.run(answered_by(reliable(first, Scripted("b", in_turn(None)), told=told), 300))
    assert [(each.endpoint, each.because is None, each.first) for each in told] == [("a", False, "b"), ("a", True, "a")]


def test_a_wrong_permission_is_an_operators_matter(caplog: pytest.LogCaptureFixture) -> None:
    """What waiting cannot mend is logged as an error, with what to do; the rest as warnings."""
    log_change(Change("a", EndpointMisconfigured("a", "not authorized", "allow the role"), None))
    log_change(Change("a", ModelUnavailable("a", "503"), "b"))
    log_change(Change("a", None, "a"))
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "WARNING"]
    assert "allow the role" in caplog.messages[0]
    assert "asked now: b" in caplog.messages[1]


def test_a_wrong_permission_everywhere_is_raised_as_such() -> None:
    """Later questions hear what is wrong too, without a request."""
    endpoints = [Scripted(name, in_turn(EndpointMisconfigured(name, "denied")), seconds=0) for name in "ab"]
    by = virtual_time.run(answered_by(reliable(*endpoints), 10))
    assert by == ["EndpointMisconfigured"] * 10
    assert [len(each.asked_at) for each in endpoints] == [1, 1]


def test_a_wrong_permission_on_the_first_waits_for_the_second() -> None:
    """Where the second endpoint rests for a moment, a question waits for it rather than fail."""
    first = Scripted("a", in_turn(EndpointMisconfigured("a", "denied")), seconds=0)
    second = Scripted("b", lambda now: ModelUnavailable("b", "no") if now < 12 else None, seconds=0.1)
    assert virtual_time.run(answered_by(reliable(first, second), 20)) == ["b"] * 20


def test_the_first_endpoint_that_can_is_probed() -> None:
    """A probe goes on to the next endpoint, and raises what the last one said."""
    down, up = Scripted("a", in_turn(ModelAsleep("a", "no"))), Scripted("b", in_turn(None))
    assert virtual_time.run(reliable(down, up).probe()).model == "b"
    with pytest.raises(ModelAsleep):
        virtual_time.run(reliable(down).probe())


def test_a_refusal_for_every_question_does_not_grow() -> None:
    """The one error that every question raises while nothing works keeps no frame of the questions before."""

    async def main() -> list[int]:
        asked = reliable(Scripted("a", in_turn(EndpointMisconfigured("a", "no permission"))))
        frames = []
        for _ in range(5):
            with pytest.raises(EndpointMisconfigured) as raised:
                await asked.complete(question(1))
            frames.append(len(raised.traceback))
        return frames

    first, *later = virtual_time.run(main())
    assert max(later) <= first
    assert len(set(later)) == 1
