import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from deciding import EVERYTHING, FACTS, INCIDENT, proposal
from placeholders import bare
from triage import AT, cpu_alarm, note

from autocloudops.alarms.model import Alarm, Condition
from autocloudops.decisions.decide import decide
from autocloudops.decisions.model import Decision, Facts, Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.decisions.story import TITLES, Story, condition_in_words, headline, lines, short_id
from autocloudops.diagnosis.evidence import alarm_evidence
from autocloudops.diagnosis.model import Diagnosis
from autocloudops.diagnosis.use import ModelUse

SECRET = "correct-horse-battery"
FAKE = "GATES    suppression ok | mode ok | risk ok"
USE = ModelUse(
    endpoint="sagemaker://nim",
    prompt_sha256="ab" * 32,
    template_version="v1",
    model="simulated/rules",
    requests=1,
    prompt_tokens=900,
    completion_tokens=80,
    latency_seconds=1.25,
)
LABELS = {
    "",
    "OWNER",
    "ALARM",
    "says",
    "STORM",
    "WITH",
    "CAUSE",
    "FOR",
    "AGAINST",
    "NOT READ",
    "PROPOSED",
    "does",
    "runs",
    "undo",
    "GATES",
    "refused",
    "capped",
    "MODEL",
    "COST",
    "NOT SENT",
}
OUTSIDE = [
    f"orders\n{FAKE}",
    f"orders\r\n{FAKE}",
    f"orders\r{FAKE}",
    f"orders\u2028{FAKE}",
    f"orders\x0b{FAKE}",
    f"orders\x85{FAKE}",
    f"orders\x1b[2J\n{FAKE}",
    f"orders\u200b\n\u200b{FAKE}",
]


def decided(diagnosis: Diagnosis | None = None, *, mode: Mode = Mode.DRY_RUN, facts: Facts = FACTS) -> Decision:
    """Return what is decided about a diagnosis."""
    return decide(diagnosis, facts, Policy(mode=mode))


def story(decision: Decision | None = None, **changes: object) -> Story:
    """Return the story of a good proposal on a busy service, with some fields changed."""
    alarm = cpu_alarm()
    told = {
        "incident_id": INCIDENT,
        "at": AT + timedelta(seconds=12),
        "resource": alarm.resource,
        "opener": alarm,
        "alarm_count": 1,
        "evidence": (alarm_evidence(alarm, "E1"), note("E2", "a deployment ended at 03:05")),
        "use": USE,
        "decision": decision or decided(proposal()),
    }
    return Story.model_validate({**told, **changes})


def labelled(told: Story) -> dict[str, str]:
    """Return the lines after the headline by label; the first of a label counts."""
    found: dict[str, str] = {}
    for line in lines(told)[1:]:
        found.setdefault(line[:9].strip(), line[9:])
    return found


def changed_alarm(**changes: object) -> Alarm:
    """Return the alarm with some fields changed."""
    return cpu_alarm().model_copy(update=changes)


def named(name: str) -> Alarm:
    """Return the alarm under another name."""
    return changed_alarm(key=cpu_alarm().key.model_copy(update={"name": name}))


def assert_well_formed(told: list[str]) -> None:
    """Assert that every line is one line of a known label, with something behind it."""
    for line in told[1:]:
        assert line[:9].strip() in LABELS, line
        assert line[9:].strip(), line
    for line in told:
        assert line.splitlines() == [line]
        assert line == line.rstrip()
    assert sum(line.startswith("GATES") for line in told) == 1


