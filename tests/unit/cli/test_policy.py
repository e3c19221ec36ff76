import json
from pathlib import Path

import pytest
from command_line import typed
from deciding import EVERYTHING, FACTS, WELL, proposal

from autocloudops.catalogue import ACTIONS
from autocloudops.cli.policy.checking import Asked, explain
from autocloudops.cli.policy.words import warnings
from autocloudops.decisions.decide import decide
from autocloudops.decisions.facts import AlarmFacts
from autocloudops.decisions.gates import ORDER
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.policy_file import schema
from autocloudops.decisions.rules import ActionRule, AlarmRule, ApprovalRule

ACTS = """
mode: active
accounts: {"111122223333": active, "444455556666": approve}
regions: [eu-west-1]
actions:
  scale_out_service: {most: 20, per_hour: 4}
  restart_service: {mode: approve}
  clean_logs: {mode: "off"}
alarms:
  - {name: "batch-*", mode: dry-run}
  - {metric: AWS/RDS/*, mode: approve}
calendars: [freeze]
approval:
  approvers: ["arn:aws:iam::111122223333:role/on-call"]
"""
SCALE = {"scale_out_service": ActionRule(most=20)}
CASE = ("--account", "111122223333", "--action", "scale_out_service", "--alarm", "cpu-high")


def written(folder: Path, text: str) -> str:
    """Write a policy file and return its path."""
    file = folder / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_check_says_who_may_do_what_where(tmp_path: Path) -> None:
    """A right policy is told in sentences, its version first, and nothing is left to be read from the file."""
    done = typed("policy", "check", written(tmp_path, ACTS))
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert ": right, version " in lines[0]
    for sentence in (
        "the highest mode is active",
        "in account 111122223333 (eu-west-1) scale_out_service is done without asking",
        "in account 111122223333 (eu-west-1) restart_service is done once a person has approved it",
        "in account 111122223333 (eu-west-1) clean_logs is refused",
        "in account 444455556666 (eu-west-1) scale_out_service is done once a person has approved it",
        "about alarms named batch-* the highest mode is dry-run",
        "about alarms of metric AWS/RDS/* the highest mode is approve",
        "a target needs the tag autocloudops:allow=true and must not have autocloudops:deny",
        "every one of these calendars is open: freeze",
        "for scale_out_service: at most 4 in an hour, then 15m alone",
        "for scale_out_service: nothing is scaled beyond 20",
        "an approval is waited for 30m, of arn:aws:iam::111122223333:role/on-call",
    ):
        assert sentence in lines


def test_check_prints_json(tmp_path: Path) -> None:
    """For a pipeline the same is one document, with a row for every account and action."""
    told = json.loads(typed("policy", "check", written(tmp_path, ACTS), "--output", "json").stdout)
    assert (told["valid"], told["warnings"], len(told["version"])) == (True, [], 64)
    assert {"account": "444455556666", "action": "restart_service", "mode": "approve"} in told["permissions"]
    assert len(told["permissions"]) == 6


def test_check_names_everything_that_is_wrong(tmp_path: Path) -> None:
    """A wrong policy fails the check, and each fault stands on a line with the file, its line and its path."""
    file = written(tmp_path, "mod: active\nregions: x\n")
    done = typed("policy", "check", file)
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        f"{file}: line 1: mod: there is no such key (did you mean mode?)",
        f"{file}: line 2: regions: has to be a list, as [one, another]",
    ]
    told = json.loads(typed("policy", "check", file, "--output", "json").stdout)
    assert (told["valid"], [fault["line"] for fault in told["faults"]]) == (False, [1, 2])


@pytest.mark.parametrize("mode", ["approve", "active"])
def test_check_warns_of_what_is_right_and_surprising(tmp_path: Path, mode: str) -> None:
    """Approvals that nobody can give are no error of form: they are said on standard error."""
    text = f'mode: {mode}\naccounts: {{"111122223333": approve}}\nregions: [a]\nactions: {{scale_out_service: {{}}}}'
    done = typed("policy", "check", written(tmp_path, text))
    assert done.exit_code == 0
    assert f"warning: approval.approvers names nobody: a worker does not start in mode {mode}" in done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"accounts": {}}, "no action may be done anywhere: no account"),
        ({"actions": {}}, "no action may be done anywhere: no account"),
        ({"actions": {"notify": ActionRule(), **SCALE}}, "actions.notify changes nothing: it is never proposed"),
        ({"actions": {"clean_logs": ActionRule(most=3)}}, "actions.clean_logs.most changes nothing: it scales nothing"),
        ({"regions": ()}, "no action may be done anywhere: no region is named"),
        ({"limits": Policy().limits.model_copy(update={"global_per_hour": 0})}, "limits.global_per_hour is 0"),
    ],
)
def test_what_changes_nothing_is_said(changes: dict[str, object], said: str) -> None:
    """A policy under which nothing is done, or a key that changes nothing, is right, and whoever wrote it is told."""
    approvers = ApprovalRule(approvers=("arn:aws:iam::111122223333:role/on-call",))
    policy = Policy(mode=Mode.ACTIVE, approval=approvers)
    assert warnings(policy) == []
    (warning,) = warnings(policy.model_copy(update=changes))
    assert warning.startswith(said)


