"""Questions as an endless stream: how many tokens each has and gets."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import starmap
from math import exp
from random import Random
from statistics import NormalDist

PROMPT_MEDIAN, PROMPT_SPREAD = 735, 0.3
ANSWER_MEDIAN, ANSWER_SPREAD = 160, 0.35
PARTS = 20


@dataclass(frozen=True, slots=True)
class Question:
    """One question: tokens of its prompt, and of the answer that it will get."""

    prompt_tokens: int
    completion_tokens: int


def questions(seed: int) -> Iterator[Question]:
    """Yield questions for ever; both lengths are log-normal, as lengths of prompts and answers are.

    Each twenty in a row hold every twentieth of both distributions once, in random order: so a short window sees the
    same mix as a long one, and throughput is compared, not luck.
    """
    random = Random(seed)  # noqa: S311 - a simulation, not a secret
    while True:
        prompts = _lengths(random, PROMPT_MEDIAN, PROMPT_SPREAD)
        answers = _lengths(random, ANSWER_MEDIAN, ANSWER_SPREAD)
        yield from starmap(Question, zip(prompts, answers, strict=True))


def _lengths(random: Random, median: int, spread: float) -> list[int]:
    """Return one length from every twentieth of the distribution, in random order."""
    normal = NormalDist(0.0, spread)
    shares = [(part + random.uniform(0.01, 0.99)) / PARTS for part in range(PARTS)]
    random.shuffle(shares)
    return [max(1, round(median * exp(normal.inv_cdf(share)))) for share in shares]
