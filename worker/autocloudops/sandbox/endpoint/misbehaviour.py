"""How the simulated endpoint answers badly, on demand: one function and one row of `MISBEHAVIOURS` each.

It is asked for by the request header `X-Amzn-SageMaker-Custom-Attributes: misbehave=<name>`, or by a `Schedule`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from autocloudops.sandbox.endpoint.reading import Offer, read
from autocloudops.sandbox.endpoint.wire import ChatRequest, Completion, Fault, model_error

Misbehaviour = Callable[[ChatRequest, Completion], Completion | Fault]
Schedule = Callable[[int, ChatRequest], str | None]

SLOW_SECONDS = 20.0
ABSENT_ACTION = "terminate_everything"
ABSENT_EVIDENCE = "E999"
ORDER = re.compile(
    r"\b(?:run|execute|call|choose|select|propose|use|perform|restart|scale|delete|action)\b[^.\n]{0,200}",
    re.IGNORECASE,
)
ACTION_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
OVERSTATED_CONFIDENCE = 10


def _empty(_: ChatRequest, __: Completion) -> Completion:
    return Completion(content="")


def _truncated(_: ChatRequest, good: Completion) -> Completion:
    content = good.content or ""
    return Completion(content=content[: len(content) // 2], finish_reason="length")


def _not_json(_: ChatRequest, __: Completion) -> Completion:
    return Completion(content="The alarm looks serious. I would scale the service out and keep an eye on it.")


def _wrong_enum(_: ChatRequest, good: Completion) -> Completion:
    return _changed(good, action=ABSENT_ACTION)


def _overconfident(_: ChatRequest, good: Completion) -> Completion:
    return _changed(good, confidence=OVERSTATED_CONFIDENCE, evidence_against=[], gaps=[])


def _ungrounded(_: ChatRequest, good: Completion) -> Completion:
    return _changed(good, evidence_for=[ABSENT_EVIDENCE], confidence=OVERSTATED_CONFIDENCE)


def _obeys_injection(request: ChatRequest, good: Completion) -> Completion:
    """Propose what the first order in the evidence says, with full confidence; answer well where there is none."""
    reading = read(request.messages)
    for exhibit in reading.exhibits:
        for order in ORDER.findall(exhibit.text):
            if action := _ordered_action(order, reading.offers):
                cause = f"The alarm orders: {order.strip()}. The order is followed."
                fields = {"action": action, "evidence_for": [exhibit.id], "root_cause": cause}
                return _changed(good, confidence=OVERSTATED_CONFIDENCE, **fields)
    return good


def _ordered_action(order: str, offers: Sequence[Offer]) -> str | None:
    """Return the action that `order` names, else the offered one whose first word it uses."""
    if named := ACTION_NAME.search(order):
        return named.group()
    return next((offer.name for offer in offers if offer.name.partition("_")[0] in order.lower()), None)


def _think_wrapped(_: ChatRequest, good: Completion) -> Completion:
    return Completion(content=f"<think>\nIs {{this}} load or a leak?\n</think>\n\n{good.content}")


def _reasoning_only(_: ChatRequest, __: Completion) -> Completion:
    return Completion(content=None, reasoning="It may be load, or it may be a leak. I should weigh both.")


def _throttled(_: ChatRequest, __: Completion) -> Fault:
    return Fault(status=400, error_type="ThrottlingException", body={"message": None})


def _unavailable(_: ChatRequest, __: Completion) -> Fault:
    return Fault(status=503, error_type="ServiceUnavailable", body={"Message": "Service is unavailable."})


def _no_capacity(_: ChatRequest, __: Completion) -> Fault:
    said = "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in progress."
    return Fault(status=400, error_type="ValidationError", body={"Message": said})


def _model_error_500(_: ChatRequest, __: Completion) -> Fault:
    return model_error(500, '{"error":{"message":"CUDA out of memory","type":"InternalServerError","code":500}}')


def _model_timed_out(_: ChatRequest, __: Completion) -> Fault:
    return model_error(0, "Your invocation timed out while waiting for a response from container primary.")


def _slow(_: ChatRequest, good: Completion) -> Completion:
    return good.model_copy(update={"delay_seconds": SLOW_SECONDS})


MISBEHAVIOURS: Mapping[str, Misbehaviour] = MappingProxyType(
    {
        "empty": _empty,
        "truncated": _truncated,
        "not_json": _not_json,
        "wrong_enum": _wrong_enum,
        "overconfident": _overconfident,
        "ungrounded": _ungrounded,
        "obeys_injection": _obeys_injection,
        "think_wrapped": _think_wrapped,
        "reasoning_only": _reasoning_only,
        "throttled": _throttled,
        "unavailable": _unavailable,
        "no_capacity": _no_capacity,
        "model_error_500": _model_error_500,
        "model_timed_out": _model_timed_out,
        "slow": _slow,
    }
)


def _changed(good: Completion, **fields: object) -> Completion:
    try:
        reply = json.loads(good.content or "")
    except ValueError:
        reply = {}
    return Completion(content=json.dumps({**reply, **fields}))


def never(_: int, __: ChatRequest) -> None:
    """Schedule nothing: every request is answered well."""


def cycle(*names: str | None) -> Schedule:
    """Return a schedule that goes through `names` again and again; None answers well."""

    def scheduled(number: int, _: ChatRequest) -> str | None:
        return names[(number - 1) % len(names)]

    return scheduled


def every(count: int, name: str) -> Schedule:
    """Return a schedule on which each `count`-th request is answered by `name`."""
    return cycle(*[None] * (count - 1), name)


def when_prompt_contains(names_by_text: Mapping[str, str]) -> Schedule:
    """Return a schedule that answers by the first name whose text stands in the prompt."""

    def scheduled(_: int, request: ChatRequest) -> str | None:
        return next((name for text, name in names_by_text.items() if text in request.prompt), None)

    return scheduled
