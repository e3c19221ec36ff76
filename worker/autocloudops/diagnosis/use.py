"""What reading evidence and asking the model took, kept beside every decision."""

from typing import TYPE_CHECKING

from autocloudops.diagnosis.fault import ReplyFault
from autocloudops.values import Value

if TYPE_CHECKING:
    from autocloudops.diagnosis.ask import Answer
    from autocloudops.diagnosis.prompt import Prompt

SECONDS_PER_HOUR = 3_600.0


class SourceUse(Value):
    """What one source came to, kept in the audit: how many pieces, how long, and what it failed with."""

    kind: str
    pieces: int
    seconds: float
    failure: str | None = None


class ModelUse(Value):
    """What the model was asked, what it said, and what that took.

    `endpoint` is the URL, without credentials, of the endpoint that answered, or that was asked; `model` is what it
    calls itself; `raw` is redacted and bounded. `cut` names evidence that was shortened or left out of the question
    so that it fits into `budget_tokens`. `error` is why there was no answer.

    Tokens, seconds and attempts are sums over `requests`, which counts answers. `estimated_tokens` is what the prompts
    were taken for before they were sent, `estimate_ratio` the counted prompt tokens divided by it; both stay empty
    where the endpoint counts no tokens. `endpoint_seconds` is this question's share of the endpoint's time, and
    `instance_hour_share` the same in hours. `cost_usd` is that share at `price_per_hour`, in US dollars an hour, and
    None where no price is configured.
    """

    endpoint: str
    prompt_sha256: str
    template_version: str
    budget_tokens: int = 0
    model: str = ""
    requests: int = 0
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated_tokens: int = 0
    estimate_ratio: float | None = None
    latency_seconds: float = 0.0
    endpoint_seconds: float = 0.0
    instance_hour_share: float = 0.0
    price_per_hour: float | None = None
    cost_usd: float | None = None
    cut: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    faults: tuple[ReplyFault, ...] = ()
    error: str | None = None


def unasked(endpoint: str, prompt: "Prompt") -> ModelUse:
    """Return the record of a question that nobody asked.

    Args:
        endpoint: the URL that it would have gone to.
        prompt: the question.
    """
    return ModelUse(
        endpoint=endpoint,
        prompt_sha256=prompt.sha256,
        template_version=prompt.template_version,
        budget_tokens=prompt.budget_tokens,
        cut=prompt.cut,
    )


def used(endpoint: str, answer: "Answer", price_per_hour: float | None) -> ModelUse:
    """Return what an answer took.

    Args:
        endpoint: the URL that was asked.
        answer: what asking came to.
        price_per_hour: US dollars for an hour of the instance that serves the model, where that is known.
    """
    share = answer.endpoint_seconds / SECONDS_PER_HOUR
    price = price_per_hour if share else None
    return unasked(answer.endpoint or endpoint, answer.prompt).model_copy(
        update={
            "model": answer.model,
            "requests": answer.requests,
            "attempts": answer.attempts,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "estimated_tokens": answer.estimated_tokens,
            "estimate_ratio": _ratio(answer),
            "latency_seconds": answer.latency_seconds,
            "endpoint_seconds": answer.endpoint_seconds,
            "instance_hour_share": share,
            "price_per_hour": price,
            "cost_usd": None if price is None else share * price,
            "raw": answer.raw,
            "faults": answer.faults,
            "error": str(answer.failure) if answer.failure else None,
        }
    )


def _ratio(answer: "Answer") -> float | None:
    return round(answer.prompt_tokens / answer.estimated_tokens, 3) if answer.estimated_tokens else None
