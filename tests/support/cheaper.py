"""Thousands of schedules through whole workers, without what says nothing about them."""

import gzip
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from unittest.mock import patch

from faulty_oracles import parsed

from autocloudops.diagnosis import prompt, tokens
from autocloudops.pipeline import delivery
from autocloudops.redaction import cleaning, redact, values, visible

CHEAPER = (
    (delivery, "parse", parsed),
    (values, "redact", lru_cache(4096)(redact)),
    (gzip, "decompress", lru_cache(512)(gzip.decompress)),
    (cleaning, "redact", lru_cache(4096)(redact)),
    (cleaning, "visible", lru_cache(4096)(visible)),
    *((module, "estimated_tokens", lambda text: len(text) // 3) for module in (tokens, prompt)),
    (prompt, "tokens_up_to", lambda text, _: len(text) // 3),
)
"""Pure functions that need not be worked out anew, and some whose guess is as good here."""


@contextmanager
def cheaper() -> Iterator[None]:
    """Work out pure functions once, guess at tokens, and log nothing: a quarter of a schedule's time."""
    logging.disable()
    with ExitStack() as stack:
        stack.callback(logging.disable, logging.NOTSET)
        for module, name, function in CHEAPER:
            stack.enter_context(patch.object(module, name, function))
        yield
