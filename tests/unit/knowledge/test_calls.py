from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from virtual_time import VirtualClock, run

from autocloudops.errors import AccountUnread, ServiceFailed, ServiceUnavailable, SettingsInvalid, Throttled
from autocloudops.knowledge.calls import Bucket, Calls

ACTION, ACCOUNT, REGION = "cloudwatch:DescribeAlarms", "111122223333", "eu-west-1"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are opened with dummy credentials, and never used."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def test_a_bucket_gives_its_rate_and_no_more() -> None:
    """Over ten seconds a bucket of 2.5 a second gives its first two tokens and 25 more."""

    async def taking() -> int:
        clock = VirtualClock()
        bucket = Bucket(2.5, clock)
        taken = sum(bucket.taken() for _ in range(10))
        for _ in range(100):
            await clock.sleep(0.1)
            taken += bucket.taken()
        return taken

    assert 26 <= run(taking()) <= 27


def test_a_quarter_of_the_quota_is_used_for_each_account_and_region() -> None:
    """The sixth call within a second is refused by ourselves where AWS allows twenty; another region has its own."""

    async def calling() -> list[str]:
        async with AsyncExitStack() as stack:
            calls = Calls(stack, VirtualClock(), {ACTION: 20.0})
            answers = []
            for region in [REGION] * 6 + ["eu-north-1"]:
                try:
                    answers.append(await calls.make(ACTION, ACCOUNT, region, _named, "orders"))
                except Throttled as error:
                    answers.append(error.operation)
        return answers

    assert run(calling()) == [REGION] * 5 + [ACTION, "eu-north-1"]


def test_another_account_is_not_answered_for() -> None:
    """The role's own account has no say about an alarm of the same name elsewhere: no call is made for that one."""

    async def calling() -> list[str]:
        made: list[str] = []

        async def noted(client: Any) -> None:  # noqa: ANN401 - a client of any service
            made.append(str(client.meta.region_name))

        async with AsyncExitStack() as stack:
            calls = Calls(stack, VirtualClock(), {}, own_account=ACCOUNT)
            with pytest.raises(AccountUnread, match=f"account 444455556666, the role is in {ACCOUNT}"):
                await calls.make(ACTION, "444455556666", REGION, noted, "orders")
            await calls.make(ACTION, ACCOUNT, REGION, noted, "orders")
            await calls.make(ACTION, "", REGION, noted, "orders")
        return made

    assert run(calling()) == [REGION, REGION]


def test_a_call_that_hangs_is_given_up() -> None:
    """After 0.7 s a call without an answer is a failure that names the call and its target."""

    async def hanging() -> float:
        clock = VirtualClock()
        async with AsyncExitStack() as stack:
            calls = Calls(stack, clock, {})

            async def never(_: Any) -> None:  # noqa: ANN401 - a client of any service
                await clock.sleep(1e6)

            with pytest.raises(ServiceUnavailable, match=r"cloudwatch:DescribeAlarms on orders .* within 0\.7 s"):
                await calls.make(ACTION, ACCOUNT, REGION, never, "orders")
        return clock.monotonic()

    assert run(hanging()) == 0.7


def test_a_client_that_cannot_be_opened_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that is not there is named, and once it is repaired the next call succeeds."""

    async def calling() -> str:
        async with AsyncExitStack() as stack:
            calls = Calls(stack, VirtualClock(), {})
            monkeypatch.setenv("AWS_PROFILE", "absent")
            with pytest.raises(SettingsInvalid, match="absent"):
                await calls.make(ACTION, ACCOUNT, REGION, _named)
            monkeypatch.delenv("AWS_PROFILE")
            return await calls.make(ACTION, ACCOUNT, REGION, _named)

    assert run(calling()) == REGION


def test_credentials_that_come_late_are_found(tmp_path: Path) -> None:
    """Where there are none yet the call says so, and no client is kept that would never look for them again."""

    async def calling() -> str:
        async with AsyncExitStack() as stack:
            with pytest.MonkeyPatch.context() as bare:
                bare.setenv("AWS_EC2_METADATA_DISABLED", "true")
                bare.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
                bare.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
                bare.delenv("AWS_ACCESS_KEY_ID")
                calls = Calls(stack, VirtualClock(), {})
                await calls.warm([ACTION], REGION)
                with pytest.raises(SettingsInvalid, match="Unable to locate credentials"):
                    await calls.make(ACTION, ACCOUNT, REGION, _named)
            return await calls.make(ACTION, ACCOUNT, REGION, _named)

    assert run(calling()) == REGION


def test_a_call_that_names_what_no_service_allows_is_a_failed_call() -> None:
    """A forged alarm may name anything: what cannot be sent is one call's failure, and says nothing of the settings."""

    async def calling() -> None:
        async with AsyncExitStack() as stack:
            calls = Calls(stack, VirtualClock(), {})
            await calls.make(ACTION, ACCOUNT, REGION, lambda client: client.describe_alarms(AlarmNames=[""]), "orders")

    with pytest.raises(ServiceFailed, match="on orders failed: it names what the service does not allow"):
        run(calling())


async def _named(client: Any) -> str:  # noqa: ANN401 - a client of any service
    return str(client.meta.region_name)


def test_clients_are_opened_before_anybody_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was warmed is not opened again, each service is opened once, and one that cannot be costs nothing."""

    async def warming() -> list[str]:
        opened: list[str] = []
        async with AsyncExitStack() as stack:
            calls = Calls(stack, VirtualClock(), {})
            plain = calls._open

            async def opening(service: str, region: str) -> Any:  # noqa: ANN401 - as the method that it replaces
                opened.append(service)
                return await plain(service, region)

            monkeypatch.setattr(calls, "_open", opening)
            await calls.warm([ACTION, "nothing:Describe", "cloudwatch:GetMetricData", "sqs:GetQueueUrl"], REGION)
            await calls.make(ACTION, ACCOUNT, REGION, _named, "orders")
        return opened

    assert run(warming()) == ["cloudwatch", "nothing", "sqs"]