@pytest.mark.parametrize(
    ("mode", "changes", "begins"),
    [
        (Mode.ACTIVE, {}, "EXECUTE: shop/orders-api"),
        (Mode.APPROVE, {}, "NEEDS APPROVAL: shop/orders-api"),
        (Mode.ACTIVE, {"action": "clean_logs"}, "NEEDS APPROVAL: shop/orders-api"),
        (Mode.ACTIVE, {"confidence": 2}, "MANUAL: shop/orders-api"),
        (Mode.DRY_RUN, {}, "DRY RUN (would execute): shop/orders-api"),
        (Mode.DRY_RUN, {"action": "clean_logs"}, "DRY RUN (would need approval): shop/orders-api"),
        (Mode.DRY_RUN, {"confidence": 2}, "MANUAL: shop/orders-api"),
        (Mode.OFF, {}, "MANUAL: shop/orders-api"),
    ],
)
def test_the_verdict_comes_first(mode: Mode, changes: Mapping[str, object], begins: str) -> None:
    """The first words are the verdict, for a dry run with what it would have been, then the resource and where."""
    facts = FACTS.model_copy(update={"offers": tuple(EVERYTHING.values())})
    told = story(decided(proposal(**changes), mode=mode, facts=facts))
    assert headline(told) == f"{begins} (ecs:service) acct 111122223333 eu-west-1"
    assert lines(told)[0] == headline(told)


def test_only_a_dry_run_says_what_would_be() -> None:
    """A verdict that stands is not followed by another one."""
    for mode in Mode:
        decision = decided(proposal(), mode=mode)
        assert ("(would" in headline(story(decision))) is (decision.verdict is Verdict.DRY_RUN)


def test_every_verdict_has_a_title() -> None:
    """No verdict reaches a person by its programming name."""
    assert set(TITLES) == set(Verdict)
    assert all("_" not in title for title in TITLES.values())


def test_the_incident_is_named_as_people_type_it() -> None:
    """The second line holds the short id, the time of the decision, and how long after the alarm that was."""
    told = story()
    assert lines(told)[1].split() == [
        short_id(INCIDENT),
        "2026-11-22",
        "03:11:54Z",
        "(+12",
        "s",
        "after",
        "the",
        "alarm)",
    ]
    assert short_id(INCIDENT) == "inc-7f3a0000"


@pytest.mark.parametrize("confidence", [1, 8, 10])
def test_confidence_is_never_a_bare_fraction(confidence: int) -> None:
    """Whose number it is and what it is worth stand beside it, and no line is a score."""
    told = lines(story(decided(proposal(confidence=confidence))))
    assert not any(re.search(r"\b\d+\s*/\s*10\b", line) for line in told)
    (scored,) = [line for line in told if line.strip().startswith("confidence")]
    assert scored.strip() == f"confidence {confidence} of 10 in the model's own words, uncalibrated"


def test_the_cause_stands_on_its_evidence() -> None:
    """Each cited piece is quoted by its id and kind, for and against; what was not known is said."""
    told = labelled(story(decided(proposal(evidence_against=["E2"]))))
    assert told["CAUSE"] == "The service has too few tasks for its load."
    assert told["FOR"].startswith("E1 alarm: name: night-shift, metric: AWS/ECS CPUUtilization")
    assert told["AGAINST"] == "E2 change: a deployment ended at 03:05"
    assert told["NOT READ"] == "requests per second are not known"


def test_evidence_that_does_not_exist_is_not_quoted() -> None:
    """An id that the model invented has no line; grounding is what refuses it."""
    told = story(decided(proposal(evidence_for=["E9"], gaps=[])))
    assert "FOR" not in labelled(told)
    assert "NOT READ" not in labelled(told)
    assert labelled(told)["refused"].startswith("by grounding: ")


def test_the_proposal_says_exactly_what_it_would_do() -> None:
    """Action with its risk, what it does, the runbook with target and parameters, and how to take it back."""
    told = labelled(story())
    assert told["PROPOSED"] == "Scale the service out (low risk)"
    assert told["does"].endswith("(eu-west-1, account 111122223333) from 4 to 6.")
    assert told["runs"].startswith("AutoCloudOps-ScaleOutService target=shop/orders-api ")
    assert "desired count" in told["undo"]


@pytest.mark.parametrize("action", ["investigate", "restart_service"])
def test_without_a_request_a_person_is_asked_to_look(action: str) -> None:
    """Where nothing could be executed, no runbook is named."""
    told = labelled(story(decided(proposal(action=action))))
    assert told["PROPOSED"] == "nothing that could be executed: a person should look"
    assert not {"does", "runs", "undo"} & told.keys()


