import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import cache

from audit_history import LINES, History, write_history
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_audit import MemoryObjects

from autocloudops.audit.findings import Report
from autocloudops.audit.keys import ROOT


@cache
def written() -> dict[str, bytes]:
    """Return the objects of an audit of three hours."""
    objects = MemoryObjects()
    asyncio.run(write_history(History(objects)))
    return objects.objects


def verified(objects: dict[str, bytes]) -> Report:
    """Return what verification comes to a day later."""
    stored = MemoryObjects()
    stored.objects = objects
    history = History(stored)
    history.clock.at += timedelta(days=1)
    return asyncio.run(history.verified())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_byte_can_be_changed_unseen(data: st.DataObject) -> None:
    """Whichever byte of whichever object is another one, something is found."""
    objects = dict(written())
    key = data.draw(st.sampled_from(sorted(objects)))
    body = bytearray(objects[key])
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    objects[key] = bytes(body)
    assert not verified(objects).clean


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_object_can_be_cut_taken_or_put_elsewhere_unseen(data: st.DataObject) -> None:
    """Whatever is cut, deleted, exchanged or copied is found; only the newest digest's loss leaves nothing but less."""
    objects = dict(written())
    last_digest = max(key for key in objects if key.startswith(f"{ROOT}digests/"))
    one, other = data.draw(st.lists(st.sampled_from(sorted(objects)), min_size=2, max_size=2, unique=True))
    match data.draw(st.sampled_from(["cut", "delete", "exchange", "overwrite", "copy"])):
        case "cut":
            objects[one] = objects[one][: data.draw(st.integers(0, len(objects[one]) - 1))]
        case "delete":
            del objects[one]
            if one == last_digest:
                assert verified(objects).unproven > 0
                return
        case "exchange":
            objects[one], objects[other] = objects[other], objects[one]
        case "overwrite":
            objects[one] = objects[other]
        case "copy":
            objects[f"{one}.copy"] = objects[one]
    assert not verified(objects).clean


STEPS = ["long-lived", "short-lived", "restart", "hour", "digest", "days"]


@given(st.lists(st.sampled_from(STEPS), max_size=20))
@settings(max_examples=30, deadline=None)
def test_an_audit_that_nobody_touched_is_clean(steps: list[str]) -> None:
    """Whenever writers write, stop and start, and whenever digests are made, nothing is found and all is proved."""
    asyncio.run(_lived(steps))


async def _lived(steps: list[str]) -> None:
    history = History(MemoryObjects())
    async with history.writing() as long_lived, AsyncExitStack() as stack:
        short_lived = await stack.enter_async_context(history.writing())
        for number, step in enumerate(steps):
            match step:
                case "restart":
                    await stack.aclose()
                    short_lived = await stack.enter_async_context(history.writing())
                case "hour" | "days":
                    history.clock.at += timedelta(hours=1 if step == "hour" else 60)
                case "digest":
                    await history.digest()
                case _:
                    writer = long_lived if step == "long-lived" else short_lived
                    await history.write_object(writer, number * 10)
            assert (await history.verified()).findings == ()
    history.clock.at += timedelta(hours=2)
    await history.digest()
    report = await history.verified()
    assert (report.findings, report.unproven) == ((), 0)
    assert report.records == LINES * sum(step.endswith("lived") for step in steps)
