"""Whether a model fits into the memory of its GPUs, with the arithmetic for people to check.

Source: reference formulas of transformer serving: weights are parameters times bytes, and each token of a running
sequence holds keys and values in every layer.
"""

import math
from collections.abc import Iterator

from autocloudops.values import Value
from nim_endpoint.catalogue import Instance, ModelCard

GIB = 2**30
USABLE = 0.85
"""The share of a GPU's nominal memory that a server can fill: what ECC, the driver and the server's own reserve leave.

Together with the overhead of the model it gives the room for tokens that is reported for A10G and L40S (gpus.yaml)."""


class Fit(Value):
    """One copy of a model on some GPUs, in GiB over all of them.

    Attributes:
        usable_gib: what can be filled.
        overhead_gib: what activations and the runtime take.
        context_tokens: the longest sequence that is wanted.
        room_tokens: how many tokens have room beside the weights; negative where not even the weights do.
        is_able: whether the GPU computes with the model's number format.
    """

    model: str
    gpu: str
    gpus: int
    memory_gib: int
    usable_gib: float
    weights_gib: float
    overhead_gib: float
    kv_bytes_per_token: int
    context_tokens: int
    room_tokens: int
    is_able: bool
    least_compute_capability: float
    compute_capability: float

    @property
    def left_gib(self) -> float:
        """What is left for tokens."""
        return self.usable_gib - self.weights_gib - self.overhead_gib

    @property
    def fits(self) -> bool:
        """Whether one sequence of the wanted length can be served."""
        enough = self.room_tokens >= self.context_tokens if self.kv_bytes_per_token else self.left_gib >= 0
        return self.is_able and enough

    def lines(self) -> Iterator[str]:
        """Yield the arithmetic, a step a line, and what follows from it."""
        usable = f"{self.memory_gib} GiB x {USABLE} usable"
        yield f"{self.gpus} x {self.gpu}: {self.gpus} x {usable} = {self.usable_gib:.1f} GiB"
        yield f"{self.model}: weights {self.weights_gib:.2f} GiB + overhead {self.overhead_gib:.1f} GiB"
        yield f"left for tokens: {self.left_gib:.1f} GiB{self._room()}"
        yield self._verdict()

    def _room(self) -> str:
        if not self.kv_bytes_per_token:
            return "; it holds no tokens between requests"
        return f" / {self.kv_bytes_per_token / 1024:.0f} KiB = {max(self.room_tokens, 0):,} tokens"

    def _verdict(self) -> str:
        reasons = list(self._reasons())
        return f"does not fit: {', and '.join(reasons)}" if reasons else "fits"

    def _reasons(self) -> Iterator[str]:
        if not self.is_able:
            wanted, has = self.least_compute_capability, self.compute_capability
            yield f"the model's number format needs compute capability {wanted}, this GPU has {has}"
        if self.left_gib < 0:
            yield f"{-self.left_gib:.1f} GiB are missing"
        elif self.is_able and not self.fits:
            needed = self.context_tokens * self.kv_bytes_per_token / GIB
            sequence = f"one sequence of {self.context_tokens:,} tokens needs {needed:.1f} GiB"
            yield f"{sequence}; set context_tokens to at most {self.room_tokens:,}"


def fit(model: ModelCard, instance: Instance, *, gpus: int, context_tokens: int) -> Fit:
    """Return the arithmetic of one copy of `model`.

    Args:
        model: what is served.
        instance: what it is served on.
        gpus: how many of the instance's GPUs one copy is spread over.
        context_tokens: the longest sequence, prompt and answer together.
    """
    usable = gpus * instance.gpu.memory_gib * USABLE
    weights = model.parameters_billion * 1e9 * model.bytes_per_parameter / GIB
    overhead = gpus * model.overhead_gib
    left_bytes = (usable - weights - overhead) * GIB
    return Fit(
        model=model.name,
        gpu=instance.gpu.gpu,
        gpus=gpus,
        memory_gib=instance.gpu.memory_gib,
        usable_gib=usable,
        weights_gib=weights,
        overhead_gib=overhead,
        kv_bytes_per_token=model.kv_bytes_per_token,
        context_tokens=context_tokens,
        room_tokens=math.floor(left_bytes / model.kv_bytes_per_token) if model.kv_bytes_per_token else 0,
        is_able=instance.gpu.compute_capability >= model.least_compute_capability,
        least_compute_capability=model.least_compute_capability,
        compute_capability=instance.gpu.compute_capability,
    )
