"""What the questions of a history would have cost on each GPU type, under three ways to run an endpoint."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from autocloudops.incidents.forecast import Forecast
from autocloudops.values import Value

if TYPE_CHECKING:
    from autocloudops.sandbox.endpoint.gpus import Gpu

MONTH = timedelta(days=30)
HOUR = timedelta(hours=1)
WAKING = timedelta(minutes=9.4)
"""From the first question to the first answer of an endpoint at zero; measured by others on ml.g5.xlarge, July 2026."""
IDLING = timedelta(minutes=23)
"""From the last question to zero instances; the same measurement: 11 minutes to no copy, 12 more to no instance."""
PROMPT_TOKENS = 1_900
ANSWER_TOKENS = 190
_MINUTE = timedelta(minutes=1)
_AWAKE = f"from the question that wakes it, {WAKING / _MINUTE:.1f} min before its first answer,"
_TOKENS = f"{PROMPT_TOKENS:,} tokens in, {ANSWER_TOKENS} out, one question at a time, nothing paid between"
ASSUMPTIONS = (
    f"scale to zero: paid {_AWAKE} to {IDLING / _MINUTE:.0f} min after the last one",
    f"GPU seconds: {_TOKENS}: the least that any sharing could reach",
    "on demand in us-east-1, without the NIM's licence, storage and traffic",
)


class Scenario(Value):
    """Thirty days on one GPU type, in US dollars; `wakings` are the questions that find no instance."""

    gpu: str
    instance_type: str
    price_per_hour: float
    price_date: str
    price_source: str
    always_on: float
    scale_to_zero: float
    wakings: float
    gpu_seconds: float
    seconds_per_question: float


def scenarios(history: Forecast) -> tuple[Scenario, ...]:
    """Return what thirty days like `history` would cost on each GPU type, in the order of the table of GPUs.

    Raises:
        ImportError: the table of GPUs is not installed: it comes with the extra `local`.
    """
    from autocloudops.sandbox.endpoint.gpus import gpus  # noqa: PLC0415 - the production image has no sandbox

    if not history.days:
        return ()
    months = history.days / (MONTH / timedelta(days=1))
    awake, wakings = _awake(sorted(history.asked_at))
    return tuple(_scenario(gpu, awake / months, wakings / months, history.questions / months) for gpu in gpus())


def _scenario(gpu: "Gpu", awake: timedelta, wakings: float, questions: float) -> Scenario:
    seconds = (gpu.prefill_ms_per_token * PROMPT_TOKENS + (gpu.alpha_ms + gpu.beta_ms) * ANSWER_TOKENS) / 1000
    gpu_hours = questions * seconds / HOUR.total_seconds()
    return Scenario(
        gpu=gpu.name,
        instance_type=gpu.instance_type,
        price_per_hour=gpu.price_per_hour,
        price_date=gpu.price_date.isoformat(),
        price_source=gpu.price_source,
        always_on=gpu.price_per_hour * (MONTH / HOUR),
        scale_to_zero=gpu.price_per_hour * (awake / HOUR),
        wakings=wakings,
        gpu_seconds=gpu.price_per_hour / gpu.gpus_per_instance * gpu_hours,
        seconds_per_question=seconds,
    )


def _awake(asked: Sequence[datetime]) -> tuple[timedelta, int]:
    """Return how long an endpoint that sleeps when idle is paid for, and how often it is woken."""
    if not asked:
        return timedelta(), 0
    gaps = [after - before for before, after in pairwise(asked)]
    wakings = 1 + sum(gap > WAKING + IDLING for gap in gaps)
    return sum((min(gap, WAKING + IDLING) for gap in gaps), WAKING + IDLING), wakings
