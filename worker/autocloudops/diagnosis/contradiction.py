"""What a reply may not say at once: a diagnosis that speaks against itself is no ground for anything.

Only statements that no sound reply makes count. A low confidence beside an action is none of them (it is honest, and
a gate refuses it), nor is evidence against an action that is chosen all the same, nor a sentence that weighs another
action or hedges. Words are read in English, sentence by sentence.
"""

import re
from collections.abc import Iterator, Sequence

from autocloudops.catalogue import INVESTIGATE
from autocloudops.diagnosis.model import Diagnosis

_SENTENCE_END = re.compile(r"[.!?](?:\s+|$)")
_HEDGE = re.compile(
    r"\b(?:no|not|never|neither|nor|cannot|without|but|however|although|instead|rather|unless|until|if|would|could|"
    r"might|may|after|before|once|later|then)\b|n't\b",
    re.IGNORECASE,
)
_RECOMMENDED = (
    r"\b(?:(?:the|my)\s+(?:(?:right|best|correct|proper|recommended|chosen|proposed)\s+)?action\s+(?:is|should\s+be)"
    r"|I\s+(?:choose|recommend|select|propose)|action:)\s*[\"'`]?(?:{names})\b"
)
_NOTHING_NEEDED = re.compile(
    r"(?:^|[,;:]\s*|\b(?:so|and|therefore|thus|hence)\s+)no\s+action\s+is\s+(?:needed|required|necessary)"
    r"(?:\s+(?:now|here|at\s+this\s+time))?$",
    re.IGNORECASE,
)
_UNSUPPORTED = re.compile(
    r"^(?:there\s+is\s+)?(?:no|insufficient|not\s+enough)\s+evidence\s+(?:for|supports|to\s+support)\s+"
    r"(?:this|the\s+chosen)\s+action$",
    re.IGNORECASE,
)


def contradiction(diagnosis: Diagnosis, actions: Sequence[str]) -> str | None:
    """Return what `diagnosis` says against itself, or None.

    Four rules: the same evidence for and against; a root cause that recommends another offered action; an action that
    does something beside "no action is needed"; one beside "no evidence supports this action".

    Args:
        diagnosis: the reply, as read.
        actions: the names that were offered.
    """
    return next(_found(diagnosis, actions), None)


def _found(diagnosis: Diagnosis, actions: Sequence[str]) -> Iterator[str]:
    both = [each for each in diagnosis.evidence_for if each in diagnosis.evidence_against]
    if both:
        yield f"{both[0]} stands in evidence_for and in evidence_against"
    others = [action for action in actions if action != diagnosis.action]
    sentences = _SENTENCE_END.split(diagnosis.root_cause)
    if others and any(_recommends(sentence, others) for sentence in sentences):
        yield f"action is {diagnosis.action}, and root_cause recommends another one"
    if diagnosis.action == INVESTIGATE.name:
        return
    if any(_NOTHING_NEEDED.search(sentence) for sentence in sentences):
        yield f"action is {diagnosis.action}, and root_cause says that no action is needed"
    if any(_UNSUPPORTED.search(sentence) for sentence in sentences):
        yield f"action is {diagnosis.action}, and root_cause says that no evidence supports it"


def _recommends(sentence: str, names: Sequence[str]) -> bool:
    pattern = _RECOMMENDED.format(names="|".join(map(re.escape, names)))
    return not _HEDGE.search(sentence) and bool(re.search(pattern, sentence, re.IGNORECASE))
