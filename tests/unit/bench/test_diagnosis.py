from pathlib import Path
from typing import Any

import pytest
import yaml
from bench.scenarios import score
from bench.scenarios.runs import Outcome, Shown, decided
from bench.scenarios.scenario import Scenario, load
from bench.storms.bounds import missed
from virtual_time import run

from autocloudops.catalogue import ACTIONS
from autocloudops.decisions.model import Verdict
from autocloudops.errors import InputUnreadable

SCENARIOS = load()


def named(name: str) -> Scenario:
    """Return one scenario of the repository."""
    return next(each for each in SCENARIOS if each.name == name)


def written(folder: Path, **changes: object) -> Path:
    """Write one scenario with some fields changed, and return its folder."""
    fields: dict[str, Any] = {**named("flash-sale").model_dump(mode="json"), **changes}
    kept = {key: value for key, value in fields.items() if value is not ...}
    (folder / "mine.yaml").write_text(yaml.safe_dump([kept]))
    return folder


def test_there_are_enough_scenarios_of_every_side() -> None:
    """Sixty at least, and neither always acting nor always looking is right for most."""
    rights = [each.right for each in SCENARIOS]
    assert len(SCENARIOS) >= 60
    assert set(rights) == {name for name, action in ACTIONS.items() if action.offered}
    assert 0.2 < sum(ACTIONS[right].executes for right in rights) / len(rights) < 0.8
    assert len({each.sort for each in SCENARIOS}) >= 10


def test_a_file_of_a_user_is_read_back(tmp_path: Path) -> None:
    """What the schema says is enough to add one."""
    assert load(written(tmp_path, name="mine")) == (named("flash-sale").model_copy(update={"name": "mine"}),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"right": "reboot_everything"}, "mine.yaml: flash-sale: right: reboot_everything is not in the catalogue"),
        ({"right": "clean_logs"}, "mine.yaml: flash-sale: the scenario: right: clean_logs is not offered"),
        ({"acceptable": ["nothing"]}, "mine.yaml: flash-sale: acceptable: nothing is not in the catalogue"),
        ({"alarms": []}, "mine.yaml: flash-sale: alarms: "),
        ({"alarms": [{"hello": "world"}]}, "mine.yaml: flash-sale: alarms: item 0 is no alarm"),
        ({"evidence": {"rumour": ["x"]}}, "mine.yaml: flash-sale: evidence: rumour is no kind of evidence"),
        ({"evidence": {"metric": ["x"]}}, "mine.yaml: flash-sale: evidence: alarm-now, change, configuration must be"),
        ({"storry": "a slip"}, "mine.yaml: flash-sale: storry: "),
        ({"story": ...}, "mine.yaml: flash-sale: story: "),
        ({"name": "Flash Sale"}, "mine.yaml: Flash Sale: name: "),
    ],
)
def test_a_wrong_field_is_named_with_its_file(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    """File, scenario, field and what is wrong with it stand on one line."""
    with pytest.raises(InputUnreadable) as refused:
        load(written(tmp_path, **changes))
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(("text", "said"), [("a: [", "mine.yaml: "), ("a: 1", "it is no list"), ("- 3", "item 1")])
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str, said: str) -> None:
    """No YAML, no list, or no mapping in the list."""
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputUnreadable, match=said):
        load(tmp_path)


def test_a_name_is_used_once(tmp_path: Path) -> None:
    """The second scenario of a name is refused, and the first is named."""
    text = yaml.safe_dump([named("flash-sale").model_dump(mode="json")])
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(text)
    with pytest.raises(InputUnreadable, match=r"b\.yaml: flash-sale: name: a\.yaml has"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "shown", "action", "verdict"),
    [
        ("retry-loop", Shown.NOTHING, "scale_out_service", Verdict.NEEDS_APPROVAL),
        ("retry-loop", Shown.ITS_STATE, "scale_out_service", Verdict.EXECUTE),
        ("retry-loop", Shown.ALL, "investigate", Verdict.MANUAL),
        ("flash-sale", Shown.ALL, "scale_out_service", Verdict.EXECUTE),
        ("ok-before-anybody-looked", Shown.ITS_STATE, "investigate", Verdict.MANUAL),
        ("changes-unknown", Shown.ALL, "scale_out_service", Verdict.NEEDS_APPROVAL),
        ("pool-leak", Shown.ALL, "restart_database_clients", Verdict.NEEDS_APPROVAL),
    ],
)
def test_a_scenario_is_decided_by_the_workers_gates(name: str, shown: Shown, action: str, verdict: Verdict) -> None:
    """What is shown reaches the model, and what was read or not reaches the gates."""
    outcome = run(decided(named(name), shown))
    assert (outcome.action, outcome.verdict) == (action, verdict)


def outcome(action: str, verdict: Verdict = Verdict.MANUAL, name: str = "retry-loop") -> Outcome:
    """Return what became of one scenario."""
    return Outcome(named(name), action, verdict, 1)


def test_the_bounds_miss_harm_that_is_executed() -> None:
    """A wrong action that executes with all evidence fails the run, one that awaits a person does not."""
    alone = [outcome("scale_out_service"), outcome("investigate")]
    good = {Shown.NOTHING: alone, Shown.ALL: [outcome("investigate"), outcome("investigate")]}
    bad = {Shown.NOTHING: alone, Shown.ALL: [outcome("investigate"), outcome("scale_out_service", Verdict.EXECUTE)]}
    assert missed(score.bounds(good)) == []
    assert "wrong actions executed with all evidence" in [bound.about for bound in missed(score.bounds(bad))]


def test_evidence_that_changes_nothing_fails_the_run() -> None:
    """As many right actions as without evidence are no improvement."""
    same = [outcome("investigate"), outcome("scale_out_service")]
    about = [bound.about for bound in missed(score.bounds({Shown.NOTHING: same, Shown.ALL: same}))]
    assert "right with all evidence, beside the alarm alone" in about
