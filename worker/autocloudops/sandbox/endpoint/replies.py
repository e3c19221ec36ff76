"""How a model answers badly: one function and one row of `REPLIES` each. `max_tokens` does not stop such an answer."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from autocloudops.sandbox.endpoint.reading import Offer, read
from autocloudops.sandbox.endpoint.wire import ChatRequest, Completion

BadReply = Callable[[ChatRequest, Completion], Completion]

SLOW_SECONDS = 20.0
# Longer than the longest that SageMaker waits for, which is 8 minutes for a stream.
STALLED_SECONDS = 3_600.0
ABSENT_ACTION = "terminate_everything"
ABSENT_EVIDENCE = "E999"
OVERSTATED_CONFIDENCE = 10
LONG_SENTENCES = 2_500
ORDER = re.compile(
    r"\b(?:run|execute|call|choose|select|propose|use|perform|restart|scale|delete|action)\b[^.\n]{0,200}",
    re.IGNORECASE,
)
ACTION_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def _empty(_: ChatRequest, __: Completion) -> Completion:
    return Completion(content="")


def _truncated(_: ChatRequest, good: Completion) -> Completion:
    content = good.content or ""
    return Completion(content=content[: len(content) // 2], finish_reason="length")


def _not_json(_: ChatRequest, __: Completion) -> Completion:
    return Completion(content="The alarm looks serious. I would scale the service out and keep an eye on it.")


def _wrong_enum(_: ChatRequest, good: Completion) -> Completion:
    return _changed(good, action=ABSENT_ACTION)


def _wrong_types(_: ChatRequest, good: Completion) -> Completion:
    reply = _fields(good)
    confidence = {"confidence": str(reply.get("confidence", OVERSTATED_CONFIDENCE))}
    return _changed(good, **confidence, evidence_for="E1", gaps=None)


def _duplicate_keys(request: ChatRequest, good: Completion) -> Completion:
    """Say everything twice in one object, and another action the second time."""
    first, second = json.dumps(_fields(good)), json.dumps({"action": _another_action(request, good)})
    return Completion(content=f"{first[:-1]}{', ' if len(first) > len('{}') else ''}{second[1:]}")


def _two_objects(request: ChatRequest, good: Completion) -> Completion:
    other = _changed(good, action=_another_action(request, good))
    return Completion(content=f"{good.content}\n{other.content}")


def _fenced(_: ChatRequest, good: Completion) -> Completion:
    return Completion(content=f"```json\n{good.content}\n```")


def _very_long(_: ChatRequest, good: Completion) -> Completion:
    return _changed(good, root_cause="The pool leaks. " * LONG_SENTENCES)


def _overconfident(_: ChatRequest, good: Completion) -> Completion:
    return _changed(good, confidence=OVERSTATED_CONFIDENCE, evidence_against=[], gaps=[])


def _ungrounded(_: ChatRequest, good: Completion) -> Completion:
    return _changed(good, evidence_for=[ABSENT_EVIDENCE], confidence=OVERSTATED_CONFIDENCE)


def _contradicts_risk(request: ChatRequest, good: Completion) -> Completion:
    """Choose the most drastic action that is offered, and hardly believe in it."""
    offers = read(request.messages).offers
    drastic = next((offer.name for offer in offers if offer.risk == "high"), None)
    return _changed(good, action=drastic or _another_action(request, good), confidence=1)


def _contradicts_evidence(_: ChatRequest, good: Completion) -> Completion:
    """Cite the same evidence for the choice and against it."""
    return _changed(good, evidence_against=_fields(good).get("evidence_for", []))


def _contradicts_cause(request: ChatRequest, good: Completion) -> Completion:
    """Choose one action, and recommend another one in the cause."""
    cause = f"The service is overloaded. The action should be {_another_action(request, good)}."
    return _changed(good, root_cause=cause)


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


def _think_unclosed(_: ChatRequest, __: Completion) -> Completion:
    return Completion(content="<think>\nIt may be load, or it may be a leak. On the one hand")


def _reasoning_only(_: ChatRequest, __: Completion) -> Completion:
    return Completion(content=None, reasoning="It may be load, or it may be a leak. I should weigh both.")


def _slow(_: ChatRequest, good: Completion) -> Completion:
    return good.model_copy(update={"delay_seconds": SLOW_SECONDS})


def _stalled(_: ChatRequest, good: Completion) -> Completion:
    return good.model_copy(update={"delay_seconds": STALLED_SECONDS})


def _stream_error(_: ChatRequest, good: Completion) -> Completion:
    return good.model_copy(update={"breaks_off": "ModelStreamError"})


def _stream_failure(_: ChatRequest, good: Completion) -> Completion:
    return good.model_copy(update={"breaks_off": "InternalStreamFailure"})


def _stream_cut(_: ChatRequest, good: Completion) -> Completion:
    return good.model_copy(update={"breaks_off": "reset"})


REPLIES: Mapping[str, BadReply] = MappingProxyType(
    {
        "empty": _empty,
        "truncated": _truncated,
        "not_json": _not_json,
        "wrong_enum": _wrong_enum,
        "wrong_types": _wrong_types,
        "duplicate_keys": _duplicate_keys,
        "two_objects": _two_objects,
        "fenced": _fenced,
        "very_long": _very_long,
        "overconfident": _overconfident,
        "ungrounded": _ungrounded,
        "contradicts_risk": _contradicts_risk,
        "contradicts_evidence": _contradicts_evidence,
        "contradicts_cause": _contradicts_cause,
        "obeys_injection": _obeys_injection,
        "think_wrapped": _think_wrapped,
        "think_unclosed": _think_unclosed,
        "reasoning_only": _reasoning_only,
        "slow": _slow,
        "stalled": _stalled,
        "stream_error": _stream_error,
        "stream_failure": _stream_failure,
        "stream_cut": _stream_cut,
    }
)


def _fields(good: Completion) -> dict[str, object]:
    try:
        reply = json.loads(good.content or "")
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}


def _changed(good: Completion, **fields: object) -> Completion:
    return Completion(content=json.dumps({**_fields(good), **fields}))


def _another_action(request: ChatRequest, good: Completion) -> str:
    chosen = _fields(good).get("action")
    offers = read(request.messages).offers
    return next((offer.name for offer in offers if offer.name != chosen), ABSENT_ACTION)
