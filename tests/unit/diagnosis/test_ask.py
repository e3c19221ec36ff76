import asyncio
from collections.abc import Sequence

import pytest
from chat_only import ChatOnly
from placeholders import bare
from triage import cpu_alarm, note, reply
from virtual_time import VirtualClock, run

from autocloudops.catalogue import offers
from autocloudops.diagnosis.ask import Answer, Question, ask
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, ModelEndpoint, Priority
from autocloudops.diagnosis.evidence import alarm_evidence
from autocloudops.diagnosis.fault import FaultCode
from autocloudops.diagnosis.prompt import PromptInput, build
from autocloudops.errors import ContextTooLong, ModelError, ModelTimedOut, ModelUnavailable

DEPLOY = note("E2", "deployed 4512 to orders-api\n" * 60)
MATERIAL = PromptInput(evidence=(alarm_evidence(cpu_alarm(), "E1"), DEPLOY), offers=offers(cpu_alarm()))
PROMPT = build(MATERIAL)
TOO_LONG = ContextTooLong("scripted://endpoint", "This model's maximum context length is 1024 tokens")
CONTRADICTION = reply(evidence_against=["E1"])


class Scripted(ChatOnly):
    """An endpoint that answers or fails as a list says, each time after some seconds, and keeps what it was asked."""

    name = "scripted://endpoint"

    def __init__(
        self, script: Sequence[str | ModelError | None], finish_reason: str = "stop", seconds: float = 0
    ) -> None:
        self._script = list(script)
        self._finish_reason = finish_reason
        self._seconds = seconds
        self.requests: list[CompletionRequest] = []

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return or raise what comes next; without anything, the endpoint is away."""
        self.requests.append(request)
        await asyncio.sleep(self._seconds)
        said = self._script.pop(0) if self._script else ModelUnavailable(self.name, "no capacity")
        if isinstance(said, ModelError):
            raise said
        return Completion(
            content=said,
            finish_reason=self._finish_reason,
            model=f"served-{len(self.requests)}",
            prompt_tokens=1000,
            completion_tokens=100,
            latency_seconds=2.5,
            endpoint=f"scripted://{len(self.requests)}",
            attempts=2,
            endpoint_seconds=0.5,
        )


def question(start_within_seconds: float = 60, longest_seconds: float = 600) -> Question:
    """Return the question about the CPU alarm and a deployment."""
    return Question(
        prompt=PROMPT,
        material=MATERIAL,
        correlation_id="inc-1",
        start_within_seconds=start_within_seconds,
        longest_seconds=longest_seconds,
    )


def asked(endpoint: ModelEndpoint, about: Question | None = None) -> Answer:
    """Ask in virtual time."""
    return run(ask(endpoint, about or question(), VirtualClock()))


def test_good_reply_takes_one_request() -> None:
    """A usable first reply is the answer."""
    answer = asked(Scripted([reply()]))
    assert answer.diagnosis is not None
    assert (answer.requests, answer.faults, answer.failure, answer.raw) == (1, (), None, (reply(),))
    assert (answer.prompt_tokens, answer.completion_tokens, answer.latency_seconds) == (1000, 100, 2.5)
    assert (answer.endpoint, answer.attempts, answer.endpoint_seconds) == ("scripted://1", 2, 0.5)
    assert answer.estimated_tokens == PROMPT.prompt_tokens


def test_request_carries_the_prompt_and_its_bounds() -> None:
    """The endpoint gets messages, schema, bounds, estimate, priority and greedy sampling, under the incident's name."""
    endpoint = Scripted([reply()])
    asked(endpoint, question(42).model_copy(update={"priority": Priority.BACKFILL}))
    (request,) = endpoint.requests
    assert (request.messages, request.json_schema) == (PROMPT.messages, PROMPT.json_schema)
    assert (request.max_tokens, request.temperature, request.correlation_id) == (PROMPT.max_tokens, 0.0, "inc-1")
    assert (request.prompt_tokens, request.start_within_seconds) == (PROMPT.prompt_tokens, 42)
    assert request.priority is Priority.BACKFILL


