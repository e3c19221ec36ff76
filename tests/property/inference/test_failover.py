"""Questions to endpoints that fail in any order: each ends, none is sent late, and few are paid for twice."""

import asyncio
from collections import Counter
from typing import NamedTuple

import virtual_time
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_endpoint import Fixed, Scripted, backend, question
from virtual_time import VirtualClock

from autocloudops.diagnosis.endpoint import Completion
from autocloudops.errors import (
    EndpointMisconfigured,
    ModelAsleep,
    ModelBrokeOff,
    ModelError,
    ModelRefused,
    ModelThrottled,
    ModelTimedOut,
    ModelUnavailable,
)
from autocloudops.inference.budget import RetryTerms
from autocloudops.inference.probing import CORRELATION_ID
from autocloudops.inference.reliable import Backend, ReliableEndpoint

TERMS = RetryTerms(paid_ratio=0.1, paid_reserve=2)
PAID = (ModelBrokeOff, ModelTimedOut)
PASSING = (ModelUnavailable, ModelThrottled, ModelAsleep, EndpointMisconfigured)
WELL_AFTER_SECONDS = 300.0
HANGS_SECONDS = 70.0
SLACK = 1e-6


class Spell(NamedTuple):
    """How requests end for a while; None is an answer."""

    seconds: float
    ends: type[ModelError] | None


class Plan(NamedTuple):
    """What an endpoint does, how long an answer takes there, and how many may be in flight."""

    spells: list[Spell]
    seconds: float
    places: int


class Asked(NamedTuple):
    """One question: when it comes, how long it may take to start, and when its caller leaves, if so."""

    at: float
    start_within_seconds: float
    leaves_after_seconds: float | None


SPELLS = st.builds(Spell, st.floats(1, 100), st.sampled_from([None, None, ModelRefused, *PAID, *PASSING]))
PLANS = st.builds(Plan, st.lists(SPELLS, max_size=6), st.sampled_from([0.0, 0.5, 5.0, 40.0]), st.integers(1, 5))
QUESTIONS = st.lists(
    st.builds(Asked, st.floats(0, 250), st.floats(1, 60), st.one_of(st.none(), st.floats(0.1, 60))), max_size=40
)


class Ended(NamedTuple):
    """How a question ended, and when."""

    how: object
    at: float


def scripted(name: str, plan: Plan) -> Scripted:
    """Return the endpoint of a plan; it is well after its last spell, and after five minutes at the latest."""

    def script(now: float) -> ModelError | None:
        left = now
        for spell in plan.spells:
            if left < spell.seconds and now < WELL_AFTER_SECONDS:
                return spell.ends(name, "as planned") if spell.ends else None
            left -= spell.seconds
        return None

    return Scripted(name, script, plan.seconds, HANGS_SECONDS)


async def ended(asked: ReliableEndpoint, number: int, one: Asked) -> Ended:
    """Ask one question when it is due, and return how it ended."""
    await asyncio.sleep(one.at)
    how: object
    try:
        async with asyncio.timeout(one.leaves_after_seconds):
            how = await asked.complete(question(one.start_within_seconds, str(number)))
    except (ModelError, TimeoutError) as error:
        how = error
    return Ended(how, asyncio.get_running_loop().time())


class World(NamedTuple):
    """The endpoints of a run, and how its questions ended."""

    endpoints: list[Scripted]
    around: list[Backend]
    ends: list[Ended]


def asked_of(endpoint: Scripted) -> list[tuple[str, float]]:
    """Return which questions an endpoint was asked, and when; probes are no questions."""
    every = zip(endpoint.asked_by, endpoint.asked_at, strict=True)
    return [(by, at) for by, at in every if by != CORRELATION_ID]