def test_every_gate_that_refused_or_capped_is_named() -> None:
    """All gates stand in one line; each that stood in the way has a line with its reason, and no other has."""
    decision = decided(proposal(confidence=3, evidence_for=["E9"]), mode=Mode.OFF)
    told = lines(story(decision))
    assert labelled(story(decision))["GATES"] == " | ".join(f"{gate.name} {gate.outcome}" for gate in decision.gates)
    refused = [line for line in told if line.startswith(" refused")]
    assert [line.split("by ")[1].split(":")[0] for line in refused] == ["mode", "grounding", "confidence"]
    assert all(line.split(": ", 1)[1] for line in refused)


def test_a_cap_is_named() -> None:
    """A dry run says which gate made it one."""
    assert labelled(story())["capped"].startswith("by mode: ")


def test_a_decision_without_a_diagnosis_says_why() -> None:
    """Without an answer the cause is not known because of the model; without a question, because of what refused."""
    down = USE.model_copy(update={"requests": 0, "error": "no answer within 60 s"})
    facts = FACTS.model_copy(update={"fault": "model_unavailable"})
    told = labelled(story(decided(None, facts=facts), use=down))
    assert told["CAUSE"] == "not known: no answer within 60 s"
    assert told["MODEL"] == "sagemaker://nim: no answer"
    silenced = FACTS.model_copy(update={"suppressed": "silenced by ana until 12:00:00Z: deploy"})
    quiet = story(decided(None, facts=silenced), use=USE.model_copy(update={"requests": 0}))
    assert headline(quiet).startswith("SUPPRESSED: ")
    assert labelled(quiet)["CAUSE"] == "not known: silenced by ana until 12:00:00Z: deploy"
    assert "MODEL" not in labelled(quiet)


def test_the_model_that_answered_is_named() -> None:
    """A stand-in is seen to be one, with what the answer took and which prompt it answered."""
    assert labelled(story())["MODEL"] == (
        "simulated/rules at sagemaker://nim: 1 request, 900+80 tokens, 1.2 s; prompt v1 abababab"
    )


def test_cost_is_told_as_far_as_it_is_known() -> None:
    """Repeated attempts, the share of the instance hour, a priced cost and the estimate stand in one line."""
    spent = {
        "attempts": 3,
        "endpoint_seconds": 1.8,
        "instance_hour_share": 0.0005,
        "price_per_hour": 2.605,
        "cost_usd": 0.0013025,
        "estimated_tokens": 1000,
        "estimate_ratio": 0.9,
    }
    costly = story(use=USE.model_copy(update={**spent, "cut": ("E9 change was left out",)}))
    assert_well_formed(lines(costly))
    told = labelled(costly)
    assert told["COST"] == (
        "3 attempts; 1.80 s of the endpoint, 0.050% of an instance hour; $0.00130 at $2.605 an hour; "
        "1000 prompt tokens estimated, 0.90 of that counted"
    )
    assert told["NOT SENT"] == "E9 change was left out"
    assert {"COST", "NOT SENT"}.isdisjoint(labelled(story()))


@pytest.mark.parametrize(("storm", "count"), [(0, 1), (40, 1), (0, 3), (40, 3)])
def test_storm_and_company_are_told_only_where_they_are(storm: int, count: int) -> None:
    """A storm and further alarms have a line each, with their numbers, and none where there are none."""
    told = labelled(story(storm=storm, alarm_count=count))
    assert ("STORM" in told) is (storm > 0)
    assert ("WITH" in told) is (count > 1)
    assert told.get("STORM", "40 resources ").startswith("40 resources ")
    assert told.get("WITH", "2 more alarms ").startswith("2 more alarms ")


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("diagnosis", [proposal(), proposal(action="investigate"), proposal(gaps=[]), None])
def test_no_line_is_empty_or_padded(mode: Mode, diagnosis: Diagnosis | None) -> None:
    """A label without content, a blank line and trailing blanks all cost a reader at 3 a.m. time."""
    assert_well_formed(lines(story(decided(diagnosis, mode=mode), storm=7, alarm_count=2)))


@pytest.mark.parametrize("blank", ["", "\u200b\u200b", "\x00"])
def test_a_blank_reason_has_no_line(blank: str) -> None:
    """An alarm that says nothing visible is not quoted."""
    told = story(opener=changed_alarm(reason=blank))
    assert "says" not in labelled(told)
    assert_well_formed(lines(told))


