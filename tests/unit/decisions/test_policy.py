from datetime import timedelta

import pytest
from pydantic import ValidationError
from triage import cpu_alarm

from autocloudops.catalogue import Risk
from autocloudops.decisions.facts import AlarmFacts, alarm_facts
from autocloudops.decisions.limits import ClaimLimits, read_span, write_span
from autocloudops.decisions.model import Policy
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.rules import ActionRule, AlarmRule, ApprovalRule, TagRule


@pytest.mark.parametrize("least", [0, 6, 11])
def test_least_confidence_can_only_be_raised(least: int) -> None:
    """No policy goes under seven."""
    with pytest.raises(ValidationError):
        Policy(min_confidence=least)


def test_policy_refuses_names_that_the_catalogue_lacks() -> None:
    """A slip in a name is an error that says what was meant."""
    with pytest.raises(ValidationError, match=r"clean_log is not in the catalogue \(did you mean clean_logs\?\)"):
        Policy(actions={"clean_log": ActionRule()})


@pytest.mark.parametrize(
    ("action", "risk", "right"),
    [
        ("scale_out_service", Risk.LOW, True),
        ("scale_out_service", Risk.HIGH, True),
        ("clean_logs", Risk.HIGH, True),
        ("clean_logs", Risk.MEDIUM, False),
        ("clean_logs", Risk.LOW, False),
    ],
)
def test_a_risk_can_only_be_raised(action: str, risk: Risk, right: bool) -> None:
    """A policy calls an action more dangerous than the catalogue, never less."""
    if right:
        assert Policy(actions={action: ActionRule(risk=risk)}).actions is not None
        return
    with pytest.raises(ValidationError, match="may raise it, never lower it"):
        Policy(actions={action: ActionRule(risk=risk)})


@pytest.mark.parametrize(
    "wrong",
    [
        {"mod": "active"},
        {"limits": {"leese": "2m"}},
        {"limits": {"lease": "59s"}},
        {"limits": {"cooldown": "0s"}},
        {"limits": {"lease": "20m"}},
        {"actions": {"clean_logs": {"cooldown": "1m"}}},
        {"limits": {"global_per_hour": -1}},
        {"approval": {"ttl": "5h"}},
        {"approval": {"approvers": ["arn:aws:iam::111122223333:role/*"]}},
        {"approval": {"approvers": ["ana"]}},
        {"approval": {"topic": "arn:aws:sqs:eu-west-1:111122223333:orders"}},
        {"accounts": {"11112222333": "active"}},
        {"alarms": [{"mode": "off"}]},
        {"tags": {"required": ""}},
        {"tags": {"required": "=true"}},
        {"storm": 1},
        {"actions": {"clean_logs": {"most": 0}}},
    ],
)
def test_policy_refuses_what_it_does_not_mean(wrong: dict[str, object]) -> None:
    """Unknown keys, weak limits and wrong forms are errors wherever they stand."""
    with pytest.raises(ValidationError):
        Policy.model_validate(wrong)


def test_the_default_policy_is_a_dry_run_everywhere() -> None:
    """Nothing is named, nothing is done, and no calendar, guard alarm or approver is invented."""
    policy = Policy()
    assert (policy.mode, policy.accounts, policy.regions, policy.actions) == (Mode.DRY_RUN, None, None, None)
    assert (policy.calendars, policy.guards, policy.approval) == ((), (), ApprovalRule())
    assert policy.tags == TagRule(required="autocloudops:allow=true", denied="autocloudops:deny")
    assert policy.approval.ttl == timedelta(minutes=30)
    assert policy.limits == ClaimLimits(lease=timedelta(minutes=2), cooldown=timedelta(minutes=15))


def test_a_rule_for_alarms_says_what_it_is_about() -> None:
    """Whoever reads a lowered mode finds the rule by its words."""
    assert AlarmRule(name="a", mode=Mode.OFF).title == "alarms named a"
    assert AlarmRule(name="a", metric="b", mode=Mode.OFF).title == "alarms named a of metric b"


def test_an_alarms_facts_are_its_name_and_its_metrics() -> None:
    """Rules for alarms look at nothing that comes from the alarm's texts."""
    assert alarm_facts(cpu_alarm()) == AlarmFacts(name="night-shift", metrics=("AWS/ECS/CPUUtilization",))


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7_200), ("1d", 86_400), ("0s", 0), ("61m", 3_660)]
)
def test_spans_of_time_are_read_and_written(written: str, seconds: int) -> None:
    """A span is a number and a unit; it is written in the largest unit that divides it, and reads back as itself."""
    span = read_span(written)
    assert span == timedelta(seconds=seconds)
    assert isinstance(span, timedelta)
    assert read_span(write_span(span)) == span


@pytest.mark.parametrize("written", ["15", "m", "1.5h", "-1m", "PT15M", "15 m", ""])
def test_other_spans_are_refused(written: str) -> None:
    """What could be meant in two ways is an error that shows how it is written."""
    with pytest.raises(ValueError, match="write 90s, 15m, 2h or 1d"):
        read_span(written)
