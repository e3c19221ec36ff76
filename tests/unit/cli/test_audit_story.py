import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from acted import EXECUTION, claim, lifecycle, log
from audit_folder import CPU, CPU_INCIDENT, TODAYS, decided, write_audit
from audit_history import KEY, MemoryRegistry, StandingClock
from command_line import typed
from virtual_time import START

from autocloudops.audit.digesting import Digester
from autocloudops.audit.objects import FolderObjects
from autocloudops.audit.signing import LocalSigner
from autocloudops.diagnosis.use import SourceUse
from autocloudops.registered_writer import RegisteredWriter


def sign(folder: Path) -> list[str]:
    """Sign for the first hours of the audit, and return the keys of the digests."""

    async def signed() -> list[str]:
        objects, registry, clock = FolderObjects(folder), MemoryRegistry(), StandingClock()
        clock.at = START + timedelta(hours=2, minutes=6)
        keys = [key async for key in objects.keys("audit/v1/decisions/")]
        writer = Path(keys[0]).name[:36]
        await registry.keep(RegisteredWriter(writer, START, START, sequence=0))
        return [made.key async for made in Digester(objects, registry, LocalSigner(KEY), clock).make()]

    return asyncio.run(signed())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An audit of one decided incident whose action worked."""
    written = write_audit(tmp_path / "audit-here", TODAYS)
    log(written, *lifecycle(claim(TODAYS[0])))
    return written


def told(folder: Path) -> list[str]:
    """Return the lines of the incident's story."""
    result = typed("audit", "show", str(CPU_INCIDENT), "--location", str(folder))
    assert result.exit_code == 0, result.stderr
    return result.stdout.splitlines()


def shown(folder: Path) -> Any:  # noqa: ANN401 - what JSON holds
    """Return the incident's story as JSON."""
    return json.loads(typed("--output", "json", "audit", "show", str(CPU_INCIDENT), "--location", str(folder)).stdout)


def test_what_was_done_is_told_in_order(folder: Path) -> None:
    """The exact call, who was asked, and every step with what came of it stand in the story."""
    text = told(folder)
    (done,) = [number for number, line in enumerate(text) if line.startswith("DONE")]
    assert text[done].startswith("DONE     AutoCloudOps-ScaleOutService target=shop/orders-api ")
    assert text[done].endswith("(without asking anybody)")
    steps = [line.strip() for line in text[done + 1 :: 2][:3]]
    assert steps == [
        "2026-03-01 12:00:01Z intent with the target at DesiredCount 2",
        f"2026-03-01 12:02:01Z outcome done: succeeded, execution {EXECUTION}",
        "2026-03-01 12:05:01Z verification verified: night-shift is OK",
    ]


def test_what_no_digest_lists_is_not_yet_provable(folder: Path) -> None:
    """Before the hour is signed for, the story says so of the record and of every entry."""
    text = told(folder)
    assert "PROOF    not yet provable: no digest lists it yet" in text
    assert sum("not yet provable" in line for line in text) == 4
    content = shown(folder)
    assert [each["standing"]["proof"] for each in (*content["records"], *content["actions"])] == [None] * 8


def test_the_digest_that_lists_an_object_is_named(folder: Path) -> None:
    """Once the hour is signed for, record and entries name the digest, and that their bytes are as listed."""
    digest, _ = sign(folder)
    assert f"PROOF    in {digest}, bytes as listed; `audit verify --key` checks its signature" in told(folder)
    proofs = [each["standing"]["proof"] for each in shown(folder)["actions"]]
    assert [(proof["digest"], proof["unchanged"]) for proof in proofs] == [(digest, True)] * 3


def test_a_changed_entry_is_said_to_be_changed(folder: Path) -> None:
    """Bytes that are not those that the digest lists are told in capitals, in the story that rests on them."""
    sign(folder)
    (outcome,) = folder.rglob("*-outcome.json")
    outcome.write_text(outcome.read_text().replace("succeeded", "succeedee"))
    assert sum("BYTES ARE NOT AS LISTED" in line for line in told(folder)) == 1


def test_an_intent_without_outcome_is_pointed_out(tmp_path: Path) -> None:
    """A claim that only its intent is known of is told with what finds out more; an approval is named."""
    folder = write_audit(tmp_path / "audit-here", TODAYS)
    log(folder, lifecycle(claim(TODAYS[0], approval=True))[0])
    text = told(folder)
    assert any(line.endswith("(after a person's approval)") for line in text)
    assert any("no outcome is recorded: `autocloudops audit reconcile`" in line for line in text)


def test_actions_of_other_incidents_are_not_told(folder: Path) -> None:
    """Only what was done about this incident is in its story."""
    other = decided(CPU, CPU.event_id)
    log(folder, *lifecycle(claim(other)))
    assert len(shown(folder)["actions"]) == 3


def test_what_could_not_be_read_is_told(tmp_path: Path) -> None:
    """A source that failed is named with its reason; what the model missed stays beside it."""
    failed = SourceUse(kind="metric", pieces=0, seconds=0.7, failure="no permission cloudwatch:GetMetricData")
    record = TODAYS[0].model_copy(update={"sources": (failed,)})
    text = told(write_audit(tmp_path / "audit-here", (record,)))
    assert "NOT READ metric: no permission cloudwatch:GetMetricData" in text
