import json

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from autocloudops.catalogue import ACTIONS, Risk
from autocloudops.decisions.limits import ClaimLimits
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.policy_file import check_policy
from autocloudops.decisions.rules import ActionRule, AlarmRule, ApprovalRule, TagRule

MODES = st.sampled_from(list(Mode))
MINUTES = st.timedeltas(min_value=ApprovalRule().ttl / 30, max_value=ApprovalRule().ttl).map(
    lambda span: span - span % (ApprovalRule().ttl / 1_800)
)
WORDS = st.text(st.characters(max_codepoint=0x24F, exclude_categories=["Cc"]), min_size=1, max_size=20)
POLICIES = st.builds(
    Policy,
    mode=MODES,
    accounts=st.dictionaries(st.from_regex(r"[0-9]{12}", fullmatch=True), MODES, max_size=2),
    regions=st.lists(st.sampled_from(["eu-west-1", "us-east-1"]), max_size=2).map(tuple),
    actions=st.dictionaries(
        st.sampled_from(list(ACTIONS)),
        st.builds(ActionRule, mode=MODES, risk=st.none() | st.just(Risk.HIGH), most=st.none() | st.integers(1, 99)),
        max_size=2,
    ),
    alarms=st.lists(st.builds(AlarmRule, name=WORDS, metric=st.none() | WORDS, mode=MODES), max_size=2).map(tuple),
    tags=st.builds(TagRule, required=st.sampled_from(["a", "a=", "a=b=c", "ü=off"])),
    calendars=st.lists(WORDS, max_size=2).map(tuple),
    min_confidence=st.integers(7, 10),
    limits=st.builds(
        ClaimLimits, cooldown=MINUTES.map(lambda span: span + ClaimLimits().lease), global_per_hour=st.integers(0, 99)
    ),
    approval=st.builds(ApprovalRule, ttl=MINUTES),
)
KEYS = st.sampled_from([*Policy.model_fields, *ActionRule.model_fields, "clean_logs", "x", "off", "011122223333"])
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["active", "15m", "eu-west-1", "<<", ""])
)
WRITTEN = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=100)
@given(POLICIES)
def test_what_a_policy_says_is_read_back(policy: Policy) -> None:
    """A policy that is written as JSON or YAML reads back as itself, whatever its names are made of."""
    document = policy.model_dump(mode="json", exclude_none=True)
    for text in (json.dumps(document, ensure_ascii=False), yaml.safe_dump(document, allow_unicode=True)):
        found = check_policy(text.encode())
        assert isinstance(found, Policy), found
        assert found.version == policy.version


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_bytes_there_are_the_answer_is_a_policy_or_a_fault(content: bytes) -> None:
    """No file makes the check fail itself."""
    found = check_policy(content)
    assert isinstance(found, Policy) or found


@settings(deadline=None, max_examples=100)
@given(WRITTEN)
def test_every_fault_has_a_line_of_the_file(document: dict[str, object]) -> None:
    """Whatever is wrong, the line that is named is there, and something is said about it."""
    text = yaml.safe_dump(document)
    found = check_policy(text.encode())
    if isinstance(found, Policy):
        assert set(document) <= set(Policy.model_fields)
        return
    assert all(1 <= fault.line <= len(text.splitlines()) and fault.said for fault in found)