def test_bad_reply_is_repaired_once() -> None:
    """A second, good reply is the answer; the fault of the first stays on record, and the cost is the sum."""
    endpoint = Scripted(["It is the pool.", reply()])
    answer = asked(endpoint)
    assert answer.diagnosis is not None
    assert [fault.code for fault in answer.faults] == [FaultCode.NOT_JSON]
    assert (answer.requests, answer.prompt_tokens, answer.latency_seconds) == (2, 2000, 5.0)
    assert (answer.attempts, answer.endpoint_seconds, answer.endpoint) == (4, 1.0, "scripted://2")
    assert answer.model == "served-2"
    assert len(endpoint.requests[1].messages) == 4
    assert answer.estimated_tokens == sum(request.prompt_tokens for request in endpoint.requests)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (None, FaultCode.EMPTY),
        ("<think>hm</think>", FaultCode.REASONING_ONLY),
        (f"Sure: {reply()}", FaultCode.PROSE_AROUND),
        (reply() * 2, FaultCode.TWO_OBJECTS),
        (reply(confidence=11), FaultCode.WRONG_SCHEMA),
        (CONTRADICTION, FaultCode.SELF_CONTRADICTING),
    ],
)
def test_every_fault_gets_one_repair(first: str | None, code: FaultCode) -> None:
    """Whatever is wrong with a reply, it is named to the model once, and the second reply counts."""
    endpoint = Scripted([first, reply()])
    answer = asked(endpoint)
    assert (answer.requests, [fault.code for fault in answer.faults]) == (2, [code])
    assert answer.diagnosis is not None
    assert f"could not be used: {code}: " in endpoint.requests[1].messages[-1].content


@pytest.mark.parametrize("bad", [None, "no", CONTRADICTION])
def test_two_bad_replies_are_no_diagnosis(bad: str | None) -> None:
    """There is no third request: the faults of both replies are the answer."""
    endpoint = Scripted(["It is the pool.", bad, reply()])
    answer = asked(endpoint)
    assert answer.diagnosis is None
    assert [fault.code for fault in answer.faults][:1] == [FaultCode.NOT_JSON]
    assert (len(answer.faults), len(endpoint.requests)) == (2, 2)


def test_unfinished_reply_is_never_used() -> None:
    """A reply that reached the token bound is a fault even where it parses."""
    answer = asked(Scripted([reply(), reply()], finish_reason="length"))
    assert answer.diagnosis is None
    assert {fault.code for fault in answer.faults} == {FaultCode.TRUNCATED}


def test_raw_replies_are_redacted_and_bounded() -> None:
    """What goes into the record holds no secret, no escape and no flood."""
    answer = asked(Scripted(["\x1b[31mpassword=hunter2 " + "x" * 9000, reply()]))
    assert bare(answer.raw[0]).startswith("password=<password> xxx")
    assert len(answer.raw[0]) == 4000


def test_question_too_long_is_asked_again_with_half_the_evidence() -> None:
    """A refusal for length costs one more request, whose evidence is shorter and says what is missing."""
    endpoint = Scripted([TOO_LONG, reply()])
    answer = asked(endpoint)
    first, second = endpoint.requests
    assert answer.diagnosis is not None
    assert second.prompt_tokens <= first.prompt_tokens - PROMPT.evidence_tokens // 2
    assert second.messages == answer.prompt.messages
    assert answer.prompt.cut[-1].startswith("E2 change was ")
    assert (answer.requests, answer.attempts, answer.faults) == (1, 3, ())
    assert answer.estimated_tokens == answer.prompt.prompt_tokens


def test_second_refusal_for_length_is_a_failure() -> None:
    """Evidence shrinks once: what is still too long then is the operator's matter."""
    endpoint = Scripted([TOO_LONG, TOO_LONG, reply()])
    answer = asked(endpoint)
    assert (answer.diagnosis, answer.failure) == (None, TOO_LONG)
    assert (len(endpoint.requests), answer.requests, answer.attempts) == (2, 0, 2)


