"""When the garbage collector rests."""

import gc
from collections.abc import Iterator

import pytest

from autocloudops.entrypoints.collecting import uncollected


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.freeze()
    gc.enable()


def test_nothing_is_collected_in_the_block_and_its_objects_are_set_aside() -> None:
    """The collector rests while the block runs, and what exists at its end is never looked at again."""
    gc.unfreeze()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_the_collector_goes_on_after_an_error() -> None:
    """A block that fails does not leave a process that collects nothing."""
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    """Whoever switched the collector off before keeps it so."""
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()
