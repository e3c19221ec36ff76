import pytest

from autocloudops.errors import InputUnreadable
from autocloudops.sandbox.endpoint.gpus import Gpu, gpu, gpus


def test_names_are_unique() -> None:
    """Every GPU type has a name of its own."""
    names = [row.name for row in gpus()]
    assert len(names) == len(set(names)) >= 4


def test_interpolated_fields_exist() -> None:
    """What a row calls interpolated is a field of the row."""
    assert all(set(row.interpolated) <= set(Gpu.model_fields) for row in gpus())


def test_the_weights_and_the_tokens_fit_the_memory() -> None:
    """16.06 GB of weights and 128 KiB a token stay within the memory of the GPU."""
    assert all(16.06e9 + row.kv_tokens * 128 * 1024 < row.memory_gib * 2**30 for row in gpus())


def test_an_unknown_gpu_is_refused_with_the_known_ones() -> None:
    """A wrong name says which names there are."""
    with pytest.raises(InputUnreadable, match="a10g"):
        gpu("abacus")
