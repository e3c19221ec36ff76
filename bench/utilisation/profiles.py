"""The GPUs of the bench: those of gpus.yaml, and two drawn at random."""

from math import exp, log
from random import Random

from autocloudops.sandbox.endpoint.gpus import Profile, gpus

RANDOM_PROFILES = 2
ALPHA_MS = (4.0, 60.0)
BETA_SHARE, PREFILL_SHARE = (0.006, 0.02), (0.002, 0.01)
KV_TOKENS = (30_000, 400_000)
MAX_SEQUENCES = (32, 64, 128, 256)


def profiles(seed: int) -> list[Profile]:
    """Return every GPU type, and the random ones of this seed."""
    random = Random(seed)  # noqa: S311 - a simulation, not a secret
    return [*gpus(), *(_drawn(random, f"random {number + 1}") for number in range(RANDOM_PROFILES))]


def _drawn(random: Random, name: str) -> Profile:
    """Return a GPU whose step grows and whose prompts are read as slowly, against its lone step, as real ones."""
    alpha_ms = _between(random, *ALPHA_MS)
    return Profile(
        name=name,
        alpha_ms=alpha_ms,
        beta_ms=alpha_ms * _between(random, *BETA_SHARE),
        prefill_ms_per_token=alpha_ms * _between(random, *PREFILL_SHARE),
        kv_tokens=round(_between(random, *KV_TOKENS)),
        max_sequences=random.choice(MAX_SEQUENCES),
    )


def _between(random: Random, least: float, most: float) -> float:
    return exp(random.uniform(log(least), log(most)))
