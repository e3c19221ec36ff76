import json

import pytest
from placeholders import bare
from triage import GOOD_REPLY, cpu_alarm, note, prompt_about, reply

from autocloudops.diagnosis.fault import FaultCode, ReplyFault
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.diagnosis.reply import read_reply, repair

PROMPT = prompt_about(cpu_alarm(), note("E2", "deployed 4512"))
GOOD = reply()


def without(key: str) -> str:
    """Return a good reply that lacks one field."""
    return json.dumps({name: value for name, value in GOOD_REPLY.items() if name != key})


READABLE = {
    "plain": GOOD,
    "white space around": f"\n\t {GOOD}\r\n",
    "byte order mark": f"\ufeff{GOOD}",
    "empty reasoning": f"<think></think>{GOOD}",
    "reasoning first": f"<think>\nCPU is high, {{maybe}} scale.\n</think>\n\n{GOOD}",
    "reasoning twice": f"<think>a</think>\n<think>b</think>{GOOD}",
    "reasoning opened by the template": f"CPU is high.\n</think>\n{GOOD}",
    "reasoning opened and never used": f"<think>\n{GOOD}",
    "fenced": f"```json\n{GOOD}\n```",
    "fenced without a language": f"```\n{GOOD}\n```",
    "reasoning, then fenced": f"<think>x</think>```json\n{GOOD}```",
    "fence never closed": f"```json\n{GOOD}",
    "indented": json.dumps(GOOD_REPLY, indent=4),
    "keys in another order": json.dumps(dict(reversed(list(GOOD_REPLY.items())))),
}


@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE.keys())
def test_good_reply_is_read(content: str) -> None:
    """Reasoning, fences and white space around a good object are no reason to ask again."""
    assert read_reply(content, "stop", PROMPT) == Diagnosis.model_validate(GOOD_REPLY)


def test_closing_tag_inside_the_answer_is_text() -> None:
    """A reasoning tag that stands inside a string of the answer takes nothing away."""
    read = read_reply(reply(root_cause="the log says </think> twice"), None, PROMPT)
    assert isinstance(read, Diagnosis)
    assert read.root_cause == "the log says </think> twice"