@pytest.mark.parametrize("verb", [("check",), ("explain", *CASE)])
def test_a_file_that_is_not_there_is_no_policy(verb: tuple[str, ...]) -> None:
    """The file is named, and so is what to do."""
    done = typed("policy", verb[0], "no-such.yaml", *verb[1:])
    assert done.exit_code == 252
    assert done.stderr == "autocloudops: no-such.yaml: No such file or directory: name a policy file\n"


def test_explain_names_the_rule_that_sets_the_mode(tmp_path: Path) -> None:
    """Every rule that applies is listed, the lowest is named, and every gate says what it still does."""
    file = written(tmp_path, ACTS)
    lines = typed("policy", "explain", file, *CASE, "--metric", "AWS/RDS/CPUUtilization").stdout.splitlines()
    assert lines[0] == "scale_out_service about cpu-high in account 111122223333: needs_approval at most"
    assert lines[1] == "the mode is approve, by alarms of metric AWS/RDS/*"
    assert lines[2:6] == [
        "  the policy says active",
        "  account 111122223333 says active",
        "  action scale_out_service says active",
        "  alarms of metric AWS/RDS/* says approve",
    ]
    assert "  freeze: Refuse where a calendar is closed or was not read; without a calendar nothing is frozen." in lines
    assert "calendars: freeze" in lines


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        (("--region", "eu-north-1"), "the policy does not name region eu-north-1"),
        (("--tag", "team=shop"), "the target has no tag autocloudops:allow=true"),
        (
            ("--tags", "autocloudops:allow=true", "--tag", "autocloudops:deny=1"),
            "the target has the tag autocloudops:deny",
        ),
    ],
)
def test_explain_says_what_refuses_already(tmp_path: Path, more: tuple[str, ...], refusal: str) -> None:
    """A place or a tag that the policy does not allow is said before any alarm comes."""
    done = typed("policy", "explain", written(tmp_path, ACTS), *CASE, *more)
    assert f"refused: {refusal}" in done.stdout.splitlines()
    assert done.stdout.splitlines()[0].endswith(": manual at most")


def test_explain_prints_json(tmp_path: Path) -> None:
    """The document has the mode, by what, every limit, and each gate by name."""
    done = typed("policy", "explain", written(tmp_path, ACTS), *CASE, "--metric", "x/y", "--output", "json")
    told = json.loads(done.stdout)
    assert (told["mode"], told["by"], told["at_most"], told["risk"]) == ("active", "the policy", "execute", "low")
    assert len(told["gates"]) == len(ORDER)
    assert all(told["gates"].values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--action", "scale_out_servic"), "is not in the catalogue (did you mean scale_out_service?)"),
        (("--action", "clean_logs", "--tag", "=x"), "a tag is written KEY=VALUE"),
    ],
)
def test_explain_refuses_what_it_cannot_be_asked(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """A slip on the command line is a usage error, not an answer about something else."""
    file = written(tmp_path, ACTS)
    done = typed("policy", "explain", file, "--account", "111122223333", "--alarm", "a", *arguments)
    assert (done.exit_code, said in done.stderr) == (252, True)


def test_explain_says_what_it_did_not_look_at(tmp_path: Path) -> None:
    """Without a metric, rules about metrics are left out, and that is said."""
    done = typed("policy", "explain", written(tmp_path, ACTS), *CASE)
    assert "give --metric" in done.stderr
    assert done.stdout.splitlines()[0].endswith(": execute at most")


def test_a_wrong_file_explains_nothing(tmp_path: Path) -> None:
    """Exit code 253, the first fault and how to see them all."""
    done = typed("policy", "explain", written(tmp_path, "mod: off"), *CASE)
    assert done.exit_code == 253
    assert "policy.yaml: line 1: mod: there is no such key" in done.stderr


def test_schema_is_what_editors_read() -> None:
    """The printed schema is the one that is published."""
    assert json.loads(typed("policy", "schema").stdout) == schema()


@pytest.mark.parametrize("action", [name for name in EVERYTHING if ACTIONS[name].executes])
@pytest.mark.parametrize("mode", list(Mode))
def test_explain_and_decide_agree(action: str, mode: Mode) -> None:
    """What is explained is the verdict that is reached where nothing else speaks against the action."""
    offer = EVERYTHING[action]
    policy = Policy(
        mode=Mode.ACTIVE,
        accounts={offer.target.account: Mode.ACTIVE},
        actions={action: ActionRule()},
        alarms=(AlarmRule(name="cpu-*", mode=mode),),
    )
    alarm = AlarmFacts(name="cpu-high")
    facts = FACTS.model_copy(update={"offers": (offer,), "acting": WELL, "alarms": (alarm,)})
    decision = decide(proposal(action=action), facts, policy)
    tags = tuple(f"{key}={value}" for key, value in WELL.tags.items()) if isinstance(WELL.tags, dict) else ()
    explained = explain(policy, Asked(offer.target.account, action, alarm.name, offer.target.region, None, tags))
    assert (explained.at_most, explained.limit.mode) == (decision.verdict, decision.mode)
