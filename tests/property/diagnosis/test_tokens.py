from hypothesis import given
from hypothesis import strategies as st

from autocloudops.diagnosis.tokens import characters_within, estimated_tokens, tokens_up_to

TEXTS = st.text(max_size=300) | st.text(alphabet="abC1 .,\n{}é界", max_size=300)


@given(TEXTS, TEXTS)
def test_joining_texts_with_a_line_break_costs_at_most_the_sum(one: str, other: str) -> None:
    """Blocks may be counted one by one: together with the break between them they cost no more."""
    joined = estimated_tokens(f"{one.strip()}\n\n{other.strip()}")
    assert joined <= estimated_tokens(one.strip()) + 1 + estimated_tokens(other.strip())


@given(TEXTS, st.integers(0, 100))
def test_prefix_keeps_to_its_bound(text: str, tokens: int) -> None:
    """What is kept costs at most the bound, and one run more would cost more, unless nothing is left."""
    kept = characters_within(text, tokens)
    assert estimated_tokens(text[:kept]) <= tokens
    assert kept == len(text) or estimated_tokens(text) > tokens


@given(TEXTS)
def test_estimate_is_at_most_a_token_for_each_byte(text: str) -> None:
    """No byte-level tokenizer makes more tokens than bytes, so no estimate does either."""
    assert 0 <= estimated_tokens(text) <= max(1, len(text.encode(errors="surrogatepass")))


@given(TEXTS, st.integers(0, 100))
def test_counting_up_to_a_bound_is_counting(text: str, bound: int) -> None:
    """Where the estimate is within the bound it is the estimate, and else it is beyond the bound."""
    counted = tokens_up_to(text, bound)
    assert counted == estimated_tokens(text) or counted > bound
    assert (counted > bound) == (estimated_tokens(text) > bound)