def test_repair_too_long_is_repaired_with_half_the_evidence() -> None:
    """A repair that does not fit any more shrinks the evidence, and still repeats the reply and its fault."""
    endpoint = Scripted(["no", TOO_LONG, reply(evidence_for=["E1"])])
    answer = asked(endpoint)
    assert answer.diagnosis is not None
    assert [len(request.messages) for request in endpoint.requests] == [2, 4, 4]
    assert endpoint.requests[2].messages[:2] == answer.prompt.messages
    assert endpoint.requests[2].messages[2:] == endpoint.requests[1].messages[2:]


def test_evidence_shrinks_once_for_question_and_repair_together() -> None:
    """A question that was shortened is not shortened again for its repair."""
    answer = asked(Scripted([TOO_LONG, "no", TOO_LONG, reply()]))
    assert (answer.diagnosis, answer.failure, answer.requests) == (None, TOO_LONG, 1)


def test_question_that_cannot_shrink_fails_at_once() -> None:
    """Where no evidence can go, the same question is not sent again."""
    material = PromptInput(evidence=(note("E1", "full"),), offers=offers(cpu_alarm()))
    endpoint = Scripted([TOO_LONG, reply()])
    answer = asked(endpoint, question().model_copy(update={"prompt": build(material), "material": material}))
    assert (answer.failure, len(endpoint.requests)) == (TOO_LONG, 1)


@pytest.mark.parametrize(("contents", "spent"), [([], 0), (["no json"], 1)])
def test_absent_endpoint_is_a_failure_and_no_fault(contents: list[str], spent: int) -> None:
    """An endpoint that is away, at the question or at the repair, is named; what was spent before stays on record."""
    answer = asked(Scripted(contents))
    assert isinstance(answer.failure, ModelUnavailable)
    assert (answer.diagnosis, answer.requests, answer.prompt_tokens) == (None, spent, spent * 1000)
    assert len(answer.faults) == spent


def test_repair_starts_within_what_is_left() -> None:
    """The time to start an attempt is counted once for question and repair, and a repair always has a few seconds."""
    endpoint = Scripted(["no", reply()], seconds=20)
    asked(endpoint, question(60))
    assert [request.start_within_seconds for request in endpoint.requests] == [60, 40]
    late = Scripted(["no", reply()], seconds=90)
    assert asked(late, question(60)).diagnosis is not None
    assert [request.start_within_seconds for request in late.requests] == [60, 5]


def test_reply_that_runs_may_finish() -> None:
    """A reply that takes longer than attempts may start is still an answer, up to the longest time."""
    assert asked(Scripted([reply()], seconds=590), question(60)).diagnosis is not None


def test_reply_that_runs_too_long_is_given_up() -> None:
    """After the longest time the answer is that there is none."""
    answer = asked(Scripted([reply()], seconds=610), question(60))
    assert isinstance(answer.failure, ModelTimedOut)
    assert str(answer.failure) == "scripted://endpoint: no answer within 600 s"


def test_usage_that_is_not_told_is_not_compared() -> None:
    """An endpoint that counts no tokens says nothing about the estimate."""

    class Silent(Scripted):
        async def complete(self, request: CompletionRequest) -> Completion:
            counted = await super().complete(request)
            return counted.model_copy(update={"prompt_tokens": 0, "completion_tokens": 0})

    answer = asked(Silent([reply()]))
    assert (answer.prompt_tokens, answer.estimated_tokens) == (0, 0)


@pytest.mark.parametrize(("contents", "attempts"), [([], 3), (["no json"], 5), ([TOO_LONG], 4)])
def test_what_was_sent_in_vain_is_counted(contents: list[str | ModelError], attempts: int) -> None:
    """The record of a question that failed tells how often it was sent, and to which endpoint."""
    away = ModelUnavailable("scripted://second", "no capacity")
    away.attempts = 3
    answer = asked(Scripted([*contents, away]))
    assert (answer.failure, answer.attempts) == (away, attempts)
    assert answer.endpoint == ("scripted://1" if answer.requests else "scripted://second")


def test_a_request_that_is_given_up_was_sent() -> None:
    """What runs when the longest time is over counts as an attempt."""
    assert asked(Scripted([reply()], seconds=610), question(60)).attempts == 1
