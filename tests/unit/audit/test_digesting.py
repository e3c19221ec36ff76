import asyncio
import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import pytest
from audit_actions import entry
from audit_history import KEY, OTHER_KEY, TRUSTED, History, record, settled, write_history
from memory_audit import MemoryObjects, RefusingObjects
from virtual_time import START

from autocloudops.audit.actions import ActionObjects, key_of
from autocloudops.audit.digest import Digest, merkle_root
from autocloudops.audit.findings import Kind
from autocloudops.audit.keys import DECISIONS, HOUR, digest_key
from autocloudops.audit.merkle import root_of
from autocloudops.audit.signing import TrustedKeys, name_of
from autocloudops.audit.verifying import Range
from autocloudops.decisions.claims import Step
from autocloudops.errors import SettingsInvalid


@pytest.fixture
def objects() -> MemoryObjects:
    """Where the audit is."""
    return MemoryObjects()


@pytest.fixture
def history(objects: MemoryObjects) -> History:
    """An audit in which nothing happened yet."""
    return History(objects)


def digest_of(objects: MemoryObjects, hour: int) -> Digest:
    """Return the digest of an hour after the start."""
    return Digest.model_validate_json(objects.objects[digest_key(START + hour * HOUR)])


async def test_a_digest_says_what_stood_who_wrote_it_and_which_one_came_before(
    objects: MemoryObjects, history: History
) -> None:
    """Objects with size and hash, their Merkle root, writers with their last number, and the digest before."""
    await write_history(history)
    first, last = digest_of(objects, 0), digest_of(objects, 2)
    assert {each.key for each in first.objects} == {key for key in objects.objects if "hour=12/" in key} | {
        key_of(entry(Step.INTENT, 0))
    }
    for each in first.objects:
        body = objects.objects[each.key]
        assert (each.size_bytes, each.sha256) == (len(body), sha256(body).hexdigest())
    assert first.root == merkle_root(first.objects)
    assert sorted((each.sequence, each.ended) for each in first.writers) == [(0, False), (1, False)]
    assert sorted((each.sequence, each.ended) for each in last.writers) == [(2, True), (5, True)]
    before = objects.objects[digest_key(START + HOUR)]
    assert last.previous is not None
    assert last.previous.sha256 == sha256(before).hexdigest()
    assert last.key_name == name_of(KEY.public_key())


async def test_every_hour_that_is_over_gets_one_digest_whoever_asks_how_often(history: History) -> None:
    """A schedule that was down makes up for it, hours without objects included; asked again it makes nothing."""
    async with history.writing() as writer:
        await history.write_object(writer)
    for _ in range(3):
        history.pass_hour()
    assert await history.digest() == [digest_key(START + hour * HOUR) for hour in range(3)]
    assert await history.digest() == []
    assert (await history.verified()).digests == 3


async def test_an_hour_is_over_five_minutes_after_its_end(history: History) -> None:
    """What is under way at the end of an hour has time to arrive."""
    async with history.writing() as writer:
        await history.write_object(writer)
    history.clock.at = START + HOUR + timedelta(minutes=4, seconds=59)
    assert await history.digest() == []
    history.clock.at = START + HOUR + timedelta(minutes=5)
    assert len(await history.digest()) == 1


async def test_two_runs_at_once_make_one_chain(objects: MemoryObjects, history: History) -> None:
    """A schedule fires at least once: the run that comes second leaves off."""
    async with history.writing() as writer:
        await history.write_object(writer)
    for _ in range(2):
        history.pass_hour()
    made = await asyncio.gather(history.digest(), history.digest())
    assert sorted(made[0] + made[1]) == [digest_key(START), digest_key(START + HOUR)]
    assert await history.kinds() == []
    assert len([key for key in objects.objects if "digests" in key]) == 2


async def test_an_object_that_came_late_is_in_the_next_digest() -> None:
    """A write that S3 took an hour to accept keeps the hour of its key, and is marked `late`; nothing is found."""
    objects = RefusingObjects()
    history = History(objects)
    async with history.writing() as writer:
        await history.write_object(writer)
        objects.refused = DECISIONS
        waiting = asyncio.create_task(history.write_object(writer, 10))
        await settled()
        history.pass_hour()
        await history.digest()
        objects.refused = "nothing"
        key = await waiting
        report = await history.verified()
        assert (report.findings, report.unproven) == ((), 1)
        history.pass_hour()
        await history.digest()
    assert [each.key for each in digest_of(objects, 1).objects if each.late] == [key]
    report = await history.verified()
    assert (report.findings, report.unproven, report.objects) == ((), 0, 2)


