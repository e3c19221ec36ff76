"""One question to the model, and at most one repair of its reply."""

from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, ModelEndpoint
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.diagnosis.prompt import Prompt
from autocloudops.diagnosis.reply import ReplyFault, read_reply, repair
from autocloudops.redaction import clean
from autocloudops.values import Value

RAW_CHARACTERS = 4_000


class Answer(Value):
    """What asking came to: a diagnosis, or none and the faults of every reply.

    `raw` holds the replies, redacted and bounded; tokens and latency are sums over the requests.
    """

    diagnosis: Diagnosis | None
    faults: tuple[ReplyFault, ...]
    raw: tuple[str, ...]
    requests: int
    prompt_tokens: int
    completion_tokens: int
    latency_seconds: float
    model: str


async def ask(endpoint: ModelEndpoint, prompt: Prompt, correlation_id: str) -> Answer:
    """Ask `endpoint` once, and once more where the reply could not be used.

    Args:
        endpoint: the model.
        prompt: the question.
        correlation_id: names the incident in the endpoint's log.

    Raises:
        ModelError: the endpoint gave no answer, to the question or to the repair.
    """
    first = await _complete(endpoint, prompt, correlation_id)
    read = read_reply(first.content, first.finish_reason, prompt)
    if isinstance(read, Diagnosis):
        return _answer((first,), read, ())
    second = await _complete(endpoint, repair(prompt, first.content or "", read), correlation_id)
    again = read_reply(second.content, second.finish_reason, prompt)
    if isinstance(again, Diagnosis):
        return _answer((first, second), again, (read,))
    return _answer((first, second), None, (read, again))


async def _complete(endpoint: ModelEndpoint, prompt: Prompt, correlation_id: str) -> Completion:
    request = CompletionRequest(
        messages=prompt.messages,
        json_schema=prompt.json_schema,
        max_tokens=prompt.max_tokens,
        correlation_id=correlation_id,
    )
    return await endpoint.complete(request)


def _answer(completions: tuple[Completion, ...], diagnosis: Diagnosis | None, faults: tuple[ReplyFault, ...]) -> Answer:
    return Answer(
        diagnosis=diagnosis,
        faults=faults,
        raw=tuple(clean(completion.content or "", RAW_CHARACTERS) for completion in completions),
        requests=len(completions),
        prompt_tokens=sum(completion.prompt_tokens for completion in completions),
        completion_tokens=sum(completion.completion_tokens for completion in completions),
        latency_seconds=sum(completion.latency_seconds for completion in completions),
        model=completions[-1].model,
    )
