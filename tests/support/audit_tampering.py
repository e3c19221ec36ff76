"""What somebody who can write to an audit may do to it, and what each has to be called."""

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Protocol

from audit_history import OTHER_KEY, History
from audit_history import record as record_of
from virtual_time import START

from autocloudops.audit.digest import Digest, message_of, signed
from autocloudops.audit.findings import Kind
from autocloudops.audit.keys import ACTIONS, HOUR, decisions_key, digest_key
from autocloudops.audit.record import digest, seal
from autocloudops.audit.signing import LocalSigner, name_of


class Store(Protocol):
    """An audit without its rules."""

    async def read(self, key: str) -> bytes: ...

    async def write(self, key: str, body: bytes) -> None: ...

    async def delete(self, key: str) -> None: ...


class Tamper(Protocol):
    """One thing that may be done."""

    __name__: str

    async def __call__(self, store: Store, history: History, /) -> None: ...


STRANGER = "0b6e8c1a-7777-4000-8000-000000000001"


async def rewrite(store: Store, key: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Replace an object's lines."""
    lines = gzip.decompress(await store.read(key)).splitlines()
    await store.write(key, gzip.compress(b"".join(line + b"\n" for line in change(lines)), mtime=0))


def edited(line: bytes) -> bytes:
    """Return a line that says something else about the same place in the chain."""
    return json.dumps({**json.loads(line), "note": "nothing to see"}, sort_keys=True, separators=(",", ":")).encode()


async def _action(history: History) -> str:
    return await anext(aiter(history.objects.keys(ACTIONS)))


async def _change_a_line(store: Store, history: History) -> None:
    await rewrite(store, history.keys[1][0], lambda lines: [*lines[:2], edited(lines[2]), *lines[3:]])


async def _change_the_last_line(store: Store, history: History) -> None:
    await rewrite(store, history.keys[1][0], lambda lines: [*lines[:-1], edited(lines[-1])])


async def _change_a_line_and_all_after(store: Store, history: History) -> None:
    def chained(lines: list[bytes]) -> list[bytes]:
        made = [edited(lines[0])]
        for line in lines[1:]:
            made.append(json.dumps({**json.loads(line), "prev": digest(made[-1])}, separators=(",", ":")).encode())
        return made

    await rewrite(store, history.keys[1][0], chained)


async def _change_an_action(store: Store, history: History) -> None:
    key = await _action(history)
    await store.write(key, (await store.read(key)).replace(b'"desired":"2"', b'"desired":"9"'))


async def _compress_anew(store: Store, history: History) -> None:
    key = history.keys[1][0]
    await store.write(key, gzip.compress(gzip.decompress(await store.read(key)), compresslevel=1, mtime=7))


async def _overwrite_with_rubbish(store: Store, history: History) -> None:
    await store.write(history.keys[1][0], b"rubbish")


async def _delete_a_line_inside(store: Store, history: History) -> None:
    await rewrite(store, history.keys[1][0], lambda lines: lines[:2] + lines[3:])


async def _delete_an_object_inside(store: Store, history: History) -> None:
    await store.delete(history.keys[1][0])


async def _delete_an_action(store: Store, history: History) -> None:
    await store.delete(await _action(history))


async def _delete_the_tail(store: Store, history: History) -> None:
    await store.delete(history.keys[2][1])


async def _cut_the_last_lines(store: Store, history: History) -> None:
    await rewrite(store, history.keys[1][1], lambda lines: lines[:-2])


async def _cut_the_file(store: Store, history: History) -> None:
    await store.write(history.keys[1][1], (await store.read(history.keys[1][1]))[:-40])


async def _empty_the_file(store: Store, history: History) -> None:
    await store.write(history.keys[1][1], b"")


async def _reorder_lines(store: Store, history: History) -> None:
    await rewrite(store, history.keys[0][1], lambda lines: [lines[0], lines[2], lines[1], *lines[3:]])


async def _insert_a_line(store: Store, history: History) -> None:
    await rewrite(store, history.keys[0][1], lambda lines: [*lines[:2], edited(lines[2]), *lines[2:]])


async def _insert_an_object_of_an_ended_writer(store: Store, history: History) -> None:
    writer = history.keys[2][1].rsplit("/", 1)[-1][:36]
    line = seal(record_of(999), writer, 30, "0" * 64)
    await store.write(decisions_key(writer, 6, START + 2 * HOUR), gzip.compress(line + b"\n", mtime=0))


async def _replay_a_line(store: Store, history: History) -> None:
    await rewrite(store, history.keys[0][1], lambda lines: [*lines, lines[1]])


async def _replay_an_object(store: Store, history: History) -> None:
    writer = history.keys[0][0].rsplit("/", 1)[-1][:36]
    await store.write(decisions_key(writer, 9, START + HOUR), await store.read(history.keys[0][0]))


async def _replay_an_object_in_another_hour(store: Store, history: History) -> None:
    name = history.keys[0][0].rsplit("/", 1)[-1]
    await store.write(f"audit/v1/decisions/dt=2026-03-01/hour=14/{name}", await store.read(history.keys[0][0]))


async def _swap_objects_between_hours(store: Store, history: History) -> None:
    first, second = history.keys[0][0], history.keys[2][0]
    one, other = await store.read(first), await store.read(second)
    await store.write(first, other)
    await store.write(second, one)


async def _move_an_object_to_another_hour(store: Store, history: History) -> None:
    name = history.keys[0][0].rsplit("/", 1)[-1]
    await store.write(f"audit/v1/decisions/dt=2026-03-01/hour=13/{name}", await store.read(history.keys[0][0]))
    await store.delete(history.keys[0][0])


async def _add_an_object_of_a_stranger(store: Store, _: History) -> None:
    line = seal(record_of(), STRANGER, 0, "")
    await store.write(decisions_key(STRANGER, 0, START), gzip.compress(line + b"\n", mtime=0))


async def _add_a_file(store: Store, _: History) -> None:
    await store.write("audit/v1/decisions/dt=2026-03-01/hour=12/notes.txt", b"hello")


async def _add_an_action_of_no_claim(store: Store, _: History) -> None:
    await store.write("audit/v1/actions/dt=2026-03-01/intent.json", b"{}")


async def _digest_without_an_object(store: Store, history: History) -> None:
    """Take an object out, and its entry out of the digest, under the old signature."""
    key = digest_key(START + HOUR)
    content = json.loads(await store.read(key))
    content["objects"] = [each for each in content["objects"] if each["key"] != history.keys[1][0]]
    await store.write(key, json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
    await store.delete(history.keys[1][0])


async def _digest_with_spaces(store: Store, _: History) -> None:
    key = digest_key(START + HOUR)
    await store.write(key, json.dumps(json.loads(await store.read(key))).encode())


async def _digest_of_rubbish(store: Store, _: History) -> None:
    await store.write(digest_key(START + HOUR), b"[]")


async def _digest_by_another_key(store: Store, _: History) -> None:
    """Sign a digest anew with a key of one's own, under that key's name."""
    key = digest_key(START + HOUR)
    content = Digest.model_validate_json(await store.read(key))
    mine = content.model_copy(update={"key_name": name_of(OTHER_KEY.public_key())})
    await store.write(key, signed(mine, await LocalSigner(OTHER_KEY).sign(message_of(mine))))


async def _digest_by_another_key_under_the_old_name(store: Store, _: History) -> None:
    key = digest_key(START + HOUR)
    content = Digest.model_validate_json(await store.read(key))
    await store.write(key, signed(content, await LocalSigner(OTHER_KEY).sign(message_of(content))))


async def _delete_a_digest(store: Store, _: History) -> None:
    await store.delete(digest_key(START + HOUR))


async def _delete_the_first_digest(store: Store, _: History) -> None:
    await store.delete(digest_key(START))


async def _digest_in_anothers_place(store: Store, _: History) -> None:
    await store.write(digest_key(START + HOUR), await store.read(digest_key(START)))


async def _make_a_digest_anew(store: Store, history: History) -> None:
    """Let the genuine key sign for an hour a second time, after its digest was deleted."""
    later = {hour: await store.read(digest_key(START + hour * HOUR)) for hour in (1, 2)}
    for hour in later:
        await store.delete(digest_key(START + hour * HOUR))
    history.clock.at = START + 2 * HOUR + (HOUR / 2)
    await history.digest()
    await store.write(digest_key(START + 2 * HOUR), later[2])
    history.pass_hour()


MATRIX: Mapping[Tamper, list[Kind]] = {
    _change_a_line: [Kind.CHANGED],
    _change_the_last_line: [Kind.CHANGED],
    _change_a_line_and_all_after: [Kind.CHANGED],
    _change_an_action: [Kind.CHANGED],
    _compress_anew: [Kind.CHANGED],
    _overwrite_with_rubbish: [Kind.CHANGED],
    _delete_a_line_inside: [Kind.MISSING],
    _delete_an_object_inside: [Kind.MISSING],
    _delete_an_action: [Kind.MISSING],
    _delete_the_tail: [Kind.TRUNCATED],
    _cut_the_last_lines: [Kind.TRUNCATED],
    _cut_the_file: [Kind.TRUNCATED],
    _empty_the_file: [Kind.TRUNCATED],
    _reorder_lines: [Kind.REORDERED],
    _insert_a_line: [Kind.INSERTED],
    _insert_an_object_of_an_ended_writer: [Kind.INSERTED],
    _replay_a_line: [Kind.REPLAYED],
    _replay_an_object: [Kind.REPLAYED],
    _replay_an_object_in_another_hour: [Kind.REPLAYED],
    _swap_objects_between_hours: [Kind.SWAPPED, Kind.SWAPPED],
    _move_an_object_to_another_hour: [Kind.SWAPPED],
    _add_an_object_of_a_stranger: [Kind.ALIEN],
    _add_a_file: [Kind.ALIEN],
    _add_an_action_of_no_claim: [Kind.ALIEN],
    _digest_without_an_object: [Kind.FORGED],
    _digest_with_spaces: [Kind.FORGED],
    _digest_of_rubbish: [Kind.FORGED],
    _digest_by_another_key: [Kind.WRONG_KEY],
    _digest_by_another_key_under_the_old_name: [Kind.FORGED],
    _delete_a_digest: [Kind.BROKEN],
    _delete_the_first_digest: [Kind.BROKEN],
    _digest_in_anothers_place: [Kind.REPLAYED],
    _make_a_digest_anew: [Kind.BROKEN],
}
