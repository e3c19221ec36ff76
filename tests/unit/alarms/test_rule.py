"""Which alarms the rule of a composite alarm shows to be in trouble."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocloudops.alarms.rule import firing_in

ARN = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:checkout: p99 (slow)"


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("ALARM(cpu) OR ALARM(disk) OR ALARM(cpu)", ("cpu", "disk")),
        (f'(ALARM("{ARN}") AND ALARM(memory))', (ARN, "memory")),
        ("ALARM('high cpu')\n  AND NOT ALARM(deployment-in-progress)", ("high cpu",)),
        ("ALARM(primary) AND OK(standby) AND INSUFFICIENT_DATA(probe)", ("primary",)),
        ("NOT OK(primary)", ("primary",)),
        ("NOT (ALARM(a) OR OK(b)) AND ALARM(c)", ("b", "c")),
        ("NOT (NOT (ALARM(a) AND NOT ALARM(b)))", ("a",)),
        ('AT_LEAST(2, ALARM, (one, "two (2)", three)) AND ALARM(four)', ("one", "two (2)", "three", "four")),
        ("AT_LEAST(60%, NOT OK, (one, two)) OR AT_LEAST(1, OK, (three))", ("one", "two")),
        ("NOT AT_LEAST(1, ALARM, (one))", ()),
        ("TRUE AND NOT FALSE", ()),
        ('ALARM("NOT ALARM(x)") OR ALARM(y)', ("NOT ALARM(x)", "y")),
        ("))) ALARM(a) ((( NOT", ("a",)),
        ("", ()),
    ],
)
def test_only_alarms_whose_trouble_makes_the_rule_true_are_named(rule: str, names: tuple[str, ...]) -> None:
    """Conditions that must not hold, and states that are well, name no part of the trouble."""
    assert firing_in(rule) == names


RULES = st.recursive(
    st.tuples(st.sampled_from(["ALARM", "OK"]), st.text("abc", min_size=1, max_size=3)).map(
        lambda leaf: f"{leaf[0]}({leaf[1]})"
    ),
    lambda inner: st.one_of(
        inner.map(lambda rule: f"NOT ({rule})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda three: f"({' '.join(three)})"),
    ),
    max_leaves=12,
)


@given(RULES)
def test_a_rule_denied_twice_names_the_same_alarms(rule: str) -> None:
    """NOT turns each condition around, and a second one turns it back."""
    assert firing_in(f"NOT (NOT ({rule}))") == firing_in(rule)
    assert firing_in(f"NOT ({rule})") == firing_in(
        rule.replace("ALARM(", "_(").replace("OK(", "ALARM(").replace("_(", "OK(")
    )


@given(st.text('ALRMOKNT_ES(),"% 1ab', max_size=300))
def test_any_text_is_read(rule: str) -> None:
    """What is no rule yields some names or none, and no exception."""
    assert all(firing_in(rule))