async def test_what_no_digest_covers_is_not_yet_provable(history: History) -> None:
    """Before the first digest nothing is proved, and nothing is wrong; the next digest proves it."""
    async with history.writing() as writer:
        await history.write_object(writer)
        await ActionObjects(history.objects).write(entry())
        report = await history.verified()
        assert (report.findings, report.unproven, report.objects, report.proved_until) == ((), 2, 0, None)
        history.pass_hour()
        await history.digest()
        report = await history.verified()
        assert (report.findings, report.unproven, report.objects, report.records) == ((), 0, 2, 5)
        assert report.proved_until == START + HOUR


@pytest.mark.parametrize(("gone", "kind"), [((2,), Kind.TRUNCATED), ((1, 2), Kind.TRUNCATED), ((1,), Kind.MISSING)])
async def test_objects_lost_before_anybody_signed_are_found_by_the_next_digest(
    objects: MemoryObjects, history: History, gone: tuple[int, ...], kind: Kind
) -> None:
    """The registry knows how far a writer was: what is gone from its end, or from inside, is found once."""
    async with history.writing() as writer:
        keys = [await history.write_object(writer, number * 10) for number in range(3)]
        for number in gone:
            del objects.objects[keys[number]]
        history.pass_hour()
        await history.digest()
        assert await history.kinds() == [kind]
        await history.write_object(writer, 90)
    history.pass_hour()
    await history.digest()
    assert await history.kinds() == [kind]


async def test_what_a_writer_began_in_the_next_hour_is_no_loss_of_this_one(history: History) -> None:
    """The registry is read after the hour: objects of the next hour are not taken for missing in this one."""
    async with history.writing() as writer:
        await history.write_object(writer)
        history.pass_hour()
        await history.write_object(writer, 10)
        await history.digest()
        assert await history.kinds() == []
        history.pass_hour()
        await history.digest()
    assert await history.kinds() == []


async def test_a_registry_that_lags_behind_is_no_finding(history: History) -> None:
    """What the registry was not told in time is not held against what stands in the bucket."""
    async with history.writing() as writer:
        await history.write_object(writer)
        history.registry.failures = 10**9
        await history.write_object(writer, 10)
        history.pass_hour()
        await history.digest()
        history.registry.failures = 0
    assert await history.kinds() == []


async def test_a_writer_that_died_stays_unclosed(objects: MemoryObjects, history: History) -> None:
    """A digest tells writers that ended from those that were not heard of again."""
    async with history.writing() as dead, history.writing() as ended:
        await history.write_object(dead)
        await history.write_object(ended)
        history.registry.failures = 10**9
    history.registry.failures = 0
    history.pass_hour()
    await history.digest()
    assert [each.ended for each in digest_of(objects, 0).writers] == [False, False]
    assert await history.kinds() == []


async def test_an_action_whose_outcome_comes_after_days_is_listed_late_and_once(
    objects: MemoryObjects, history: History
) -> None:
    """Approvals take their time: the outcome stands under the claim's day, and one digest lists it."""
    log = ActionObjects(objects)
    async with history.writing() as writer:
        await history.write_object(writer)
    await log.write(entry(Step.INTENT))
    history.pass_hour()
    await history.digest()
    history.clock.at += timedelta(days=2)
    await history.digest()
    await log.write(entry(Step.OUTCOME))
    assert (await history.verified()).unproven == 1
    history.pass_hour()
    (made,) = await history.digest()
    listed = Digest.model_validate_json(objects.objects[made]).objects
    assert [(each.key, each.late) for each in listed] == [(key_of(entry(Step.OUTCOME)), True)]
    history.pass_hour()
    await history.digest()
    report = await history.verified()
    assert (report.findings, report.unproven, report.objects) == ((), 0, 3)


async def test_an_action_that_appears_long_after_its_day_is_alien(history: History) -> None:
    """No digest lists it any more, so nobody can have written it in good order."""
    async with history.writing() as writer:
        await history.write_object(writer)
    history.clock.at += timedelta(days=10)
    await history.digest()
    await ActionObjects(history.objects).write(entry())
    assert await history.kinds() == [Kind.ALIEN]


async def test_a_forged_digest_is_neither_believed_nor_followed(objects: MemoryObjects, history: History) -> None:
    """The digest after it covers what the forged one hid, and follows the last genuine one."""
    await write_history(history)
    forged = digest_key(START + 2 * HOUR)
    content = json.loads(objects.objects[forged])
    for writer in content["writers"]:
        writer["covered"]["objects"] = 10**6
    objects.objects[forged] = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    history.pass_hour()
    await history.digest()
    found = await history.verified()
    assert [each.kind for each in found.findings] == [Kind.FORGED]
    assert (found.unproven, found.objects) == (0, 12)


