"""When a late request is given up, in virtual time."""

import asyncio
from math import inf

import pytest
import virtual_time
from scripted_endpoint import Fixed, Scripted, backend, in_turn, question
from virtual_time import VirtualClock

from autocloudops.errors import ModelThrottled, ModelTimedOut, ModelUnavailable
from autocloudops.inference.breaker import Health
from autocloudops.inference.budget import RetryTerms
from autocloudops.inference.patience import gives_up_after, patient
from autocloudops.inference.reliable import ReliableEndpoint

HANGS = ModelTimedOut("a", "70 s")


def reliable(*endpoints: Scripted, terms: RetryTerms | None = None) -> ReliableEndpoint:
    """Return a reliable endpoint over others."""
    clock = VirtualClock()
    return ReliableEndpoint([backend(each, clock, Fixed(9), terms=terms) for each in endpoints], clock, lambda _: None)


def hanging(name: str = "a") -> Scripted:
    """Return an endpoint on which every request hangs for 70 s, probes too."""
    return Scripted(name, in_turn(HANGS), hangs_seconds=70)


@pytest.mark.parametrize(
    ("patience_seconds", "left_seconds", "after_seconds"),
    [(45, 60, 45), (45, 48, 43), (45, 15, 10), (45, 14.9, inf), (45, 0, inf), (8, 60, inf)],
)
def test_a_request_is_late_when_the_next_endpoint_must_start(
    patience_seconds: float, left_seconds: float, after_seconds: float
) -> None:
    """It has its usual time, less where the question's is nearly over; ten seconds at least, or all it takes."""
    assert gives_up_after(patience_seconds, left_seconds) == after_seconds


def test_a_question_that_hangs_on_the_first_endpoint_is_answered_by_the_second() -> None:
    """The call would hang longer than the question may start: it is given up early enough for the next endpoint."""
    first, second = hanging(), Scripted("b", in_turn(None))

    async def main() -> float:
        asked = reliable(first, second)
        answer = await asked.complete(question(60))
        assert (answer.endpoint, answer.attempts) == ("b", 2)
        assert asked._backends["a"].slots.in_flight == 0
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(46)


def test_a_question_that_starts_late_still_leaves_time_for_the_second() -> None:
    """Twenty seconds before its end a question waits fifteen for the first endpoint, and starts on the second."""
    second = Scripted("b", in_turn(None))
    answer = virtual_time.run(reliable(hanging(), second).complete(question(20)))
    assert answer.endpoint == "b"
    assert second.asked_at == pytest.approx([15])


def test_a_late_answer_is_waited_for_where_nobody_else_can_be_asked() -> None:
    """A reply that is running is not given up for nothing: alone, or before a second that is ill, it may finish."""
    slow = Scripted("a", in_turn(None), seconds=100)
    assert virtual_time.run(reliable(slow).complete(question(60))).attempts == 1
    ill = Scripted("b", in_turn(ModelUnavailable("b", "503")), seconds=0.1)

    async def main() -> str:
        asked = reliable(slow, ill)
        for _ in range(5):
            with pytest.raises(ModelUnavailable), asked._backends["b"].breaker.asked():
                raise ModelUnavailable("b", "503")
        return (await asked.complete(question(60))).endpoint

    assert virtual_time.run(main()) == "a"


def test_a_second_endpoint_whose_rest_is_over_is_probed_for_a_question_that_hangs() -> None:
    """Nobody asked the second since it was ill: when it is needed, a probe finds out, and the question goes there."""
    second = Scripted("b", in_turn(None))

    async def main() -> str:
        asked = reliable(hanging(), second)
        for _ in range(5):
            with pytest.raises(ModelUnavailable), asked._backends["b"].breaker.asked():
                raise ModelUnavailable("b", "503")
        return (await asked.complete(question(60))).endpoint

    assert virtual_time.run(main()) == "b"
    assert len(second.asked_at) == 2


def test_a_late_request_is_not_sent_again_without_budget() -> None:
    """It may still run on the GPU: what the budget does not pay for is not sent a second time."""
    first, second = hanging(), Scripted("b", in_turn(None))
    terms = RetryTerms(paid_reserve=0, paid_ratio=0)
    with pytest.raises(ModelTimedOut, match="70 s"):
        virtual_time.run(reliable(first, second, terms=terms).complete(question(60)))
    assert second.asked_at == []


def test_what_is_given_up_is_paid_for_once() -> None:
    """One retry is taken from the budget for one request that was given up, and the retry starts at once."""
    first, second = hanging(), Scripted("b", in_turn(None))
    terms = RetryTerms(paid_reserve=1, paid_ratio=0)

    async def main() -> list[str]:
        asked = reliable(first, second, terms=terms)
        ends = await asyncio.gather(*(asked.complete(question(60)) for _ in range(3)), return_exceptions=True)
        return [type(end).__name__ for end in ends]

    assert sorted(virtual_time.run(main())) == ["Completion", "ModelTimedOut", "ModelTimedOut"]
    assert second.asked_at == pytest.approx([45])


def test_requests_that_are_given_up_tell_on_the_endpoint() -> None:
    """Each counts as a time-out: the breaker opens before the first call itself would have failed."""

    async def main() -> float:
        asked = reliable(hanging(), Scripted("b", in_turn(None)))
        await asyncio.gather(*(asked.complete(question(60)) for _ in range(3)))
        assert asked._backends["a"].breaker.health is Health.RESTING
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == pytest.approx(46)


def test_an_error_inside_is_raised_as_it_is() -> None:
    """Patience names what it ended itself, and nothing else."""

    async def main(error: Exception) -> None:
        async with patient("a", 10, lambda: True):
            await asyncio.sleep(1)
            raise error

    for error in (TimeoutError("its own"), ModelThrottled("a", "slow")):
        with pytest.raises(type(error)) as raised:
            virtual_time.run(main(error))
        assert raised.value is error


def test_who_leaves_in_time_is_not_looked_at() -> None:
    """Nothing is asked or paid after the request has ended."""
    looked: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def look() -> bool:
            looked.append(loop.time())
            return False

        async with patient("a", 10, look):
            await asyncio.sleep(12.5)
        await asyncio.sleep(60)

    virtual_time.run(main())
    assert looked == [10, 11, 12]