def ran(plans: list[Plan], questions: list[Asked]) -> World:
    """Ask all questions in virtual time."""
    clock = VirtualClock()
    endpoints = [scripted(f"e{number}", plan) for number, plan in enumerate(plans)]
    around = [
        backend(each, clock, Fixed(plan.places), terms=TERMS) for each, plan in zip(endpoints, plans, strict=True)
    ]
    asked = ReliableEndpoint(around, clock, lambda _: None)

    async def every() -> list[Ended]:
        return list(await asyncio.gather(*(ended(asked, number, one) for number, one in enumerate(questions))))

    return World(endpoints, around, virtual_time.run(every()))


@settings(max_examples=60, deadline=None)
@given(st.lists(PLANS, min_size=1, max_size=3), QUESTIONS)
def test_every_question_ends_in_time_and_leaves_nothing_behind(plans: list[Plan], questions: list[Asked]) -> None:
    """No attempt starts after its deadline, so each question ends one request later; every place is free again."""
    world = ran(plans, questions)
    longest = max(HANGS_SECONDS, *(plan.seconds for plan in plans))
    for one, end in zip(questions, world.ends, strict=True):
        assert end.at <= one.at + one.start_within_seconds + longest + SLACK
    for endpoint in world.endpoints:
        for by, at in asked_of(endpoint):
            assert at <= questions[int(by)].at + questions[int(by)].start_within_seconds + SLACK
    assert [(each.slots.in_flight, each.slots.waiting) for each in world.around] == [(0, 0)] * len(plans)


@settings(max_examples=60, deadline=None)
@given(st.lists(PLANS, min_size=1, max_size=3), QUESTIONS)
def test_few_questions_are_paid_for_twice(plans: list[Plan], questions: list[Asked]) -> None:
    """Requests that follow one which may have run: at most the share of the questions, and each endpoint's reserve."""
    world = ran(plans, questions)
    ran_at = Counter[str]()
    for endpoint in world.endpoints:
        for by, at in asked_of(endpoint):
            ran_at[by] += isinstance(endpoint.script(at), (*PAID, type(None)))
    twice = sum(times - 1 for times in ran_at.values() if times)
    assert twice <= TERMS.paid_ratio * len(questions) + TERMS.paid_reserve * len(plans) + SLACK


@settings(max_examples=40, deadline=None)
@given(st.lists(PLANS, min_size=1, max_size=3), QUESTIONS)
def test_whatever_happened_the_first_endpoint_is_asked_again(plans: list[Plan], questions: list[Asked]) -> None:
    """Once the first endpoint is well, questions reach it again: one has it probed after its longest rest."""
    tries = [Asked(WELL_AFTER_SECONDS + 125 + 65 * number, 60.0, None) for number in range(4)]
    world = ran(plans, questions + tries)
    last = world.ends[-1].how
    assert getattr(last, "endpoint", last) == "e0"


def test_a_plan_is_played() -> None:
    """The properties above would hold of endpoints that are never asked: these are, and they fail."""
    plan = Plan([Spell(50, ModelThrottled), Spell(50, ModelTimedOut)], 0.5, 3)
    world = ran([plan, plan], [Asked(float(number), 60.0, None) for number in range(100)])
    kinds = Counter(type(endpoint.script(at)) for endpoint in world.endpoints for at in endpoint.asked_at)
    assert kinds.keys() == {ModelThrottled, ModelTimedOut, type(None)}
    assert any(CORRELATION_ID in endpoint.asked_by for endpoint in world.endpoints)


def test_a_question_that_hangs_is_asked_elsewhere() -> None:
    """The properties above would hold without fail-over: some questions are given up here, and answered there."""
    hung, well = Plan([Spell(300, ModelTimedOut)], 0.5, 3), Plan([], 0.5, 3)
    world = ran([hung, well], [Asked(float(number), 60.0, None) for number in range(100)])
    attempts = Counter(end.how.attempts for end in world.ends if isinstance(end.how, Completion))
    assert attempts[2] == TERMS.paid_reserve
    assert attempts[1] + attempts[2] >= 97