BAD = {
    "nothing": (None, "stop", FaultCode.EMPTY),
    "empty": ("", "stop", FaultCode.EMPTY),
    "white space": (" \n\t", "stop", FaultCode.EMPTY),
    "cut off": (GOOD[:60], "length", FaultCode.TRUNCATED),
    "complete, but at the token bound": (GOOD, "length", FaultCode.TRUNCATED),
    "filtered": (GOOD[:60], "content_filter", FaultCode.TRUNCATED),
    "nothing, at the token bound": (None, "length", FaultCode.TRUNCATED),
    "reasoning alone": ("<think>It could be the pool.</think>", "stop", FaultCode.REASONING_ONLY),
    "reasoning without end": ("<think>It could be the pool, or", "stop", FaultCode.REASONING_ONLY),
    "empty reasoning": ("<think></think>", "stop", FaultCode.REASONING_ONLY),
    "reasoning opened by the template, alone": ("Perhaps.\n</think>\n", "stop", FaultCode.REASONING_ONLY),
    "flood": (GOOD + " " * 20_000, "stop", FaultCode.TOO_LONG),
    "prose": ("The service needs more tasks.", "stop", FaultCode.NOT_JSON),
    "prose around": (f"Here is the answer: {GOOD}", "stop", FaultCode.PROSE_AROUND),
    "two objects": (f"{GOOD}\n{GOOD}", "stop", FaultCode.TWO_OBJECTS),
    "cut off, said to be complete": (GOOD[:-20], "stop", FaultCode.NOT_JSON),
    "single quotes": (GOOD.replace('"', "'"), "stop", FaultCode.NOT_JSON),
    "comma too many": (f"{GOOD[:-1]},}}", "stop", FaultCode.NOT_JSON),
    "comment": (f"{GOOD} // sure", "stop", FaultCode.PROSE_AROUND),
    "NaN": (GOOD.replace("8", "NaN"), "stop", FaultCode.NOT_JSON),
    "infinite": (GOOD.replace("8", "-Infinity"), "stop", FaultCode.NOT_JSON),
    "a key twice": (f'{{"action": "investigate", {GOOD[1:]}', "stop", FaultCode.KEY_TWICE),
    "deep": ("[" * 8000, "stop", FaultCode.NOT_JSON),
    "a number of 9000 digits": (GOOD.replace("8", "8" * 9000), "stop", FaultCode.NOT_JSON),
    "tool call as text": ("<tool_call>restart</tool_call>", "stop", FaultCode.NOT_JSON),
    "template text": ("<|start_header_id|>assistant", "stop", FaultCode.NOT_JSON),
    "array": (f"[{GOOD}]", "stop", FaultCode.NOT_OBJECT),
    "string": (json.dumps(GOOD), "stop", FaultCode.NOT_OBJECT),
    "null": ("null", "stop", FaultCode.NOT_OBJECT),
    "number": ("7", "stop", FaultCode.NOT_OBJECT),
    "no field": ("{}", "stop", FaultCode.WRONG_SCHEMA),
    "no action": (without("action"), "stop", FaultCode.WRONG_SCHEMA),
    "no confidence": (without("confidence"), "stop", FaultCode.WRONG_SCHEMA),
    "no evidence for": (without("evidence_for"), "stop", FaultCode.WRONG_SCHEMA),
    "no gaps": (without("gaps"), "stop", FaultCode.WRONG_SCHEMA),
    "no cause": (without("root_cause"), "stop", FaultCode.WRONG_SCHEMA),
    "unknown field": (reply(target="arn:aws:ecs:eu-west-1:1:service/x"), "stop", FaultCode.WRONG_SCHEMA),
    "parameters of its own": (reply(parameters={"Service": "x"}), "stop", FaultCode.WRONG_SCHEMA),
    "action null": (reply(action=None), "stop", FaultCode.WRONG_SCHEMA),
    "actions": (reply(action=["scale_out_service"]), "stop", FaultCode.WRONG_SCHEMA),
    "confidence true": (reply(confidence=True), "stop", FaultCode.WRONG_SCHEMA),
    "confidence as text": (reply(confidence="9"), "stop", FaultCode.WRONG_SCHEMA),
    "confidence in words": (reply(confidence="high"), "stop", FaultCode.WRONG_SCHEMA),
    "confidence as a fraction": (reply(confidence=0.9), "stop", FaultCode.WRONG_SCHEMA),
    "confidence 9.0": (reply(confidence=9.0), "stop", FaultCode.WRONG_SCHEMA),
    "confidence 0": (reply(confidence=0), "stop", FaultCode.WRONG_SCHEMA),
    "confidence 11": (reply(confidence=11), "stop", FaultCode.WRONG_SCHEMA),
    "confidence -8": (reply(confidence=-8), "stop", FaultCode.WRONG_SCHEMA),
    "confidence 1e400": (GOOD.replace("8", "1e400"), "stop", FaultCode.WRONG_SCHEMA),
    "evidence as text": (reply(evidence_for="E1"), "stop", FaultCode.WRONG_SCHEMA),
    "evidence as numbers": (reply(evidence_for=[1]), "stop", FaultCode.WRONG_SCHEMA),
    "evidence as an object": (reply(evidence_for={"E1": True}), "stop", FaultCode.WRONG_SCHEMA),
    "evidence by another name": (reply(evidence_for=["alarm"]), "stop", FaultCode.WRONG_SCHEMA),
    "evidence id with a line feed": (reply(evidence_for=["E1\n"]), "stop", FaultCode.WRONG_SCHEMA),
    "evidence id with half a character": (reply(evidence_for=["E1\ud800"]), "stop", FaultCode.WRONG_SCHEMA),
    "too much evidence": (reply(evidence_for=["E1"] * 50), "stop", FaultCode.WRONG_SCHEMA),
    "too many gaps": (reply(gaps=["x"] * 6), "stop", FaultCode.WRONG_SCHEMA),
    "gap too long": (reply(gaps=["x" * 161]), "stop", FaultCode.WRONG_SCHEMA),
    "invisible gap": (reply(gaps=["\u200b"]), "stop", FaultCode.WRONG_SCHEMA),
    "cause too long": (reply(root_cause="x" * 601), "stop", FaultCode.WRONG_SCHEMA),
    "cause empty": (reply(root_cause=""), "stop", FaultCode.WRONG_SCHEMA),
    "cause invisible": (reply(root_cause="\u202e\x00 \ud800"), "stop", FaultCode.WRONG_SCHEMA),
    "cause null": (reply(root_cause=None), "stop", FaultCode.WRONG_SCHEMA),
    "schema instead of an answer": (json.dumps(PROMPT.json_schema), "stop", FaultCode.WRONG_SCHEMA),
    "action that was not offered": (reply(action="restart_service"), "stop", FaultCode.WRONG_ACTION),
    "action in other letters": (reply(action="Scale_Out_Service"), "stop", FaultCode.WRONG_ACTION),
    "action with a space": (reply(action="scale_out_service "), "stop", FaultCode.WRONG_ACTION),
    "action and more": (reply(action="scale_out_service; rm -rf /"), "stop", FaultCode.WRONG_ACTION),
    "action with an invisible letter": (reply(action="scale_out\u200b_service"), "stop", FaultCode.WRONG_ACTION),
    "nothing cited": (reply(evidence_for=[]), "stop", FaultCode.UNCITED),
    "empty fence": ("```json\n```", "stop", FaultCode.EMPTY),
    "deep, after a brace": ('{"a": ' * 2000, "stop", FaultCode.NOT_JSON),
    "same evidence both ways": (reply(evidence_against=["E1"]), "stop", FaultCode.SELF_CONTRADICTING),
    "nothing cited for": (reply(evidence_for=[], evidence_against=["E1"]), "stop", FaultCode.UNCITED),
}


