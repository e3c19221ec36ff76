from datetime import timedelta

import pytest
from fact_sources import (
    ACCOUNT,
    REGION,
    SETUP,
    WELL,
    ScriptedClients,
    clients_that,
    refused,
    request_about,
    runbook_document,
)
from turned_clock import TurnedClock
from virtual_time import VirtualClock, run

from autocloudops.actions.facts.reader import ActionFactReader
from autocloudops.actions.runbook import RunbookSetup
from autocloudops.decisions.facts import ActionFacts
from autocloudops.decisions.model import Policy
from autocloudops.state.memory_claims import MemoryLedger

SERVICE = request_about("ecs:service", "shop/orders")


def read(clients: ScriptedClients, setup: RunbookSetup = SETUP) -> ActionFacts:
    """Return the facts about a request."""

    async def reading() -> ActionFacts:
        return await ActionFactReader(clients, MemoryLedger(), setup, VirtualClock()).read(SERVICE, Policy())

    return run(reading())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (refused("InvalidDocument"), "create it there"),
        (runbook_document("Extra", status="Creating"), "it is Creating, not Active"),
        (runbook_document("Extra", type_="Command"), "no Automation document but Command"),
        (runbook_document(), "it takes no Extra"),
    ],
)
def test_a_runbook_that_cannot_run_is_missing(answer: object, why: str) -> None:
    """The preflight says what is missing and where, and it is a fact, not a failure."""
    facts = read(clients_that({"ssm:describe_document": answer}))
    (said,) = facts.missing if isinstance(facts.missing, tuple) else ()
    assert said.startswith(f"runbook AutoCloudOps-ScaleOutService in {ACCOUNT}/{REGION}: ")
    assert why in said


def test_the_role_of_runbooks_has_to_be_set() -> None:
    """Without a role an automation would run with the worker's own permissions."""
    setup = SETUP.model_copy(update={"role": ""})
    assert read(clients_that(), setup).missing == ("the role that runbooks run as: name it in the settings",)


async def test_a_good_runbook_is_remembered_for_five_minutes_and_a_missing_one_is_not() -> None:
    """A preflight costs one call in five minutes; whoever creates a runbook need not wait for it."""
    answers = {**WELL, "ssm:describe_document": refused("InvalidDocument")}
    clients, clock = ScriptedClients(lambda asked: answers[asked.call]), TurnedClock()
    reader = ActionFactReader(clients, MemoryLedger(), SETUP, clock)

    async def looked() -> tuple[object, int]:
        before = clients.calls().count("ssm:describe_document")
        missing = (await reader.read(SERVICE, Policy())).missing
        return bool(missing), clients.calls().count("ssm:describe_document") - before

    assert [await looked(), await looked()] == [(True, 1), (True, 1)]
    answers["ssm:describe_document"] = runbook_document("Extra")
    assert [await looked(), await looked()] == [(False, 1), (False, 0)]
    clock.seconds += timedelta(minutes=5).total_seconds()
    assert await looked() == (False, 1)
