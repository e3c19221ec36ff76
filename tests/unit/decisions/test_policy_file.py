import json
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from autocloudops.decisions.gates import ORDER
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.policy_file import LONGEST_BYTES, check_policy, parse_policy, schema
from autocloudops.decisions.rules import ActionRule
from autocloudops.errors import SettingsInvalid

INFRASTRUCTURE = Path(__file__).parents[3] / "infrastructure"
EXAMPLE = (INFRASTRUCTURE / "policy.example.yaml").read_bytes()
PLACED = """
accounts: {012345670123: active}
regions: [eu-west-1]
actions: {scale_out_service: {}}
"""


def faults_of(text: str) -> list[str]:
    """Return what is wrong with a policy file, as people read it."""
    found = check_policy(text.encode())
    assert not isinstance(found, Policy)
    return [str(fault) for fault in found]


def policy_of(text: str) -> Policy:
    """Return the policy in a file."""
    return parse_policy("policy.yaml", text.encode())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("mod: active", "line 1: mod: there is no such key (did you mean mode?)"),
        ("\nlimits:\n  cooldwn: 1m", "line 3: limits.cooldwn: there is no such key (did you mean cooldown?)"),
        (
            "actions:\n  clean_logs: {}\n  scale_out_service:\n    mod: off",
            "line 4: actions.scale_out_service.mod: there is no such key (did you mean mode?)",
        ),
        (
            "actions:\n  scale_out: {}",
            "line 2: actions.scale_out: scale_out is not in the catalogue (did you mean scale_out_group?)",
        ),
        ("mode: actve", "line 1: mode: 'actve' is not one of 'off', 'dry-run', 'approve', 'active'"),
        ("mode:", "line 1: mode: '' is not one of 'off', 'dry-run', 'approve', 'active'"),
        ("regions: eu-west-1", "line 1: regions: has to be a list, as [one, another]"),
        ("tags: []", "line 1: tags: has to be keys with values, as {key: value}"),
        ("- mode: off", "line 1: has to be keys with values, as {key: value}"),
        ("alarms:\n- name: x", "line 2: alarms.0.mode: is missing"),
        (
            "alarms:\n- {name: x, mode: off}\n- mode: off",
            "line 3: alarms.1: a rule for alarms needs a name, a metric or both",
        ),
        ("accounts:\n  1234: off", "line 2: accounts.1234: '1234' is not an account: 12 digits"),
        ("storm: many", "line 1: storm: has to be a whole number"),
        ("min_confidence: 6", "line 1: min_confidence: input should be greater than or equal to 7"),
        ("limits: {cooldown: 15}", "line 1: limits.cooldown: '15' is no span of time: write 90s, 15m, 2h or 1d"),
        ("approval: {approvers: [ana]}", "line 1: approval.approvers.0: 'ana' is not the ARN of one IAM user or role"),
        ("approval: {topic: x}", "line 1: approval.topic: 'x' is not the ARN of an SNS topic"),
        ("tags: {denied: =x}", "line 1: tags.denied: '=x' is not a tag: KEY or KEY=VALUE"),
        ("mode: off\nstorm: 9\nmode: active", "line 3: mode stands here for the second time"),
        ("regions: [", "line 1: no YAML: expected the node content, but found '<stream end>'"),
        ("{}\n---\n{}", "line 2: no YAML: but found another document"),
        ("regions: &a [*a]", "line 1: an alias: write out what holds here"),
        ("? [mode]\n: off", "line 1: a key is a text"),
        ("", "line 1: it is empty: write {} for a policy that says nothing"),
        ("# nothing\n", "line 1: it is empty: write {} for a policy that says nothing"),
        ("[" * 600 + "]" * 600, "line 1: no YAML that can be read"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, fault: str) -> None:
    """Every mistake is an error at its own line that says what was expected, and nothing is silently dropped."""
    assert faults_of(text) == [fault]


def test_everything_wrong_is_said_at_once_in_the_order_of_the_file() -> None:
    """Nobody repairs a policy one error at a time."""
    faults = faults_of("storm: many\nmod: off\nregions: x\nlimits: {lease: 1s}\n")
    assert [fault.split(":")[1].strip() for fault in faults] == ["storm", "mod", "regions", "limits"]


def test_bytes_that_are_no_text_are_refused() -> None:
    """The line of the first byte that is no UTF-8 is named, and a file longer than any policy is not read."""
    found = check_policy(b"mode: off\n\xff")
    assert [str(fault) for fault in found] == ["line 2: it is not written in UTF-8"]
    assert "bytes, and may have" in str(check_policy(b"#" * (LONGEST_BYTES + 1)))