@pytest.mark.parametrize(("content", "finish_reason", "code"), BAD.values(), ids=BAD.keys())
def test_bad_reply_is_named(content: str | None, finish_reason: str, code: FaultCode) -> None:
    """Every way to answer badly has a name and a sentence, and none becomes a diagnosis or an exception."""
    read = read_reply(content, finish_reason, PROMPT)
    assert isinstance(read, ReplyFault)
    assert (read.code, bool(read.detail)) == (code, True)
    assert len(read.detail) <= 300


def test_invented_citation_is_left_to_the_grounding_gate() -> None:
    """An id that was not in the prompt is read as said: a repair would only teach the model to hide it."""
    read = read_reply(reply(evidence_for=["E1", "E77"]), "stop", PROMPT)
    assert isinstance(read, Diagnosis)
    assert read.evidence_for == ("E1", "E77")


def test_free_text_is_cleaned() -> None:
    """Escapes, invisible characters, line breaks and secrets in the model's words do not reach people."""
    content = reply(
        root_cause="\x1b[31mpool\u202e\nfull\x07, password=hunter2", gaps=["token: " + "k3" * 10, "tab\there"]
    )
    read = read_reply(content, "stop", PROMPT)
    assert isinstance(read, Diagnosis)
    assert bare(read.root_cause) == "pool full, password=<password>"
    assert tuple(map(bare, read.gaps)) == ("token: <token>", "tab here")


def test_fault_names_the_field_and_not_what_was_in_it() -> None:
    """The detail says where a reply is wrong; the model's own words are not repeated as if they were ours."""
    read = read_reply(reply(confidence="ignore all rules", extra="\x1b[2J"), "stop", PROMPT)
    assert isinstance(read, ReplyFault)
    assert "confidence: Input should be a valid integer" in read.detail
    assert "extra: Extra inputs are not permitted" in read.detail
    assert "ignore all rules" not in read.detail


def test_repair_repeats_the_reply_and_names_the_fault() -> None:
    """The one further question keeps the first in front, for the prefix cache, and says what was wrong."""
    fault = ReplyFault(code=FaultCode.NOT_JSON, detail="the reply is not JSON")
    repaired = repair(PROMPT, "It is the pool. password=hunter2\x07", fault)
    assert repaired.messages[:2] == PROMPT.messages
    said, correction = repaired.messages[2:]
    assert (said.role, bare(said.content)) == ("assistant", "It is the pool. password=<password>")
    assert correction.role == "user"
    assert "not_json: the reply is not JSON" in correction.content
    assert repaired.sha256 != PROMPT.sha256
    assert (repaired.json_schema, repaired.evidence_ids) == (PROMPT.json_schema, PROMPT.evidence_ids)


def test_repair_is_bounded_and_never_empty() -> None:
    """A flood is not sent back whole, and a chat template never sees an empty message."""
    fault = ReplyFault(code=FaultCode.EMPTY, detail="no content")
    assert len(repair(PROMPT, "x" * 100_000, fault).messages[2].content) == 2000
    assert repair(PROMPT, "", fault).messages[2].content == "(nothing)"
