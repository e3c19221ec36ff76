"""What asking the model took, kept beside every decision."""

from autocloudops.diagnosis.reply import ReplyFault
from autocloudops.values import Value


class ModelUse(Value):
    """What the model was asked, what it said, and what that took.

    `endpoint` is the URL without credentials; `model` is what the endpoint calls itself; `raw` is redacted and bounded.
    `error` is why there was no answer.
    """

    endpoint: str
    prompt_sha256: str
    template_version: str
    model: str = ""
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_seconds: float = 0.0
    raw: tuple[str, ...] = ()
    faults: tuple[ReplyFault, ...] = ()
    error: str | None = None