def test_a_file_that_acts_names_where_and_what() -> None:
    """Above dry-run nothing is allowed everywhere by leaving it out."""
    for mode in (Mode.APPROVE, Mode.ACTIVE):
        said = [
            f"line 1: {name}: is missing: mode {mode} needs the {name} that it is for"
            for name in ("accounts", "regions", "actions")
        ]
        assert faults_of(f"mode: {mode}") == said
    assert policy_of(f"mode: active{PLACED}").mode is Mode.ACTIVE
    assert policy_of("mode: dry-run").accounts is None


def test_texts_mean_what_stands_there() -> None:
    """`off` is a mode and not a truth value, an account keeps its leading zero, and JSON is read like YAML."""
    policy = policy_of(f"mode: off{PLACED}")
    assert (policy.mode, list(policy.accounts or {})) == (Mode.OFF, ["012345670123"])
    assert policy_of(json.dumps({"mode": "off", "storm": 30})) == Policy(mode=Mode.OFF, storm=30)
    assert policy_of("\ufeffmode: off") == Policy(mode=Mode.OFF)


def test_a_wrong_file_is_a_wrong_setting() -> None:
    """Whoever loads a policy gets one line with the file, the first fault, how many more, and what to do."""
    with pytest.raises(SettingsInvalid) as refused:
        parse_policy("policy.yaml", b"mod: off\nstrm: 3")
    said = str(refused.value)
    assert said.startswith("policy.yaml: line 1: mod: there is no such key (did you mean mode?), and 1 more: ")
    assert "autocloudops policy check" in said


def test_a_policy_reads_back_from_its_own_json() -> None:
    """What a policy says in JSON is a policy file that means the same, unless it leaves something open."""
    policy = parse_policy("example", EXAMPLE)
    written = policy.model_dump(mode="json", exclude_none=True)
    assert parse_policy("again", json.dumps(written).encode()).version == policy.version


def test_the_example_says_everything_that_can_be_said() -> None:
    """The commented example is right, and shows every key there is but those that it would repeat."""
    policy = parse_policy("example", EXAMPLE)
    written = yaml.safe_load(EXAMPLE)
    assert set(written) == set(Policy.model_fields)
    for part in ("tags", "limits", "approval"):
        assert set(written[part]) == set(type(getattr(policy, part)).model_fields)
    shown = {key for rule in written["actions"].values() for key in rule}
    assert shown == set(type(next(iter((policy.actions or {}).values()))).model_fields)


def test_the_guide_names_every_key_and_every_gate() -> None:
    """What can be written stands in the guide with its default, and so does each gate in its order."""
    guide = (INFRASTRUCTURE.parent / "docs" / "policy.md").read_text(encoding="utf-8")
    parts = {name: value for name, value in Policy() if isinstance(value, BaseModel)}
    keys = {name for name in Policy.model_fields if name not in parts}
    keys |= {f"{name}.{key}" for name, part in parts.items() for key in type(part).model_fields}
    assert {key for key in keys if f"`{key}`" not in guide} == set()
    rows = [line.split("|")[1].strip() for line in guide.partition("## Gates")[2].splitlines() if line.startswith("| ")]
    assert rows[1:] == [gate.__module__.rpartition(".")[2] for gate in ORDER]
    assert {key for key in ActionRule.model_fields if f"`{key}`" not in guide} == set()


def test_the_published_schema_is_the_models() -> None:
    """Editors check with what the service checks with: `autocloudops policy schema` writes the file anew."""
    published = json.loads((INFRASTRUCTURE / "policy.schema.json").read_text(encoding="utf-8"))
    assert published == schema()


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (EXAMPLE.decode(), True),
        ("{}", True),
        ("mode: active", False),
        ("mod: dry-run", False),
        ("actions: {clean_logs: {mod: 'off'}}", False),
        ("limits: {cooldown: 15}", False),
        ("limits: {cooldown: 15m}", True),
        ("accounts: {'123': active}", False),
        ("min_confidence: 6", False),
        ("approval: {topic: null}", False),
        ("tags: {required: '=x'}", False),
    ],
)
def test_the_schema_and_the_service_agree(text: str, right: bool) -> None:
    """A file that the schema accepts is one that the service reads, and the other way round."""
    validator = pytest.importorskip("jsonschema").Draft202012Validator(schema())
    assert validator.is_valid(yaml.safe_load(text)) is right
    assert isinstance(check_policy(text.encode()), Policy) is right
