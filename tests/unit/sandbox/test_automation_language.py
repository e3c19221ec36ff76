"""What a runbook's references, selectors, conditions and calendars mean."""

from datetime import UTC, datetime
from typing import Any

import pytest

from autocloudops.sandbox.automation.conditions import holds
from autocloudops.sandbox.automation.executions import Approval
from autocloudops.sandbox.automation.ical import CLOSED, OPEN, always, calendar
from autocloudops.sandbox.automation.references import StepFailed, resolved, texts
from autocloudops.sandbox.automation.selectors import select
from autocloudops.sandbox.control_plane.wire import Refusal

ANSWER = {"services": [{"name": "orders", "count": 2, "tags": [{"key": "a"}, {"key": "b"}]}, {"name": "carts"}]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", ANSWER),
        ("$.services[0].count", 2),
        ("$['services'][1].name", "carts"),
        ("$.services[*].name", ["orders", "carts"]),
        ("$.services[0].tags[*].key", ["a", "b"]),
    ],
)
def test_a_selector_finds_names_indexes_and_all_of_a_list(path: str, found: object) -> None:
    """Each form of a path leads to the value that stands there."""
    assert select(ANSWER, path) == found


@pytest.mark.parametrize(
    "path", ["$.tasks", "$.services[2]", "$.services.name", "$.services[0][0]", "$.services[1].count"]
)
def test_a_selector_that_leads_nowhere_says_so(path: str) -> None:
    """Nothing is made up where the answer holds nothing."""
    with pytest.raises(LookupError):
        select(ANSWER, path)


def test_a_reference_alone_keeps_its_type_and_one_in_a_text_becomes_text() -> None:
    """Numbers, lists and maps go into a call as they are; beside other text they are written out."""
    names = {"Count": 3, "Names": ["a", "b"], "read.Map": {"k": True}}
    asked = {"n": "{{ Count }}", "l": "{{Names}}", "m": ["{{ read.Map }}"], "t": "to {{ Count }}, {{ Names }}", "x": 1}
    assert resolved(asked, names) == {"n": 3, "l": ["a", "b"], "m": [{"k": True}], "t": 'to 3, ["a", "b"]', "x": 1}
    with pytest.raises(StepFailed, match="Missing"):
        resolved("{{ Missing }}", names)


def test_values_are_lists_of_texts_on_the_wire() -> None:
    """Text stays as it is, and all else is JSON."""
    assert (texts("a"), texts(3), texts(["a", 1]), texts({"k": None})) == (["a"], ["3"], ["a", "1"], ['{"k": null}'])


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        ({"Variable": "a", "StringEquals": "a"}, True),
        ({"Variable": "A", "EqualsIgnoreCase": "a"}, True),
        ({"Variable": "abc", "StartsWith": "b"}, False),
        ({"Variable": "abc", "EndsWith": "bc"}, True),
        ({"Variable": "abc", "Contains": "b"}, True),
        ({"Variable": 2, "NumericEquals": 2}, True),
        ({"Variable": 2, "NumericGreater": 2}, False),
        ({"Variable": 2, "NumericGreaterOrEquals": 2}, True),
        ({"Variable": 1, "NumericLesser": 2}, True),
        ({"Variable": 3, "NumericLesserOrEquals": 2}, False),
        ({"Variable": True, "BooleanEquals": True}, True),
        ({"Not": {"Variable": "a", "StringEquals": "a"}}, False),
        ({"And": [{"Variable": 1, "NumericEquals": 1}, {"Variable": 1, "NumericEquals": 2}]}, False),
        ({"Or": [{"Variable": 1, "NumericEquals": 1}, {"Variable": 1, "NumericEquals": 2}]}, True),
    ],
)
def test_a_choice_is_true_or_not(condition: dict[str, Any], true: bool) -> None:
    """Every operation, and Not, And and Or of them."""
    assert holds(condition) is true


@pytest.mark.parametrize(
    "condition",
    [
        {"Variable": "2", "NumericEquals": 2},
        {"Variable": True, "NumericEquals": 1},
        {"Variable": "true", "BooleanEquals": True},
        {"Variable": "a"},
        {"StringEquals": "a"},
        {"Variable": "a", "StringMatches": "a"},
    ],
)
def test_a_choice_that_compares_nothing_or_different_types_fails(condition: dict[str, Any]) -> None:
    """A text is no number and no boolean, and an unknown operation is not false."""
    with pytest.raises(StepFailed):
        holds(condition)


def test_a_calendar_without_events_is_always_as_by_default() -> None:
    """It has one state and never turns."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for state in (OPEN, CLOSED):
        read = calendar(always(state))
        assert (read.state(at), list(read.edges(at))) == (state, [])


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "BEGIN:VCALENDAR\nEND:VCALENDAR\n",
        always("OPEN").replace("END:VCALENDAR", "BEGIN:VEVENT\nRRULE:FREQ=DAILY\nEND:VEVENT\nEND:VCALENDAR"),
        always("OPEN").replace("END:VCALENDAR", "BEGIN:VEVENT\nDTSTART:20260301T000000Z\nEND:VEVENT\nEND:VCALENDAR"),
        always("OPEN").replace(
            "END:VCALENDAR", "BEGIN:VEVENT\nDTSTART;TZID=Moon/Sea:20260301T000000\nEND:VEVENT\nEND:VCALENDAR"
        ),
    ],
)
def test_a_calendar_that_is_not_understood_is_refused(wrong: str) -> None:
    """No kind, a repeated event, an event without an end or in no known zone: none of them is read as open."""
    with pytest.raises(Refusal):
        calendar(wrong)


def test_an_approver_is_named_by_arn_by_role_or_by_user_name() -> None:
    """A session may approve as its role, and a user by name alone; another role of the same session name may not."""
    session = "arn:aws:sts::111122223333:assumed-role/on-call/anna"
    for approvers, caller, may in (
        (("arn:aws:iam::111122223333:role/on-call",), session, True),
        ((session,), session, True),
        (("anna",), "arn:aws:iam::111122223333:user/anna", True),
        (("anna",), session, False),
        (("arn:aws:iam::111122223333:role/other",), session, False),
        (("arn:aws:iam::444455556666:role/on-call",), session, False),
    ):
        assert Approval("ask", approvers, 1).may(caller) is may
