"""What sessions share, and what each has of its own."""

import asyncio

import pytest
from aiobotocore.session import AioSession
from botocore.exceptions import ParamValidationError

from autocloudops import aws

EVENT = "an-event-of-nobody"


async def test_what_one_session_registers_no_other_hears() -> None:
    """A handler that is registered with one session stays its own."""
    heard: list[str] = []

    def hear(**_: object) -> None:
        heard.append("one")

    one, other = aws.session(), aws.session()
    one.register(EVENT, hear)
    await other.get_component("event_emitter").emit(EVENT)
    assert heard == []
    await one.get_component("event_emitter").emit(EVENT)
    assert heard == ["one"]


async def test_a_session_has_the_handlers_of_botocore() -> None:
    """What botocore registers for every session is in ours too: here, who looks at the name of a bucket."""
    emitter = aws.session().get_component("event_emitter")
    with pytest.raises(ParamValidationError, match="Invalid bucket name"):
        await emitter.emit("before-parameter-build.s3.HeadBucket", params={"Bucket": "a/b"}, model=None, context={})


def test_an_event_loop_has_one_session_and_another_its_own() -> None:
    """Clients of one loop fetch credentials once; one that another loop left behind is not taken over."""

    async def both() -> tuple[AioSession, AioSession]:
        return aws.shared_session(), aws.shared_session()

    first, again = asyncio.run(both())
    assert first is again
    assert asyncio.run(both())[0] is not first
