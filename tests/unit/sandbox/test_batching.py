import asyncio

import pytest
from virtual_time import VirtualClock, run

from autocloudops.errors import SandboxFailed
from autocloudops.sandbox.endpoint.batching import (
    BatchingEndpoint,
    Fleet,
    InstanceGone,
    NoInstance,
    QueueFull,
    Removal,
    Scale,
    Served,
)
from autocloudops.sandbox.endpoint.gpus import Profile, gpu

SMALL = Profile(name="small", alpha_ms=10.0, beta_ms=1.0, prefill_ms_per_token=1.0, kv_tokens=1000, max_sequences=2)


def endpoint(fleet: Fleet | None = None, profile: Profile = SMALL) -> BatchingEndpoint:
    """Return an endpoint in virtual time."""
    return BatchingEndpoint(profile, VirtualClock(), fleet)


async def together(served_by: BatchingEndpoint, *requests: tuple[int, int]) -> list[Served]:
    """Serve requests that arrive at the same moment, as (prompt tokens, completion tokens)."""
    return await asyncio.gather(*(served_by.serve(*request) for request in requests))


def test_a_lone_request_takes_its_prefill_and_its_steps() -> None:
    """100 prompt tokens at 1 ms, then 10 steps of 11 ms for the tokens after the first."""
    served = run(endpoint().serve(100, 11))
    assert served.queue_seconds == 0
    assert served.first_token_seconds == pytest.approx(0.1)
    assert served.total_seconds == pytest.approx(0.1 + 10 * 0.011)


def test_reading_a_prompt_stalls_decoding() -> None:
    """The first sequence gains nothing while the second prompt is read, then both gain at the pace of two."""

    async def main() -> None:
        first, second = await together(endpoint(), (100, 11), (50, 11))
        assert first.total_seconds == pytest.approx(0.1 + 0.05 + 10 * 0.012)
        assert second.queue_seconds == pytest.approx(0.1)
        assert second.total_seconds == pytest.approx(first.total_seconds)

    run(main())


def test_a_request_beyond_the_most_sequences_waits_first_in_first_out() -> None:
    """A third request waits for the first that ends, a fourth for the next."""

    async def main() -> None:
        _, _, third, fourth = await together(endpoint(), (0, 11), (0, 21), (0, 11), (0, 11))
        assert third.queue_seconds == pytest.approx(10 * 0.012)
        assert fourth.queue_seconds == pytest.approx(20 * 0.012)

    run(main())


def test_a_request_waits_for_room_for_its_tokens() -> None:
    """Two requests that do not fit together run one after the other."""

    async def main() -> None:
        first, second = await together(endpoint(), (500, 100), (500, 100))
        assert second.queue_seconds == pytest.approx(first.total_seconds)

    run(main())


def test_a_request_that_never_fits_is_refused() -> None:
    """More tokens than the room holds is an error at once."""
    with pytest.raises(SandboxFailed, match="never fits"):
        run(endpoint().serve(1000, 1))


def test_the_shared_prefix_is_read_once() -> None:
    """A second prompt is read from the end of the shared prefix on."""

    async def main() -> None:
        warm = endpoint(Fleet(shared_prefix_tokens=80))
        first = await warm.serve(100, 1)
        second = await warm.serve(100, 1)
        assert (first.total_seconds, second.total_seconds) == pytest.approx((0.1, 0.02))

    run(main())


def test_a_new_instance_serves_after_its_start_up_and_takes_new_requests() -> None:
    """Requests stay where they are; the new instance gets what comes after it started."""

    async def main() -> None:
        grown = endpoint(Fleet(start_up_seconds=5.0))
        schedule = asyncio.create_task(grown.follow([Scale(1.0, 2)]))
        await asyncio.sleep(5.9)
        assert grown.serving == 1
        await asyncio.sleep(0.2)
        assert grown.serving == 2
        served = await together(grown, *[(0, 101)] * 4)
        assert all(each.queue_seconds == 0 for each in served)
        await schedule

    run(main())


def test_a_drained_instance_finishes_and_gets_nothing_new() -> None:
    """What ran on it is answered, and the endpoint has none for the next."""

    async def main() -> None:
        drained = endpoint()
        running = drained.submit(0, 11)
        drained.scale(0)
        with pytest.raises(NoInstance):
            await drained.serve(0, 1)
        assert (await running.served).total_seconds == pytest.approx(0.11)
        assert drained.outstanding == 0

    run(main())


def test_a_broken_instance_fails_what_ran_and_waited() -> None:
    """Every request of the instance hears of it."""

    async def main() -> None:
        broken = endpoint(Fleet(removal=Removal.BREAK))
        running = [broken.submit(10, 50) for _ in range(4)]
        await asyncio.sleep(0.015)
        broken.scale(0)
        outcomes = await asyncio.gather(*(each.served for each in running), return_exceptions=True)
        assert all(isinstance(each, InstanceGone) for each in outcomes)

    run(main())


def test_a_full_line_refuses() -> None:
    """Beyond the queue limit a request is refused, not kept."""

    async def main() -> None:
        full = endpoint(Fleet(queue_limit=1))
        kept = [full.submit(0, 11) for _ in range(3)]
        with pytest.raises(QueueFull):
            await full.serve(0, 1)
        await asyncio.gather(*(each.served for each in kept))

    run(main())


@pytest.mark.parametrize(("runs_on", "waits_seconds"), [(True, 0.13), (False, 0.0)])
def test_a_cancelled_request_runs_on_unless_the_fleet_says_otherwise(*, runs_on: bool, waits_seconds: float) -> None:
    """The container is not told that a client left: its sequences hold their places to the end."""

    async def main() -> None:
        left = endpoint(Fleet(cancelled_runs_on=runs_on))
        clients = [asyncio.create_task(left.serve(0, 16)) for _ in range(2)]
        await asyncio.sleep(0.05)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        assert (await left.serve(0, 1)).queue_seconds == pytest.approx(waits_seconds, abs=0.001)

    run(main())


@pytest.mark.parametrize(
    ("name", "in_flight", "prompt", "answer", "measured"),
    [("a10g", 16, 550, 150, 299), ("h100", 200, 200, 200, 13_348), ("l40s", 128, 280, 310, 1_827)],
)
def test_profiles_reproduce_the_measured_throughput(
    name: str, in_flight: int, prompt: int, answer: int, measured: int
) -> None:
    """Tokens a second come within a tenth of the measurement that the row names."""

    async def client(full: BatchingEndpoint) -> None:
        for _ in range(10):
            await full.serve(prompt, answer)

    async def main() -> float:
        full = endpoint(profile=gpu(name))
        await asyncio.gather(*(client(full) for _ in range(in_flight)))
        return in_flight * 10 * answer / VirtualClock().monotonic()

    assert run(main()) == pytest.approx(measured, rel=0.1)
