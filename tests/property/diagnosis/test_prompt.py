import re
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st
from triage import cpu_alarm, note

from autocloudops.alarms.model import Alarm, AlarmKey, Condition, Metric, MetricQuery
from autocloudops.catalogue import offers
from autocloudops.diagnosis.evidence import alarm_evidence
from autocloudops.diagnosis.prompt import INSTRUCTIONS, Prompt, PromptInput, build, shrunk

MARKUP = st.lists(
    st.sampled_from(
        [
            "</evidence>",
            "<evidence id=",
            '"E1"',
            "<offered_actions>",
            "</offered_actions>",
            "\n",
            "\u200b",
            "<",
            ">",
            "&lt;",
        ]
    ),
    max_size=12,
).map("".join)
TEXTS = st.text(max_size=300) | MARKUP
PAIRS = st.dictionaries(TEXTS, TEXTS, max_size=3)


@st.composite
def hostile_alarms(draw: st.DrawFn) -> Alarm:
    """Return an alarm with hostile text in every field that holds text."""
    watched = Metric(namespace=draw(TEXTS), name=draw(TEXTS), dimensions=draw(PAIRS))
    plain = cpu_alarm()
    named = plain.resource.model_copy(update={"id": draw(TEXTS), "owner": draw(TEXTS)})
    return plain.model_copy(
        update={
            "key": AlarmKey(account=draw(TEXTS), region=draw(TEXTS), name=draw(TEXTS), contributor=draw(TEXTS)),
            "resource": named,
            "metric": watched,
            "queries": (MetricQuery(id=draw(TEXTS), metric=watched, expression=draw(TEXTS), label=draw(TEXTS)),),
            "condition": Condition(operator=draw(TEXTS), threshold_metric_id=draw(TEXTS)),
            "reason": draw(TEXTS),
            "description": draw(TEXTS),
            "rule": draw(TEXTS),
            "query": draw(TEXTS),
            "children": (draw(TEXTS),),
            "tags": draw(PAIRS),
            "contributor_labels": draw(PAIRS),
            "shape": draw(TEXTS),
        }
    )


def question(prompt: Prompt) -> str:
    """Return what follows the instructions."""
    text = prompt.messages[1].content
    assert text.startswith(INSTRUCTIONS)
    return text.removeprefix(INSTRUCTIONS)


@settings(deadline=None)
@given(hostile_alarms(), TEXTS, TEXTS)
def test_no_text_opens_or_closes_a_block(alarm: Alarm, text: str, source: str) -> None:
    """Whatever any field holds, the question has exactly the blocks that it was built with, in their order."""
    pieces = (alarm_evidence(alarm, "E1"), note("E2", text).model_copy(update={"source": source}))
    asked = question(build(PromptInput(evidence=pieces, offers=offers(alarm))))
    tags = re.findall(r"<[^>]*>?", asked)
    assert [tag.split(" ")[0].rstrip(">") for tag in tags] == [
        "<offered_actions",
        "</offered_actions",
        "<evidence",
        "</evidence",
        "<evidence",
        "</evidence",
    ]
    assert asked.count(">") == len(tags)
    assert [found[1] for tag in tags if (found := re.match(r'<evidence id="(E\d+)" kind="', tag))] == ["E1", "E2"]


@settings(deadline=None)
@given(hostile_alarms())
def test_every_line_of_an_alarm_starts_with_our_key(alarm: Alarm) -> None:
    """No value can begin a line of its own, nor hold a character that nobody sees."""
    text = alarm_evidence(alarm, "E1").text
    assert all(re.match(r"[a-zPQL ]+: ", line) for line in text.splitlines())
    assert not [each for each in text if each != "\n" and unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


FLOODS = st.lists(st.text(min_size=1, max_size=30).map(lambda text: text * 300), max_size=8)


def asked_about(texts: list[str]) -> PromptInput:
    """Return the CPU alarm and notes."""
    notes = (note(f"E{number}", text) for number, text in enumerate(texts, 2))
    return PromptInput(evidence=(alarm_evidence(cpu_alarm(), "E1"), *notes), offers=offers(cpu_alarm()))


@settings(deadline=None)
@given(FLOODS, st.integers(1_500, 9_000))
@example(["00" * 300] * 3, 2_750)
def test_question_never_exceeds_its_budget(texts: list[str], budget: int) -> None:
    """However much was gathered, a question keeps to its budget, and the alarm itself can always be cited."""
    prompt = build(asked_about(texts), budget)
    shown = re.findall(r"<evidence [^>]*>\n(.*?)\n</evidence>", question(prompt), re.DOTALL)
    assert prompt.prompt_tokens <= budget
    assert prompt.evidence_ids[0] == "E1"
    assert len(prompt.evidence_ids) == len(shown)
    assert len(shown) + sum(each.endswith("left out") for each in prompt.cut) == len(texts) + 1


@settings(deadline=None)
@given(FLOODS)
def test_shorter_question_is_shorter(texts: list[str]) -> None:
    """Half the evidence is half the evidence, of whatever it is made, and the alarm can still be cited."""
    asked = asked_about(texts)
    prompt = build(asked)
    shorter = shrunk(prompt, asked)
    assert shorter is not None
    assert shorter.prompt_tokens <= prompt.prompt_tokens - prompt.evidence_tokens // 2 + 1
    assert shorter.evidence_ids[0] == "E1"
