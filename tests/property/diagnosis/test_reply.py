import json

from hypothesis import given, settings
from hypothesis import strategies as st
from triage import GOOD_REPLY, cpu_alarm, prompt_about, reply

from autocloudops.diagnosis.fault import ReplyFault
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.diagnosis.reply import read_reply

PROMPT = prompt_about(cpu_alarm())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from([*GOOD_REPLY, "target", "parameters"])


def check(content: str | None, finish_reason: str | None) -> Diagnosis | ReplyFault:
    """Read a reply and hold what every reading promises."""
    read = read_reply(content, finish_reason, PROMPT)
    if isinstance(read, Diagnosis):
        assert read.action in PROMPT.actions
        assert 1 <= read.confidence <= 10
        assert read.evidence_for
        assert finish_reason not in {"length", "content_filter"}
    else:
        assert 0 < len(read.detail) <= 300
    read.model_dump_json()
    return read


@settings(deadline=None)
@given(st.none() | st.text(), st.sampled_from([None, "stop", "length", "tool_calls"]))
def test_any_text_is_a_diagnosis_or_a_named_fault(content: str | None, finish_reason: str | None) -> None:
    """Nothing that an endpoint can send raises."""
    check(content, finish_reason)


@settings(deadline=None)
@given(FIELDS, JSON)
def test_any_value_in_any_field_is_a_diagnosis_or_a_named_fault(field: str, value: object) -> None:
    """Whatever stands in one field of an otherwise good reply, a diagnosis keeps to its bounds."""
    check(json.dumps({**GOOD_REPLY, field: value}), "stop")


@settings(deadline=None)
@given(st.integers(0, 400), st.text(max_size=5), st.integers(0, 20))
def test_any_mutilation_is_a_diagnosis_or_a_named_fault(at: int, inserted: str, dropped: int) -> None:
    """A good reply with characters lost and others inserted anywhere raises nothing."""
    good = reply()
    check(good[:at] + inserted + good[at + dropped :], "stop")


@given(st.text(max_size=600))
def test_what_is_read_can_be_written(cause: str) -> None:
    """A diagnosis survives the audit's JSON."""
    read = check(reply(root_cause=cause), "stop")
    if isinstance(read, Diagnosis):
        assert Diagnosis.model_validate_json(read.model_dump_json()) == read
