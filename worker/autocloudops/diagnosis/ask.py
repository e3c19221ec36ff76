"""One question to the model: at most one repair of its reply, and at most one shorter question."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, ModelEndpoint, Priority
from autocloudops.diagnosis.fault import ReplyFault
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.diagnosis.prompt import Prompt, PromptInput, shrunk
from autocloudops.diagnosis.reply import read_reply, repair
from autocloudops.errors import ContextTooLong, ModelError, ModelTimedOut
from autocloudops.redaction import clean
from autocloudops.values import Value

RAW_CHARACTERS = 4_000
LEAST_START_SECONDS = 5.0
LONGEST_SECONDS = 600.0


class Question(Value):
    """What is asked, and how long that may take.

    `material` is what `prompt` was built from, so that a shorter one can be built. No attempt starts later than
    `start_within_seconds` after the question; a repair has a few seconds to start in any case. A reply that is running
    by then may take until `longest_seconds`. `correlation_id` names the decision in the endpoint's log.
    """

    prompt: Prompt
    material: PromptInput
    correlation_id: str
    start_within_seconds: float = 60.0
    longest_seconds: float = LONGEST_SECONDS
    priority: Priority = Priority.LIVE


@dataclass(frozen=True, slots=True)
class Answer:
    """What asking came to: a diagnosis, or the faults of every reply, or the failure that ended it.

    `prompt` is the question that was asked last, without its repair. `raw` holds the replies, redacted and bounded.
    `prompt_tokens`, `completion_tokens`, `latency_seconds` and `endpoint_seconds` are sums over the requests that were
    answered, `attempts` counts what was sent, answered or not. `endpoint` answered last, or else failed last.
    `estimated_tokens` is what the answered prompts were taken for, and 0 where the endpoint did not count.
    """

    prompt: Prompt
    diagnosis: Diagnosis | None
    faults: tuple[ReplyFault, ...] = ()
    failure: ModelError | None = None
    raw: tuple[str, ...] = ()
    model: str = ""
    endpoint: str = ""
    requests: int = 0
    attempts: int = 0
    prompt_tokens: int = 0
    estimated_tokens: int = 0
    completion_tokens: int = 0
    latency_seconds: float = 0.0
    endpoint_seconds: float = 0.0


async def ask(endpoint: ModelEndpoint, question: Question, clock: Clock) -> Answer:
    """Ask `endpoint` once, and once more where the reply could not be used.

    A question that the endpoint refuses as too long is asked again with half the evidence, once; the second refusal is
    the answer's failure. A failure is returned and not raised: what was spent before it belongs to the record.

    Args:
        endpoint: the model.
        question: what is asked.
        clock: how much of the time to start is left.
    """
    exchange = _Exchange(endpoint, question, clock)
    try:
        async with asyncio.timeout(question.longest_seconds):
            return exchange.answer(await exchange.run())
    except ModelError as failure:
        return exchange.answer(None, failure)
    except TimeoutError:
        exchange.abandoned()
        late = f"no answer within {question.longest_seconds:.0f} s"
        return exchange.answer(None, ModelTimedOut(endpoint.name, late))


class _Exchange:
    """The requests of one question, and what they came to so far."""

    def __init__(self, endpoint: ModelEndpoint, question: Question, clock: Clock) -> None:
        self._endpoint = endpoint
        self._question = question
        self._clock = clock
        self._started = clock.monotonic()
        self._prompt = question.prompt
        self._failed_attempts = 0
        self._answered: list[tuple[Prompt, Completion]] = []
        self._faults: list[ReplyFault] = []

    async def run(self) -> Diagnosis | None:
        first = await self._complete(lambda prompt: prompt)
        read = self._read(first)
        if not isinstance(read, ReplyFault):
            return read
        said = first.content or ""
        again = self._read(await self._complete(lambda prompt: repair(prompt, said, read)))
        return None if isinstance(again, ReplyFault) else again

    async def _complete(self, asked: Callable[[Prompt], Prompt]) -> Completion:
        """Send what `asked` makes of the prompt, and again with less evidence if that is too long, once."""
        try:
            return await self._send(asked(self._prompt))
        except ContextTooLong:
            untouched = self._prompt is self._question.prompt
            shorter = shrunk(self._prompt, self._question.material) if untouched else None
            if shorter is None:
                raise
            self._prompt = shorter
        return await self._send(asked(shorter))

    async def _send(self, prompt: Prompt) -> Completion:
        left = self._question.start_within_seconds - (self._clock.monotonic() - self._started)
        request = CompletionRequest(
            messages=prompt.messages,
            json_schema=prompt.json_schema,
            max_tokens=prompt.max_tokens,
            correlation_id=self._question.correlation_id,
            prompt_tokens=prompt.prompt_tokens,
            start_within_seconds=max(left, LEAST_START_SECONDS),
            priority=self._question.priority,
        )
        try:
            completion = await self._endpoint.complete(request)
        except ModelError as error:
            self._failed_attempts += error.attempts
            raise
        self._answered.append((prompt, completion))
        return completion

    def _read(self, completion: Completion) -> Diagnosis | ReplyFault:
        read = read_reply(completion.content, completion.finish_reason, self._prompt)
        if isinstance(read, ReplyFault):
            self._faults.append(read)
        return read

    def abandoned(self) -> None:
        """Take note that a request was under way when the time was over."""
        self._failed_attempts += 1

    def answer(self, diagnosis: Diagnosis | None, failure: ModelError | None = None) -> Answer:
        completions = [completion for _, completion in self._answered]
        return Answer(
            prompt=self._prompt,
            diagnosis=diagnosis,
            faults=tuple(self._faults),
            failure=failure,
            raw=tuple(clean(completion.content or "", RAW_CHARACTERS) for completion in completions),
            model=completions[-1].model if completions else "",
            endpoint=completions[-1].endpoint if completions else (failure.endpoint if failure else ""),
            requests=len(completions),
            attempts=self._failed_attempts + sum(completion.attempts for completion in completions),
            prompt_tokens=sum(completion.prompt_tokens for completion in completions),
            estimated_tokens=sum(prompt.prompt_tokens for prompt, counted in self._answered if counted.prompt_tokens),
            completion_tokens=sum(completion.completion_tokens for completion in completions),
            latency_seconds=sum(completion.latency_seconds for completion in completions),
            endpoint_seconds=sum(completion.endpoint_seconds for completion in completions),
        )
