from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Unpack, cast

import pytest
from botocore.exceptions import ReadTimeoutError
from claiming import LIMITS, NOON, AnyLedger, NoonClock, claimed, control, done, refused, request_for, wanted
from state_tables import new_table

from autocloudops.decisions.claims import ClaimState, Control, Helped, Refused
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.modes import Mode
from autocloudops.errors import ServiceUnavailable, TargetMissing
from autocloudops.state.claims import DynamoLedger

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.client import DynamoDBClient
    from types_aiobotocore_dynamodb.type_defs import (
        TransactWriteItemsInputTypeDef,
        TransactWriteItemsOutputTypeDef,
    )


async def test_who_switched_what_is_kept(empty: AnyLedger) -> None:
    """The last writer wins, and every switch before it can be read, the newest first."""
    assert await empty.control() is None
    modes = (Mode.ACTIVE, Mode.OFF, Mode.ACTIVE)
    switches = [control(mode, NOON + timedelta(minutes=number)) for number, mode in enumerate(modes)]
    for switch in switches:
        await empty.set_control(switch)
    assert await empty.control() == switches[-1]
    assert list(await empty.switches(10)) == switches[::-1]
    assert list(await empty.switches(2)) == switches[:0:-1]


async def put_by_hand(dynamodb: "DynamoDBClient", table: str, **content: str) -> None:
    """Write the control item as a person does with the AWS CLI."""
    item = {"pk": "CONTROL", "sk": "CONTROL", **content}
    await dynamodb.put_item(TableName=table, Item={name: {"S": value} for name, value in item.items()})


async def test_the_aws_cli_is_a_kill_switch(dynamodb: "DynamoDBClient") -> None:
    """One attribute is enough to stop every claim, and the next switch keeps what was written by hand."""
    table = await new_table(dynamodb)
    ledger = DynamoLedger(dynamodb, table, NoonClock())
    await ledger.set_control(control())
    await put_by_hand(dynamodb, table, mode="off")
    assert (await refused(ledger, wanted())).which is Refused.KILLED
    by_hand = await ledger.control()
    assert by_hand == Control(mode=Mode.OFF, reason="", by="", at=datetime(1970, 1, 1, tzinfo=UTC))
    await ledger.set_control(control(at=NOON + timedelta(minutes=1)))
    assert by_hand in await ledger.switches(10)


@pytest.mark.parametrize("mode", ["Active", "stop", ""])
async def test_a_mode_that_nobody_knows_stops_everything(dynamodb: "DynamoDBClient", mode: str) -> None:
    """A slip of whoever switches by hand never allows anything, and is shown as what it is."""
    table = await new_table(dynamodb)
    ledger = DynamoLedger(dynamodb, table, NoonClock())
    await put_by_hand(dynamodb, table, mode=mode, at="yesterday", reason="hurry")
    assert (await refused(ledger, wanted(approval=True))).which is Refused.KILLED
    said = await ledger.control()
    assert said
    assert (said.mode, said.reason) == (Mode.OFF, f"there is no mode {mode!r}; hurry")


class LosesAnswers:
    """A DynamoDB client whose next transactions are done, or not even sent, and never answered.

    Args:
        client: what does them.
        done: whether each of the next ones is done before its answer is lost.
    """

    def __init__(self, client: "DynamoDBClient", done: list[bool]) -> None:
        self._client = client
        self._done = done

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)

    async def transact_write_items(
        self, **request: Unpack["TransactWriteItemsInputTypeDef"]
    ) -> "TransactWriteItemsOutputTypeDef":
        if not self._done:
            return await self._client.transact_write_items(**request)
        if self._done.pop(0):
            await self._client.transact_write_items(**request)
        raise ReadTimeoutError(endpoint_url="https://dynamodb")


Losing = Callable[[list[bool]], DynamoLedger]


@pytest.fixture
async def losing(dynamodb: "DynamoDBClient") -> Losing:
    """Make ledgers on one table that lose answers."""
    table = await new_table(dynamodb)
    await DynamoLedger(dynamodb, table, NoonClock()).set_control(control())

    def lose(done: list[bool]) -> DynamoLedger:
        return DynamoLedger(cast("DynamoDBClient", LosesAnswers(dynamodb, done)), table, NoonClock())

    return lose


LOST = pytest.mark.parametrize("lost", [[True], [False, True]])


@LOST
async def test_a_claim_whose_answer_was_lost_is_found(losing: Losing, lost: list[bool]) -> None:
    """Whether or not it was made before the answer was lost, the claim is made once and known to whoever made it."""
    limits = ClaimLimits(global_per_hour=2)
    assert await claimed(losing(lost), wanted(), limits) == wanted()
    assert (await refused(losing([]), wanted(worker="two"), limits)).which is Refused.DUPLICATE
    await claimed(losing([]), wanted(2, request_for("2")), limits)
    assert (await refused(losing([]), wanted(3, request_for("3")), limits)).which is Refused.GLOBAL_BUDGET


@LOST
async def test_a_move_whose_answer_was_lost_is_known(losing: Losing, lost: list[bool]) -> None:
    """Whoever moved a claim holds it, and it was moved once."""
    held = await claimed(losing([]), wanted())
    intent = held.model_copy(update={"state": ClaimState.INTENT})
    assert await losing(lost).move(held, intent) == intent.model_copy(update={"version": 1})
    assert await losing([]).move(held, intent) is None


@LOST
async def test_a_result_whose_answer_was_lost_is_counted_once(losing: Losing, lost: list[bool]) -> None:
    """Neither a lost result nor a lost reset counts twice, and both are known to whoever made them."""
    limits = ClaimLimits(breaker_failures=1)
    claim = await done(losing([]), wanted())
    kept = await losing(list(lost)).verified(claim, Helped.NOT_VERIFIED, limits, NOON)
    assert kept
    assert await losing([]).broken("scale-out")
    assert await losing(list(lost)).reset("scale-out")
    assert await losing([]).broken("scale-out") is None


async def test_a_rival_in_between_is_not_mistaken_for_ones_own(losing: Losing) -> None:
    """A call that never arrived, and was repeated after somebody else claimed, is refused."""
    await claimed(losing([]), wanted(worker="one"))
    assert (await refused(losing([False]), wanted(worker="one"))).which is Refused.DUPLICATE


async def test_a_table_that_stays_silent_is_an_error(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gets no answer in time does not know, and is told so."""
    monkeypatch.setattr("autocloudops.state.claim_writes.WITHIN_SECONDS", 0.05)
    silent = cast("DynamoDBClient", LosesAnswers(dynamodb, [False] * 99))
    with pytest.raises(ServiceUnavailable, match="TransactWriteItems"):
        await DynamoLedger(silent, "state", NoonClock()).claim(wanted(), LIMITS, NOON)


async def test_a_table_that_is_not_there_is_an_error(dynamodb: "DynamoDBClient") -> None:
    """Errors name the table."""
    with pytest.raises(TargetMissing, match="nowhere"):
        await DynamoLedger(dynamodb, "nowhere", NoonClock()).claim(wanted(), LIMITS, NOON)
