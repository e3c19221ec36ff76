import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import virtual_time
from scripted_endpoint import Fixed, Scripted, backend, in_turn, question
from virtual_time import VirtualClock

from autocloudops.diagnosis.endpoint import Completion, EmbeddingRequest, Priority
from autocloudops.errors import (
    ContextTooLong,
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
from autocloudops.inference.reliable import ReliableEndpoint

NONE_PAID = RetryTerms(paid_reserve=0, paid_ratio=0)


def run(main: Coroutine[Any, Any, Completion]) -> Completion:
    """Return what a question came to, in virtual time."""
    return virtual_time.run(main)


def reliable(endpoint: Scripted, controller: Fixed | None = None, terms: RetryTerms | None = None) -> ReliableEndpoint:
    """Return a reliable endpoint over one other."""
    clock = VirtualClock()
    return ReliableEndpoint([backend(endpoint, clock, controller, terms=terms)], clock)


def test_an_answer_says_who_gave_it_and_what_it_took() -> None:
    """Endpoint, attempts and the share of the endpoint's time are filled in; the last one counts one answer only."""
    endpoint, controller = Scripted("a", in_turn(ModelThrottled("a", "slow"), None), seconds=2), Fixed(1)
    answer = run(reliable(endpoint, controller).complete(question()))
    assert (answer.endpoint, answer.attempts) == ("a", 2)
    assert answer.endpoint_seconds == pytest.approx(2)
    assert (controller.tokens, controller.overloads) == ([3], 1)


def test_an_answer_that_counts_no_tokens_was_work_all_the_same() -> None:
    """A server that leaves its count out is not taken for one from which nothing comes, whose limit would fall."""
    endpoint, controller = Scripted("a", in_turn(None), counts=False), Fixed(1)
    asked = reliable(endpoint, controller)
    run(asked.complete(question()))
    virtual_time.run(asked.embed(EmbeddingRequest(texts=("x", "y"), input_type="query")))
    assert controller.tokens == [1, 2]


class Heard:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, int]] = []
        self.throttles = 0

    def asked(self, in_flight: int, slots: int) -> None:
        self.requests.append((in_flight, slots))

    def throttled(self) -> None:
        self.throttles += 1


def test_each_request_is_metered() -> None:
    """Every attempt tells how many are in flight, and how many may be; throttles are told apart from other faults."""
    endpoint = Scripted("a", in_turn(ModelThrottled("a", "slow"), ModelUnavailable("a", "no"), None), seconds=1)
    heard, clock = Heard(), VirtualClock()
    run(ReliableEndpoint([backend(endpoint, clock, Fixed(2))], clock, meter=heard).complete(question()))
    assert (heard.requests, heard.throttles) == ([(1, 2)] * 3, 1)


@pytest.mark.parametrize("kind", [ModelRefused, ContextTooLong, EndpointMisconfigured])
def test_what_will_be_refused_again_is_asked_once(kind: type[ModelError]) -> None:
    """A refusal is raised at once."""
    endpoint = Scripted("a", in_turn(kind("a", "no")))
    with pytest.raises(kind):
        run(reliable(endpoint).complete(question()))
    assert endpoint.asked_at == [0]


@pytest.mark.parametrize("kind", [ModelThrottled, ModelUnavailable])
def test_what_was_turned_away_is_asked_until_the_deadline(kind: type[ModelError]) -> None:
    """Nothing ran, so there is another attempt until none can start in time; and none does start later."""
    endpoint = Scripted("a", in_turn(kind("a", "no")), seconds=0.1)
    with pytest.raises(ModelUnavailable):
        run(reliable(endpoint).complete(question(20)))
    assert len(endpoint.asked_at) > 4
    assert max(endpoint.asked_at) <= 20


def test_an_attempt_that_runs_at_the_deadline_may_finish() -> None:
    """The deadline is for starting."""
    endpoint = Scripted("a", in_turn(None), seconds=100)
    assert run(reliable(endpoint).complete(question(20))).latency_seconds == 100


def test_a_break_is_asked_once_more() -> None:
    """A container that fails over a question twice gets it no third time."""
    endpoint = Scripted("a", in_turn(ModelBrokeOff("a", "500")))
    with pytest.raises(ModelBrokeOff):
        run(reliable(endpoint).complete(question()))
    assert len(endpoint.asked_at) == 2


@pytest.mark.parametrize("kind", [ModelBrokeOff, ModelTimedOut])
def test_what_may_have_run_is_not_sent_again_without_budget(kind: type[ModelError]) -> None:
    """Where nothing may be paid for, one request is all."""
    endpoint = Scripted("a", in_turn(kind("a", "late"), None))
    with pytest.raises(kind):
        run(reliable(endpoint, terms=NONE_PAID).complete(question()))
    assert len(endpoint.asked_at) == 1


def test_a_time_out_is_sent_again_within_the_budget() -> None:
    """While the budget lasts, a time-out is worth another request; it tells the controller to hold back."""
    endpoint, controller = Scripted("a", in_turn(ModelTimedOut("a", "late"), None)), Fixed(4)
    assert run(reliable(endpoint, controller).complete(question())).attempts == 2
    assert controller.overloads == 1


