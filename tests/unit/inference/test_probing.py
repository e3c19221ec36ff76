"""Probes beside the questions, in virtual time."""

import asyncio

import pytest
import virtual_time
from scripted_endpoint import Fixed, Scripted, backend, in_turn, question
from virtual_time import VirtualClock

from autocloudops.diagnosis.endpoint import EmbeddingRequest, Embeddings
from autocloudops.errors import ModelError, ModelTimedOut, ModelUnavailable
from autocloudops.inference.breaker import Health, Trip
from autocloudops.inference.probing import CORRELATION_ID, PROBE_SECONDS
from autocloudops.inference.reliable import ReliableEndpoint

FIRST_REST_SECONDS = 5


def reliable(*endpoints: Scripted) -> ReliableEndpoint:
    """Return a reliable endpoint over others; one fault sends any of them to rest."""
    clock = VirtualClock()
    around = [backend(each, clock, Fixed(9), Trip(consecutive=1)) for each in endpoints]
    return ReliableEndpoint(around, clock, lambda _: None)


async def rested(asked: ReliableEndpoint) -> None:
    """Ask one question, which sends the first endpoint to rest, and wait until its rest is over."""
    await asked.complete(question())
    await asyncio.sleep(FIRST_REST_SECONDS + 1)


def probes(endpoint: Scripted) -> int:
    """Return how many probes an endpoint saw."""
    return endpoint.asked_by.count(CORRELATION_ID)


def test_an_idle_worker_probes_nothing() -> None:
    """An endpoint that went to rest costs nothing for a day in which nobody asks, and one token when somebody does."""
    first = Scripted("a", in_turn(ModelUnavailable("a", "503"), None))

    async def main() -> None:
        asked = reliable(first, Scripted("b", in_turn(None), seconds=2))
        await rested(asked)
        await asyncio.sleep(86_400)
        assert len(first.asked_at) == 1
        assert (await asked.complete(question())).endpoint == "b"
        assert (await asked.complete(question())).endpoint == "a"

    virtual_time.run(main())
    assert probes(first) == 1


def test_an_endpoint_behind_one_that_is_well_is_not_probed() -> None:
    """Nobody needs to know how the second is while the first answers."""
    second = Scripted("b", in_turn(None))

    async def main() -> list[str]:
        asked = reliable(Scripted("a", in_turn(None)), second)
        with pytest.raises(ModelUnavailable), asked._backends["b"].breaker.asked():
            raise ModelUnavailable("b", "503")
        await asyncio.sleep(60)
        return [(await asked.complete(question())).endpoint for _ in range(20)]

    assert virtual_time.run(main()) == ["a"] * 20
    assert second.asked_at == []


def test_questions_wait_for_the_probe_of_the_only_endpoint() -> None:
    """With nowhere else to go they wait, send nothing themselves, and go together when it is answered."""
    only = Scripted("a", lambda now: ModelUnavailable("a", "503") if now < 20 else None, seconds=0.5)

    async def main() -> None:
        asked = reliable(only)
        answers = await asyncio.gather(*(asked.complete(question(60)) for _ in range(5)))
        assert [answer.endpoint for answer in answers] == ["a"] * 5

    virtual_time.run(main())
    assert probes(only) == 3
    assert [by for by, at in zip(only.asked_by, only.asked_at, strict=True) if 1 < at < 20] == [CORRELATION_ID] * 2


def test_a_probe_that_hangs_is_a_time_out_soon() -> None:
    """An endpoint that needs a quarter of a minute for one token is not well, and rests on."""
    first = Scripted("a", in_turn(ModelUnavailable("a", "503"), ModelTimedOut("a", "70 s")), hangs_seconds=70)

    async def main() -> None:
        asked = reliable(first, Scripted("b", in_turn(None), seconds=0.1))
        breaker = asked._backends["a"].breaker
        await rested(asked)
        await asked.complete(question())
        assert breaker.health is Health.ON_TRIAL
        await asyncio.sleep(PROBE_SECONDS)
        assert (breaker.health, type(breaker.reason)) == (Health.RESTING, ModelTimedOut)

    virtual_time.run(main())


def test_no_probe_outlives_its_endpoint() -> None:
    """Closing ends a probe that is under way, waits for its end, and leaves no task."""
    first = Scripted("a", in_turn(ModelUnavailable("a", "503"), ModelTimedOut("a", "70 s")), hangs_seconds=70)

    async def main() -> None:
        asked = reliable(first, Scripted("b", in_turn(None), seconds=0.1))
        await rested(asked)
        await asked.complete(question())
        assert probes(first) == 1
        assert len(asyncio.all_tasks()) == 2
        await asked.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert asked._backends["a"].breaker.health is Health.RESTING

    virtual_time.run(main())


def test_an_endpoint_that_embeds_is_probed_by_embedding() -> None:
    """A server of vectors knows no chats: it is asked for the vector of one word."""

    class Vectors(Scripted):
        async def embed(self, request: EmbeddingRequest) -> Embeddings:
            self.asked_by.append(",".join(request.texts))
            return await super().embed(request)

    only = Vectors("a", in_turn(ModelUnavailable("a", "503"), None), seconds=0.1)
    texts = EmbeddingRequest(texts=("a question", "and another"), input_type="query")
    vectors = virtual_time.run(reliable(only).embed(texts))
    assert len(vectors.vectors) == 2
    assert only.asked_by == ["a question,and another", "yes", "a question,and another"]


def test_a_probe_decides_for_who_waits_at_the_same_moment() -> None:
    """A failed probe of the only endpoint ends the wait of a question that could not start before the next."""
    only = Scripted("a", in_turn(ModelUnavailable("a", "503")), seconds=0)
    with pytest.raises(ModelError):
        virtual_time.run(reliable(only).complete(question(8)))
    assert probes(only) == 1
