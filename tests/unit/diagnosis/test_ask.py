from collections.abc import Sequence

import pytest
from chat_only import ChatOnly
from triage import cpu_alarm, prompt_about, reply

from autocloudops.diagnosis.ask import ask
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, ModelEndpoint
from autocloudops.diagnosis.prompt import Prompt
from autocloudops.diagnosis.reply import FaultCode
from autocloudops.errors import ModelUnavailable

PROMPT: Prompt = prompt_about(cpu_alarm())


class Scripted(ChatOnly):
    """An endpoint that answers from a list and keeps what it was asked."""

    name = "scripted://endpoint"

    def __init__(self, contents: Sequence[str | None], finish_reason: str = "stop") -> None:
        self._contents = list(contents)
        self._finish_reason = finish_reason
        self.requests: list[CompletionRequest] = []

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return the next answer; without one, the endpoint is away."""
        self.requests.append(request)
        if not self._contents:
            raise ModelUnavailable(self.name, "no capacity")
        return Completion(
            content=self._contents.pop(0),
            finish_reason=self._finish_reason,
            model=f"served-{len(self.requests)}",
            prompt_tokens=1000,
            completion_tokens=100,
            latency_seconds=2.5,
        )


async def test_good_reply_takes_one_request() -> None:
    """A usable first reply is the answer."""
    endpoint = Scripted([reply()])
    answer = await ask(endpoint, PROMPT, "inc-1")
    assert answer.diagnosis is not None
    assert (answer.requests, answer.faults, answer.raw) == (1, (), (reply(),))
    assert (answer.prompt_tokens, answer.completion_tokens, answer.latency_seconds) == (1000, 100, 2.5)


async def test_request_carries_the_prompt_and_its_bounds() -> None:
    """The endpoint gets the messages, the schema, a token bound and greedy sampling, under the incident's name."""
    endpoint: ModelEndpoint = (scripted := Scripted([reply()]))
    await ask(endpoint, PROMPT, "inc-1")
    (request,) = scripted.requests
    assert (request.messages, request.json_schema) == (PROMPT.messages, PROMPT.json_schema)
    assert (request.max_tokens, request.temperature, request.correlation_id) == (PROMPT.max_tokens, 0.0, "inc-1")


async def test_bad_reply_is_repaired_once() -> None:
    """A second, good reply is the answer; the fault of the first stays on record, and the cost is the sum."""
    endpoint = Scripted(["It is the pool.", reply()])
    answer = await ask(endpoint, PROMPT, "inc-1")
    assert answer.diagnosis is not None
    assert [fault.code for fault in answer.faults] == [FaultCode.NOT_JSON]
    assert (answer.requests, answer.prompt_tokens, answer.latency_seconds) == (2, 2000, 5.0)
    assert answer.model == "served-2"
    assert len(endpoint.requests[1].messages) == 4


async def test_two_bad_replies_are_no_diagnosis() -> None:
    """There is no third request: the faults of both replies are the answer."""
    endpoint = Scripted(["It is the pool.", None, reply()])
    answer = await ask(endpoint, PROMPT, "inc-1")
    assert answer.diagnosis is None
    assert [fault.code for fault in answer.faults] == [FaultCode.NOT_JSON, FaultCode.EMPTY]
    assert len(endpoint.requests) == 2


async def test_unfinished_reply_is_never_used() -> None:
    """A reply that reached the token bound is a fault even where it parses."""
    answer = await ask(Scripted([reply(), reply()], finish_reason="length"), PROMPT, "inc-1")
    assert answer.diagnosis is None
    assert {fault.code for fault in answer.faults} == {FaultCode.TRUNCATED}


async def test_raw_replies_are_redacted_and_bounded() -> None:
    """What goes into the record holds no secret, no escape and no flood."""
    answer = await ask(Scripted(["\x1b[31mpassword=hunter2 " + "x" * 9000, reply()]), PROMPT, "inc-1")
    assert answer.raw[0].startswith("password=<password> xxx")
    assert len(answer.raw[0]) == 4000


@pytest.mark.parametrize("contents", [[], ["no json"]])
async def test_absent_endpoint_is_the_callers_matter(contents: list[str]) -> None:
    """An endpoint that is away, at the first question or at the repair, is an error and no fault of a reply."""
    with pytest.raises(ModelUnavailable):
        await ask(Scripted(contents), PROMPT, "inc-1")
