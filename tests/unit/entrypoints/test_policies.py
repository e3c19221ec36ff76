from pathlib import Path

import pytest

from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ApprovalRule
from autocloudops.entrypoints.policies import policy_of, refuse_without_approvers, refuse_without_followups
from autocloudops.environment import read
from autocloudops.errors import SettingsInvalid
from autocloudops.settings import ActionSettings, SafetySettings

ACTIVE = """
mode: active
accounts: {"111122223333": active}
regions: [us-east-1]
actions: {scale_out_service: {mode: active}}
min_confidence: 8
"""


@pytest.fixture
def written(tmp_path: Path) -> str:
    """A policy that lets one action be done."""
    file = tmp_path / "policy.yaml"
    file.write_text(ACTIVE)
    return str(file)


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.DRY_RUN])
async def test_without_a_file_the_policy_is_what_the_settings_say(mode: Mode) -> None:
    """Mode and least confidence reach the gates unchanged."""
    policy = await policy_of(SafetySettings(mode=mode, min_confidence=9))
    assert (policy.mode, policy.min_confidence) == (mode, 9)


@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.ACTIVE])
async def test_nothing_acts_everywhere_for_want_of_a_file(mode: Mode) -> None:
    """Settings alone name no account, region or action, so they raise nothing above a dry run."""
    with pytest.raises(SettingsInvalid, match="AUTOCLOUDOPS_SAFETY_POLICY") as raised:
        await policy_of(SafetySettings(mode=mode))
    assert "SAFETY_MODE" in raised.value.advice


async def test_without_settings_nothing_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy of an empty environment is a dry run that wants a confidence of seven."""
    monkeypatch.delenv("AUTOCLOUDOPS_SAFETY_MODE", raising=False)
    policy = await policy_of(read(SafetySettings))
    assert (policy.mode, policy.min_confidence) == (Mode.DRY_RUN, 7)


@pytest.mark.parametrize(
    ("setting", "least", "becomes"),
    [
        (Mode.OFF, 7, (Mode.OFF, 8)),
        (Mode.DRY_RUN, 7, (Mode.DRY_RUN, 8)),
        (Mode.APPROVE, 9, (Mode.APPROVE, 9)),
        (Mode.ACTIVE, 10, (Mode.ACTIVE, 10)),
    ],
)
async def test_settings_only_lower_what_a_file_allows(
    written: str, setting: Mode, least: int, becomes: tuple[Mode, int]
) -> None:
    """A file that says active does nothing in a process that was not told to act as well."""
    policy = await policy_of(SafetySettings(mode=setting, policy=written, min_confidence=least))
    assert (policy.mode, policy.min_confidence) == becomes


async def test_a_policy_that_is_not_there_stops_the_worker(tmp_path: Path) -> None:
    """A worker that cannot read its rules does not start with others."""
    with pytest.raises(SettingsInvalid, match=r"AUTOCLOUDOPS_SAFETY_POLICY.*No such file"):
        await policy_of(SafetySettings(policy=str(tmp_path / "none.yaml")))


async def test_a_wrong_policy_names_its_line(tmp_path: Path) -> None:
    """Whoever wrote a key that nobody knows is told where it stands."""
    file = tmp_path / "policy.yaml"
    file.write_text("mode: dry-run\nacounts: {}\n")
    with pytest.raises(SettingsInvalid, match=r"policy\.yaml.*2"):
        await policy_of(SafetySettings(policy=str(file)))


@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.ACTIVE])
def test_nothing_acts_that_nobody_looks_after(mode: Mode) -> None:
    """A worker that may act and has no queue of follow-ups does not start and pretend."""
    policy = Policy(mode=mode)
    with pytest.raises(SettingsInvalid, match="AUTOCLOUDOPS_ACTION_FOLLOWUPS_URL") as raised:
        refuse_without_followups(ActionSettings(), policy)
    assert "SAFETY_MODE" in raised.value.advice
    refuse_without_followups(ActionSettings(followups_url="https://q/1/f", followups_dlq_url="https://q/1/d"), policy)


@pytest.mark.parametrize("mode", list(Mode))
def test_nobody_is_asked_where_nobody_may_answer(mode: Mode) -> None:
    """A policy that acts names its approvers, in mode active too, where a gate may still ask for a person."""
    approval = ApprovalRule(approvers=("arn:aws:iam::111122223333:role/on-call",))
    refuse_without_approvers(Policy(mode=mode, approval=approval))
    if mode <= Mode.DRY_RUN:
        refuse_without_approvers(Policy(mode=mode))
        return
    with pytest.raises(SettingsInvalid, match=r"approval\.approvers"):
        refuse_without_approvers(Policy(mode=mode))
