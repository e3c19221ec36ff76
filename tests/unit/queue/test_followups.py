from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocloudops.queue.followups import parse_follow_up

CLAIM = UUID("0d4f6a52-3f0b-5c6e-8a55-2f1d0b7c9e11")


@given(st.uuids())
def test_a_follow_up_is_read_as_it_was_sent(claim_id: UUID) -> None:
    """Every id comes back from its own text."""
    assert parse_follow_up(str(claim_id)) == claim_id


@pytest.mark.parametrize(
    "body",
    [
        "",
        str(CLAIM).upper(),
        CLAIM.hex,
        f"{{{CLAIM}}}",
        f"urn:uuid:{CLAIM}",
        f" {CLAIM}",
        f"{CLAIM}\n",
        f'{{"claim": "{CLAIM}"}}',
        f"{CLAIM}{CLAIM}",
        "0d4f6a52-3f0b-5c6e-8a55-2f1d0b7c9e1\uff11",
        "x" * 262_144,
    ],
)
def test_anything_else_is_refused(body: str) -> None:
    """Only what a worker of ours writes is read: no other spelling, nothing beside it."""
    assert parse_follow_up(body) is None


@given(st.text(alphabet="0123456789abcdefABCDEF-{}\u0661", min_size=30, max_size=40))
def test_what_is_read_was_written_so(body: str) -> None:
    """Whatever is read as an id is that id's own text, so that no two bodies mean the same."""
    found = parse_follow_up(body)
    assert found is None or str(found) == body
