import asyncio

import pytest
from sns_messages import HOST, TOPIC, certificate
from virtual_time import VirtualClock, run

from autocloudops.alarms.load import Refused
from autocloudops.alarms.signature import CertificateLocation, certificate_location, topic_of
from autocloudops.authenticity.cache import KEPT_AT_MOST, KEPT_SECONDS, CertificateCache
from autocloudops.errors import AutoCloudOpsError, ServiceUnavailable

FETCH_SECONDS = 2.0


class SlowFetcher:
    """Answers after two seconds, as often as asked, unless told to fail."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.error: AutoCloudOpsError | None = None

    async def fetch(self, location: CertificateLocation) -> bytes:
        self.fetched.append(location.url)
        await asyncio.sleep(FETCH_SECONDS)
        if self.error:
            raise self.error
        return certificate()


def location(number: int = 0) -> CertificateLocation:
    """Return the place of one of our topic's certificates."""
    topic = topic_of(TOPIC)
    assert topic is not None
    return certificate_location(f"https://{HOST}/SimpleNotificationService-{number:032x}.pem", topic)


def test_callers_that_come_together_share_one_fetch() -> None:
    """A hundred messages that need one certificate cost one request, and all of them get it."""

    async def scenario() -> None:
        fetcher = SlowFetcher()
        cache = CertificateCache(fetcher, VirtualClock())
        got = await asyncio.gather(*(cache.get(location()) for _ in range(100)))
        assert len({id(each) for each in got}) == 1
        assert len(fetcher.fetched) == 1

    run(scenario())


def test_different_certificates_are_fetched_side_by_side() -> None:
    """One slow fetch does not hold up another."""

    async def scenario() -> None:
        fetcher = SlowFetcher()
        cache = CertificateCache(fetcher, VirtualClock())
        await asyncio.gather(cache.get(location(1)), cache.get(location(2)))
        assert VirtualClock().monotonic() == pytest.approx(FETCH_SECONDS)

    run(scenario())


def test_a_certificate_is_kept_for_an_hour() -> None:
    """Within the hour nothing is fetched; after it the host is asked again."""

    async def scenario() -> None:
        fetcher, clock = SlowFetcher(), VirtualClock()
        cache = CertificateCache(fetcher, clock)
        await cache.get(location())
        await clock.sleep(KEPT_SECONDS - 1)
        await cache.get(location())
        assert len(fetcher.fetched) == 1
        await clock.sleep(1)
        await cache.get(location())
        assert len(fetcher.fetched) == 2

    run(scenario())


def test_the_certificate_used_longest_ago_makes_room() -> None:
    """However many locations are asked for, 32 are kept, and those in use are among them."""

    async def scenario() -> None:
        fetcher = SlowFetcher()
        cache = CertificateCache(fetcher, VirtualClock())
        for number in range(KEPT_AT_MOST + 1):
            await cache.get(location(number))
            await cache.get(location(0))
        assert fetcher.fetched.count(location(0).url) == 1
        fetcher.fetched.clear()
        await cache.get(location(2))
        assert fetcher.fetched == []
        await cache.get(location(1))
        assert fetcher.fetched == [location(1).url]

    run(scenario())


@pytest.mark.parametrize(
    "error", [ServiceUnavailable("GET", "certificate", "down"), Refused("certificate_refused", "answered 404")]
)
def test_a_failure_reaches_every_caller_and_is_not_kept(error: AutoCloudOpsError) -> None:
    """Those who waited together fail together; who comes later has the host asked again."""

    async def scenario() -> None:
        fetcher = SlowFetcher()
        fetcher.error = error
        cache = CertificateCache(fetcher, VirtualClock())
        got = await asyncio.gather(*(cache.get(location()) for _ in range(3)), return_exceptions=True)
        assert got == [error, error, error]
        assert len(fetcher.fetched) == 1
        fetcher.error = None
        assert (await cache.get(location())).key.key_size == 2048

    run(scenario())


def test_a_fetch_outlives_the_caller_that_began_it() -> None:
    """A cancelled message does not fail the others that wait for the same certificate."""

    async def scenario() -> None:
        fetcher = SlowFetcher()
        cache = CertificateCache(fetcher, VirtualClock())
        first = asyncio.create_task(cache.get(location()))
        second = asyncio.create_task(cache.get(location()))
        await VirtualClock().sleep(1)
        first.cancel()
        assert (await second).key.key_size == 2048
        assert first.cancelled()
        assert len(fetcher.fetched) == 1

    run(scenario())


def test_a_fetch_that_nobody_waits_for_may_fail() -> None:
    """When every caller has gone, a failure is nobody's: it is neither raised nor kept."""

    async def scenario() -> None:
        fetcher = SlowFetcher()
        fetcher.error = ServiceUnavailable("GET", "certificate", "down")
        cache = CertificateCache(fetcher, VirtualClock())
        caller = asyncio.create_task(cache.get(location()))
        await VirtualClock().sleep(1)
        caller.cancel()
        await VirtualClock().sleep(FETCH_SECONDS)
        fetcher.error = None
        assert (await cache.get(location())).key.key_size == 2048

    run(scenario())
