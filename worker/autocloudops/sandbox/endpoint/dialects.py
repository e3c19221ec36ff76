"""Which of the three ways to name a reply's schema a server understands, and what it does with the others.

NIM 1.x before 1.13 knows `nvext` and ignores OpenAI's `response_format`; NIM 2.x and vLLM dropped `nvext` without a
word. Source: reference on NIM, structured output.
"""

from types import MappingProxyType
from typing import Literal

from autocloudops.diagnosis.endpoint import Dialect
from autocloudops.sandbox.endpoint.wire import ChatRequest, Fault, refused
from autocloudops.values import Value

FIELDS = MappingProxyType(
    {
        Dialect.JSON_SCHEMA: "response_format",
        Dialect.NVEXT: "nvext",
        Dialect.STRUCTURED_OUTPUTS: "structured_outputs",
    }
)


class Dialects(Value):
    """The dialects that a server honours; it silently ignores the others, or refuses them."""

    honoured: frozenset[Dialect] = frozenset({Dialect.JSON_SCHEMA})
    others: Literal["ignored", "refused"] = "ignored"

    def understood(self, request: ChatRequest) -> ChatRequest | Fault:
        """Return `request` as the server reads it, or its refusal."""
        foreign = [field for dialect, field in FIELDS.items() if dialect not in self.honoured and _used(request, field)]
        if foreign and self.others == "refused":
            return refused(400, "BadRequestError", f"{foreign[0]}: Extra inputs are not permitted")
        return request.model_copy(update=dict.fromkeys(foreign))


def _used(request: ChatRequest, field: str) -> bool:
    if field == FIELDS[Dialect.JSON_SCHEMA]:
        return request.response_format is not None and request.response_format.type == "json_schema"
    return getattr(request, field) is not None


NIM_1_8 = Dialects(honoured=frozenset({Dialect.NVEXT}))
NIM_1_13 = Dialects(honoured=frozenset({Dialect.JSON_SCHEMA, Dialect.NVEXT}))
NIM_2 = Dialects(honoured=frozenset({Dialect.JSON_SCHEMA, Dialect.STRUCTURED_OUTPUTS}))