def test_free_retries_of_many_questions_keep_their_pace() -> None:
    """A hundred questions that are turned away for half a minute send no more than their terms allow together."""
    terms = RetryTerms(free_reserve=10, free_ratio=0, free_per_second=2)
    endpoint = Scripted("a", lambda now: ModelThrottled("a", "no") if 0 < now % 10 < 9 else None, seconds=0.1)

    async def ask_all() -> list[Completion | BaseException]:
        asked = reliable(endpoint, terms=terms)
        await asyncio.sleep(0.5)
        return await asyncio.gather(*(asked.complete(question(30)) for _ in range(100)), return_exceptions=True)

    virtual_time.run(ask_all())
    for seconds in (1, 5, 10, 30):
        retries = sum(at <= 0.5 + seconds for at in endpoint.asked_at) - 100
        assert retries <= 10 + 2 * seconds + 1


def test_a_sleeping_endpoint_is_not_waited_for() -> None:
    """With nowhere else to go, the question fails at once, and the next ones without a request."""
    endpoint = Scripted("a", in_turn(ModelAsleep("a", "no instance")), seconds=0)

    async def three() -> float:
        asked = reliable(endpoint)
        for _ in range(3):
            with pytest.raises(ModelUnavailable):
                await asked.complete(question())
        return asyncio.get_running_loop().time()

    assert virtual_time.run(three()) == 0
    assert len(endpoint.asked_at) == 1


def test_a_sleeping_endpoint_is_woken_by_one_request_an_interval() -> None:
    """While questions come it is probed twice a minute until it is awake; then all are answered."""
    endpoint = Scripted("a", lambda now: ModelAsleep("a", "no instance") if now < 540 else None, seconds=0)

    async def ask_for_a_while() -> list[bool]:
        asked, found = reliable(endpoint), []
        for _ in range(180):
            await asyncio.sleep(5)
            try:
                found.append(bool(await asked.complete(question())))
            except ModelUnavailable:
                found.append(False)
        return found

    found = virtual_time.run(ask_for_a_while())
    woken = found.index(True)
    assert 16 <= len([at for at in endpoint.asked_at if at < 540]) <= 18
    assert endpoint.asked_by.count("i-1") == 1 + sum(found)
    assert all(found[woken:])
    assert 540 <= 5 * (woken + 1) <= 540 + 30 + 5


def test_a_full_endpoint_is_waited_for_until_the_deadline() -> None:
    """A question that gets no place in time was never sent."""
    endpoint = Scripted("a", in_turn(None), seconds=100)

    async def two() -> float:
        asked = reliable(endpoint, Fixed(1))
        first = asyncio.create_task(asked.complete(question()))
        await asyncio.sleep(1)
        with pytest.raises(ModelUnavailable, match="no place came free"):
            await asked.complete(question(20))
        at = asyncio.get_running_loop().time()
        await first
        return at

    assert virtual_time.run(two()) == pytest.approx(21)
    assert len(endpoint.asked_at) == 1


def test_live_questions_go_before_a_backfill() -> None:
    """The priority of a question is that of its place: who backfills lets the live ones pass."""
    endpoint = Scripted("a", in_turn(None))

    async def order() -> None:
        asked = reliable(endpoint, Fixed(1))
        kinds = [Priority.LIVE, *[Priority.BACKFILL] * 2, *[Priority.LIVE] * 2]
        named = [question(60, str(kind)).model_copy(update={"priority": kind}) for kind in kinds]
        await asyncio.gather(*(asked.complete(each) for each in named))

    virtual_time.run(order())
    assert endpoint.asked_by.index("backfill") > 0
    assert endpoint.asked_by[-1] == "backfill"


@pytest.mark.parametrize("cut", [0.5, 1.2])
def test_cancellation_reaches_the_caller_and_frees_the_place(cut: float) -> None:
    """Whether a request runs or waits for its next attempt, cancelling ends it and holds nothing."""
    endpoint = Scripted("a", in_turn(ModelThrottled("a", "no"), None), seconds=1)
    clock = VirtualClock()
    around = backend(endpoint, clock, Fixed(1), terms=RetryTerms(free_reserve=0, free_per_second=0.5))

    async def cancelled() -> Completion:
        asked = ReliableEndpoint([around], clock)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(cut):
                await asked.complete(question())
        assert around.slots.in_flight == 0
        return await asked.complete(question())

    assert run(cancelled()).content == "why"


def test_embedding_is_repeated_too() -> None:
    """Vectors come after a throttle as answers do."""
    asked = reliable(Scripted("a", in_turn(ModelThrottled("a", "no"), None)))
    vectors = virtual_time.run(asked.embed(EmbeddingRequest(texts=("x", "y"), input_type="query")))
    assert vectors.vectors == ((1.0,), (1.0,))


def test_a_failure_says_how_many_requests_it_took() -> None:
    """An outage that cost requests is told from one in which nobody was asked any more."""

    async def main() -> list[tuple[int, int]]:
        asked = reliable(endpoint)
        told = []
        for _ in range(5):
            before = len(endpoint.asked_at)
            with pytest.raises(ModelError) as raised:
                await asked.complete(question(2))
            told.append((raised.value.attempts, len(endpoint.asked_at) - before))
        return told

    endpoint = Scripted("a", in_turn(ModelAsleep("a", "no instance")), seconds=0.1)
    assert virtual_time.run(main()) == [(1, 1), (0, 0), (0, 0), (0, 0), (0, 0)]
