import pytest

from autocloudops.errors import InputUnreadable
from autocloudops.sandbox.endpoint.gpus import gpus
from nim_endpoint import catalogue
from nim_endpoint.memory import fit

NANO = catalogue.model("nemotron-nano-8b")


def test_a_t4_cannot_hold_the_8b_model() -> None:
    """The arithmetic says why: the weights alone are more than can be filled, and bf16 is missing."""
    told = fit(NANO, catalogue.instance("ml.g4dn.xlarge"), gpus=1, context_tokens=1_024)
    assert not told.fits
    *steps, verdict = told.lines()
    assert steps == [
        "1 x NVIDIA T4: 1 x 16 GiB x 0.85 usable = 13.6 GiB",
        "nemotron-nano-8b: weights 14.96 GiB + overhead 1.3 GiB",
        "left for tokens: -2.7 GiB / 128 KiB = 0 tokens",
    ]
    assert verdict == (
        "does not fit: the model's number format needs compute capability 8.0, this GPU has 7.5, "
        "and 2.7 GiB are missing"
    )


@pytest.mark.parametrize("name", ["a10g", "l4", "l40s"])
def test_the_room_for_tokens_agrees_with_the_table_of_gpus(name: str) -> None:
    """The formula gives what gpus.yaml says for one GPU of each type that was reported, within a twentieth."""
    row = next(each for each in gpus() if each.name == name)
    told = fit(NANO, catalogue.instance(row.instance_type), gpus=1, context_tokens=1)
    assert told.room_tokens == pytest.approx(row.kv_tokens, rel=0.05)


def test_an_a10g_holds_the_model_with_a_shorter_context_only() -> None:
    """The default of 131,072 tokens needs 16 GiB for one sequence: the refusal says what would do."""
    one = catalogue.instance("ml.g5.2xlarge")
    told = fit(NANO, one, gpus=1, context_tokens=131_072)
    assert list(told.lines())[-1] == (
        "does not fit: one sequence of 131,072 tokens needs 16.0 GiB; set context_tokens to at most 33,939"
    )
    assert fit(NANO, one, gpus=1, context_tokens=33_939).fits


def test_four_gpus_hold_the_default_context() -> None:
    """Spread over the four GPUs of NVIDIA's own choice of instance the model keeps its whole context."""
    assert fit(NANO, catalogue.instance("ml.g5.12xlarge"), gpus=4, context_tokens=131_072).fits


def test_the_embedding_model_needs_what_nvidia_says() -> None:
    """About 3.6 GB of GPU memory, and no tokens beyond a request."""
    told = fit(catalogue.model("nv-embedqa-1b"), catalogue.instance("ml.g5.xlarge"), gpus=1, context_tokens=8_192)
    assert told.fits
    assert told.weights_gib + told.overhead_gib == pytest.approx(3.6, abs=0.05)


def test_every_row_of_the_table_of_gpus_is_an_instance_type() -> None:
    """A GPU is one row in gpus.yaml: its instance type, price and memory are known here without another row."""
    for row in gpus():
        known = catalogue.instance(row.instance_type)
        assert (known.gpus, known.gpu.memory_gib) == (row.gpus_per_instance, row.memory_gib)
        assert known.price.price_per_hour == row.price_per_hour


def test_no_instance_type_stands_in_two_files() -> None:
    """One fact, one row."""
    names = [each.type for each in catalogue.instances()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("look_up", [catalogue.model, catalogue.instance])
def test_a_name_that_is_not_known_is_told_with_those_that_are(look_up: object) -> None:
    """The message lists the names, and the file to which a row is added."""
    assert callable(look_up)
    with pytest.raises(InputUnreadable, match=r"choose one of .* or add a row to \w+\.yaml"):
        look_up("abacus")