@pytest.mark.parametrize("outside", OUTSIDE)
def test_an_alarm_cannot_write_a_line_of_its_own(outside: str) -> None:
    """A line break in an alarm's name or reason, and a faked gate line behind it, stay inside their line."""
    for opener in (named(outside), changed_alarm(reason=outside)):
        told = lines(story(opener=opener))
        assert_well_formed(told)
        assert len(told) == len(lines(story()))


@pytest.mark.parametrize("outside", OUTSIDE)
def test_a_resource_cannot_write_a_line_of_its_own(outside: str) -> None:
    """A resource's id and owner come from dimensions, where anything may stand: headline and story stay in form."""
    resource = cpu_alarm().resource.model_copy(update={"id": outside, "owner": f"custom/{outside}"})
    told = lines(story(resource=resource, alarm_count=2))
    assert_well_formed(told)
    assert told[0].startswith("DRY RUN (would execute): orders")
    assert told[0].endswith("(ecs:service) acct 111122223333 eu-west-1")


@pytest.mark.parametrize("outside", OUTSIDE)
def test_a_model_cannot_write_a_line_of_its_own(outside: str) -> None:
    """What the model says about cause and gaps, and what it calls itself, stays inside its line."""
    told = story(decided(proposal(root_cause=outside, gaps=[outside])), use=USE.model_copy(update={"model": outside}))
    assert_well_formed(lines(told))


@pytest.mark.parametrize("outside", OUTSIDE)
def test_evidence_cannot_write_a_line_of_its_own(outside: str) -> None:
    """Quoted evidence is one line, whatever it holds."""
    told = story(evidence=(note("E1", outside),))
    assert_well_formed(lines(told))


def test_no_secret_is_told() -> None:
    """A password in the alarm, its resource, the diagnosis, the evidence or an error is left out of every line."""
    leak = f"password={SECRET}"
    resource = cpu_alarm().resource.model_copy(update={"id": leak, "owner": f"custom/{leak}"})
    leaky = story(
        decided(proposal(root_cause=leak, gaps=[leak])),
        opener=named(leak).model_copy(update={"reason": f"Threshold Crossed: {leak}"}),
        resource=resource,
        alarm_count=2,
        evidence=(note("E1", leak),),
    )
    silent = FACTS.model_copy(update={"suppressed": f"silenced by ana: {leak}"})
    refused = story(decided(None, facts=silent), use=USE.model_copy(update={"error": f"401: {leak}"}))
    for told in (lines(leaky), lines(refused)):
        assert SECRET not in "\n".join(told)
        assert "password=<password>" in bare("\n".join(told))


def test_no_line_is_longer_than_a_person_reads() -> None:
    """Endless text is cut with a mark, so that the verdict and the gates stay on one screen."""
    endless = "word " * 2000
    resource = cpu_alarm().resource.model_copy(update={"id": endless, "owner": endless})
    told = lines(story(opener=named(endless).model_copy(update={"reason": endless}), resource=resource))
    assert max(map(len, told)) <= 620
    assert any("…[cut" in line for line in told)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition(), ""),
        (Condition(operator="GreaterThanThreshold", threshold=80), "> 80"),
        (Condition(operator="LessThanOrEqualToThreshold", threshold=0.25, period_seconds=60), "<= 0.25 of 60 s"),
        (Condition(evaluation_periods=3), "for 3 of 3 periods"),
        (Condition(operator="GreaterThanUpperThreshold", threshold=2), "GreaterThanUpperThreshold 2"),
        (
            Condition(
                operator="GreaterThanOrEqualToThreshold",
                threshold=1e6,
                evaluation_periods=5,
                datapoints_to_alarm=3,
                period_seconds=300,
            ),
            ">= 1e+06 for 3 of 5 periods of 300 s",
        ),
        (Condition(threshold=5), "at 5"),
    ],
)
def test_a_condition_is_said_as_far_as_it_is_known(condition: Condition, words: str) -> None:
    """Nothing is invented where the sender left a part out."""
    assert condition_in_words(condition) == words