async def test_a_key_may_be_changed(history: History) -> None:
    """The new key follows what the old one signed if it is told of it, and both verify while both are trusted."""
    async with history.writing() as writer:
        await history.write_object(writer)
        history.pass_hour()
        await history.digest(KEY)
        await history.write_object(writer, 10)
        history.pass_hour()
        with pytest.raises(SettingsInvalid, match="--former"):
            await history.digest(OTHER_KEY)
        await history.digest(OTHER_KEY, TRUSTED)
    both = TrustedKeys([KEY.public_key(), OTHER_KEY.public_key()])
    assert await history.kinds(both) == []
    assert (await history.verified(trusted=both)).objects == 2
    assert await history.kinds(TRUSTED) == [Kind.WRONG_KEY]


async def test_a_key_that_is_not_named_is_told_at_once(history: History, caplog: pytest.LogCaptureFixture) -> None:
    """Digests of years are neither read nor logged each hour while nobody names what signed the newest of them."""
    await write_history(history, hours=5)
    history.pass_hour()
    with pytest.raises(SettingsInvalid, match=digest_key(START + 4 * HOUR)):
        await history.digest(OTHER_KEY)
    assert not caplog.messages


async def test_where_every_digest_is_forged_none_is_made(objects: MemoryObjects, history: History) -> None:
    """A chain that nothing genuine begins would prove nothing; a person has to say how it goes on."""
    await write_history(history, hours=2)
    objects.objects |= {digest_key(START + hour * HOUR): b"rubbish" for hour in range(2)}
    history.pass_hour()
    with pytest.raises(SettingsInvalid, match="forged"):
        await history.digest()


@pytest.mark.parametrize(
    ("wanted", "digests", "objects_proved"),
    [
        (Range(), 5, 20),
        (Range(START + HOUR, START + 2 * HOUR), 2, 8),
        (Range(START + 3 * HOUR), 2, 8),
        (Range(until=START), 1, 4),
        (Range(START + 9 * HOUR), 0, 0),
    ],
)
async def test_a_part_is_verified_as_the_whole_is(
    history: History, wanted: Range, digests: int, objects_proved: int
) -> None:
    """Any range of a clean audit is clean: it takes over from the digest before it."""
    await write_history(history, hours=5)
    report = await history.verified(wanted)
    assert report.findings == ()
    assert (report.digests, report.objects) == (digests, objects_proved)


async def test_damage_outside_the_range_is_not_told(objects: MemoryObjects, history: History) -> None:
    """Only what was asked about is read."""
    await write_history(history, hours=3)
    objects.objects[history.keys[0][0]] = b"rubbish"
    assert (await history.verified(Range(START + HOUR))).findings == ()
    assert [each.kind for each in (await history.verified(Range(until=START))).findings] == [Kind.CHANGED]


async def test_damage_before_the_signature_is_found_by_the_chain(objects: MemoryObjects, history: History) -> None:
    """A digest signs for what it sees; a line that was changed before does not match the line after it."""
    async with history.writing() as writer:
        key = await history.write_object(writer)
        lines = gzip.decompress(objects.objects[key]).splitlines()
        lines[2] = lines[2].replace(b"no JSON 2", b"no JSON 9")
        objects.objects[key] = gzip.compress(b"\n".join(lines) + b"\n", mtime=0)
        history.pass_hour()
        await history.digest()
    assert await history.kinds() == [Kind.CHANGED]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda lines: lines[:-1], Kind.TRUNCATED),
        (lambda lines: [*lines[:-1], lines[-1].replace(b"no JSON 4", b"no JSON 9")], Kind.CHANGED),
    ],
)
async def test_the_last_line_is_the_one_that_its_writer_said(
    objects: MemoryObjects, history: History, change: Callable[[list[bytes]], list[bytes]], kind: Kind
) -> None:
    """No line follows the last one, so the registry keeps its digest: damage before the signature is found once."""
    async with history.writing() as writer:
        key = await history.write_object(writer)
        lines = change(gzip.decompress(objects.objects[key]).splitlines())
        objects.objects[key] = gzip.compress(b"\n".join(lines) + b"\n", mtime=0)
        for _ in range(2):
            history.pass_hour()
            await history.digest()
    assert await history.kinds() == [kind]


def test_the_merkle_root_is_that_of_rfc_6962() -> None:
    """Roots over 0, 1, 2, 3 and 7 leaves are those of Certificate Transparency's published test vectors."""
    leaves = [bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
    assert root_of([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of(leaves[:1]) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_of(leaves[:2]) == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert root_of(leaves[:3]) == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    assert root_of(leaves) == "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"


async def test_records_are_told_apart(history: History) -> None:
    """The history that these tests write holds no record twice."""
    assert record(1) != record(2)
    await write_history(history)
    report = await history.verified()
    assert (report.records, report.objects, report.digests) == (45, 12, 3)
