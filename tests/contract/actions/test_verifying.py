import json
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from state_tables import new_table
from turned_clock import TurnedClock
from verified_world import World, scale_out
from virtual_time import START

from autocloudops import aws
from autocloudops.actions.verification import Reach, Verifier
from autocloudops.alarms.model import AlarmState
from autocloudops.audit.actions import ActionObjects
from autocloudops.audit.objects import AuditObjects
from autocloudops.decisions.claims import Claim, Helped, Step
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.entrypoints.wiring import open_audit, open_table
from autocloudops.state.claims import DynamoLedger

FIRED, CLEARED = (timedelta(minutes=-5), AlarmState.ALARM), (timedelta(), AlarmState.OK)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def objects(emulator: str, stack: AsyncExitStack) -> AuditObjects:
    """An empty audit bucket."""
    assert emulator
    bucket = f"audit-{uuid4().hex}"
    config = aws.config(read_timeout_seconds=10)
    s3 = await stack.enter_async_context(aws.session().create_client("s3", region_name="us-east-1", config=config))
    await s3.create_bucket(Bucket=bucket)
    return await open_audit(stack, f"s3://{bucket}")


async def _world(stack: AsyncExitStack, clock: TurnedClock, *turns: tuple[timedelta, AlarmState]) -> World:
    """Return a world whose ledger is a DynamoDB table."""
    client = await open_table(stack)
    world = World(turns=turns, clock=clock)
    world.ledger = DynamoLedger(client, await new_table(client), clock)
    return world


def _verifier(world: World, objects: AuditObjects) -> Verifier:
    reach = Reach(alarms=world, guards=world, rollbacks=world, ops_items=world, people=world)
    return Verifier(world.ledger, ActionObjects(objects), reach, Policy(mode=Mode.ACTIVE))


async def _steps(objects: AuditObjects, claim: Claim) -> dict[str, object]:
    """Return whether each step of a claim helped, as the action log has it."""
    keys = [key async for key in objects.keys("audit/v1/actions/")]
    entries = [json.loads(await objects.read(key)) for key in keys]
    assert {entry["claim"]["claim_id"] for entry in entries} == {str(claim.claim_id)}
    return {entry["step"]: entry["claim"].get("helped") for entry in entries}


async def test_what_helped_and_came_back_is_kept_and_counted(
    emulator: str, stack: AsyncExitStack, objects: AuditObjects
) -> None:
    """Every look repeated: one entry for each step, the ledger's last word, and the breaker's."""
    clock = TurnedClock()
    world = await _world(stack, clock, FIRED, CLEARED, (10 * MINUTE, AlarmState.ALARM))
    assert emulator
    verifier, claim = _verifier(world, objects), await world.done(scale_out())
    for minutes in (2, 2, 11, 11):
        clock.seconds = 60 * minutes
        claim = (await verifier.check(claim, clock.now())).claim
    assert claim == await world.ledger.find(claim.claim_id)
    assert claim.helped is Helped.RECURRED
    assert await _steps(objects, claim) == {Step.VERIFICATION: "verified", Step.RECURRENCE: "recurred"}
    assert list(await world.ledger.unfinished()) == []
    assert [heard.helped for heard, _ in world.heard] == [Helped.VERIFIED, Helped.RECURRED]


async def test_what_was_rolled_back_is_kept_and_counted(
    emulator: str, stack: AsyncExitStack, objects: AuditObjects
) -> None:
    """The claim waits for its verification until the rollback has ended; then two of them open the breaker."""
    clock = TurnedClock()
    world = await _world(stack, clock, FIRED)
    assert emulator
    verifier, claim = _verifier(world, objects), await world.done(scale_out())
    assert [each.claim_id for each in await world.ledger.unfinished()] == [claim.claim_id]
    for minutes in (1, 15, 15, 16, 16):
        clock.seconds = 60 * minutes
        claim = (await verifier.check(claim, clock.now())).claim
    assert (claim.helped, len(world.rollbacks)) == (Helped.ROLLED_BACK, 1)
    assert claim.found is not None
    assert claim.found.at == START + 16 * MINUTE
    assert await _steps(objects, claim) == {Step.ROLLBACK: None, Step.VERIFICATION: "rolled_back"}
    assert await world.ledger.broken(claim.request.runbook) is None
