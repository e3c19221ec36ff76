import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from chat_only import ChatOnly
from triage import cpu_alarm, disk_alarm, reply
from virtual_time import START, VirtualClock, run

from autocloudops.alarms.model import Alarm
from autocloudops.decisions.model import Policy, Verdict
from autocloudops.decisions.modes import Mode
from autocloudops.diagnosis.endpoint import Completion, CompletionRequest, Priority
from autocloudops.errors import (
    ContextTooLong,
    EndpointMisconfigured,
    ModelError,
    ModelRefused,
    ModelThrottled,
    ModelTimedOut,
)
from autocloudops.incidents.circumstances import Circumstances
from autocloudops.incidents.model import Incident
from autocloudops.investigation import Bounds, Case, Investigator

MINUTE = timedelta(seconds=60)
NAME = "fake://model"


class Model(ChatOnly):
    """An endpoint that answers after some seconds, or fails, and keeps what it was asked."""

    def __init__(self, said: str | ModelError = "", seconds: float = 0, prompt_tokens: int = 700) -> None:
        self.requests: list[CompletionRequest] = []
        self._said = said or reply()
        self._seconds = seconds
        self._prompt_tokens = prompt_tokens

    async def complete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        await asyncio.sleep(self._seconds)
        if isinstance(self._said, ModelError):
            raise self._said
        return Completion(
            content=self._said,
            finish_reason="stop",
            model="served",
            prompt_tokens=self._prompt_tokens,
            completion_tokens=90,
            latency_seconds=self._seconds,
            endpoint="fake://model/second",
            attempts=2,
            endpoint_seconds=3.6,
        )


def incident(alarm: Alarm) -> Incident:
    """Return the incident that an alarm opened."""
    return Incident(
        incident_id=UUID(int=7),
        owner_key=alarm.resource.owner_key,
        resource=alarm.resource,
        token=alarm.event_id,
        opened_at=START,
        last_member_at=START,
    )


async def case_of(
    investigator: Investigator,
    alarms: Sequence[Alarm] = (),
    due_in_seconds: float | None = None,
    known: Circumstances | None = None,
) -> Case:
    """Investigate an incident on the running loop; `due_in_seconds` counts from the start of virtual time."""
    members = alarms or [cpu_alarm()]
    due_at = None if due_in_seconds is None else START + timedelta(seconds=due_in_seconds)
    return await investigator.investigate(incident(members[0]), members, known, due_at)


def investigated(
    model: Model, bounds: Bounds | None = None, due_in_seconds: float | None = None, policy: Policy | None = None
) -> Case:
    """Return what comes of the CPU alarm in virtual time."""
    investigator = Investigator(model, policy or Policy(), VirtualClock(), MINUTE, bounds)
    return run(case_of(investigator, due_in_seconds=due_in_seconds))


def reason(case: Case) -> str:
    """Return why the first gate refused."""
    return next(gate.reason for gate in case.story.decision.gates if gate.outcome == "refused")


def test_answer_and_its_cost_stand_in_the_story() -> None:
    """The record names the endpoint that answered, what it took, and what that costs at the price that is set."""
    use = investigated(Model(), Bounds(price_per_hour=2.0)).story.use
    assert (use.endpoint, use.attempts, use.prompt_tokens, use.completion_tokens) == ("fake://model/second", 2, 700, 90)
    assert (use.endpoint_seconds, use.instance_hour_share) == (3.6, 0.001)
    assert (use.price_per_hour, use.cost_usd) == (2.0, 0.002)
    assert use.estimated_tokens > 0
    assert use.estimate_ratio == round(700 / use.estimated_tokens, 3)


@pytest.mark.parametrize(("due_in_seconds", "start_within"), [(None, 60), (60, 60), (45, 45), (2, 5), (-300, 5)])
def test_attempts_start_until_the_incident_is_due(due_in_seconds: float | None, start_within: float) -> None:
    """What is left until `due_at` is what an attempt has to start, and always a few seconds."""
    model = Model()
    investigated(model, due_in_seconds=due_in_seconds)
    assert model.requests[0].start_within_seconds == start_within


def test_reply_that_runs_past_its_due_time_counts() -> None:
    """`patience` bounds when attempts start, not how long a reply may run."""
    decision = investigated(Model(seconds=590), due_in_seconds=60).story.decision
    assert decision.diagnosis is not None


def test_reply_that_runs_too_long_is_a_decision() -> None:
    """Ten minutes after the opener the incident is decided without the model, whoever may still be generating."""
    case = investigated(Model(seconds=3_000), due_in_seconds=60)
    assert case.story.at == START + timedelta(minutes=10)
    assert case.story.decision.verdict is Verdict.MANUAL
    assert reason(case) == "model_unavailable"
    assert case.story.use.error == "fake://model: no answer within 600 s"


@pytest.mark.parametrize(
    ("longest", "due_in_seconds", "ends_after"), [(120, None, 120), (120, 30, 90), (600, -500, 60), (600, -9_000, 60)]
)
def test_longest_time_counts_from_the_opener(longest: int, due_in_seconds: float | None, ends_after: int) -> None:
    """What was waited for before the question is taken off; one that was taken over late still has a minute."""
    case = investigated(Model(seconds=3_000), Bounds(longest=timedelta(seconds=longest)), due_in_seconds)
    assert case.story.at == START + timedelta(seconds=ends_after)


@pytest.mark.parametrize("failure", [ModelThrottled(NAME, "slow down"), ModelTimedOut(NAME, "no answer")])
def test_outage_is_model_unavailable(failure: ModelError) -> None:
    """What may pass by itself asks nothing of the operator."""
    case = investigated(Model(failure))
    assert (case.story.decision.verdict, reason(case)) == (Verdict.MANUAL, "model_unavailable")
    assert case.story.use.error == str(failure)


@pytest.mark.parametrize(
    ("failure", "fault"),
    [
        (
            EndpointMisconfigured(NAME, "403", "allow sagemaker:InvokeEndpoint on it for this role"),
            "model_refused: allow sagemaker:InvokeEndpoint on it for this role",
        ),
        (
            EndpointMisconfigured(NAME, "404"),
            "model_refused: check the endpoint's name, region, permission, key and served model, then ask again",
        ),
        (
            ContextTooLong(NAME, "1024 tokens"),
            "model_refused: serve the model with a longer context, or lower the prompt's budget",
        ),
        (ModelRefused(NAME, "400"), "model_refused: the endpoint refuses this question: the record's error says why"),
    ],
)
def test_refusal_says_what_the_operator_must_do(failure: ModelError, fault: str) -> None:
    """What no waiting mends stands in the decision with what would mend it."""
    case = investigated(Model(failure))
    assert (case.story.decision.verdict, reason(case)) == (Verdict.MANUAL, fault)
    assert case.story.use.error == str(failure)


def test_bad_reply_is_named_in_the_decision() -> None:
    """A reply that stays useless is manual with its fault, and what it cost is on record."""
    case = investigated(Model(reply(evidence_against=["E1"])))
    assert reason(case) == "self_contradicting: E1 stands in evidence_for and in evidence_against"
    assert (case.story.use.requests, len(case.story.use.faults), case.story.use.attempts) == (2, 2, 4)


def test_shorter_question_is_what_the_decision_is_about() -> None:
    """After a refusal for length the record has the digest, the cuts and the citable ids of the question answered."""

    class Small(Model):
        async def complete(self, request: CompletionRequest) -> Completion:
            if not self.requests:
                self.requests.append(request)
                raise ContextTooLong(NAME, "too long")
            return await super().complete(request)

    model = Small(reply(action="clean_logs", evidence_for=["E9"]))
    paths = [disk_alarm(f"/data/{number}") for number in range(9)]
    case = run(case_of(Investigator(model, Policy(), VirtualClock(), MINUTE), paths))
    assert case.story.use.cut[-1] == "E9 alarm was left out"
    assert case.story.use.attempts == 3
    assert any(gate.name == "grounding" and gate.outcome == "refused" for gate in case.story.decision.gates)
    assert model.requests[1].prompt_tokens < model.requests[0].prompt_tokens


def test_question_keeps_to_its_budget_and_priority() -> None:
    """The budget of the prompt and who goes first are the caller's."""
    model = Model(reply(action="clean_logs"))
    investigator = Investigator(
        model, Policy(), VirtualClock(), MINUTE, Bounds(prompt_tokens=1_500, priority=Priority.BACKFILL)
    )
    case = run(case_of(investigator, [disk_alarm(f"/data/{number}") for number in range(9)]))
    (request,) = model.requests
    assert request.prompt_tokens <= 1_500
    assert request.priority is Priority.BACKFILL
    assert case.story.use.cut


@pytest.mark.parametrize(
    ("known", "mode", "fault"),
    [(Circumstances(suppressed="silenced by ana"), Mode.DRY_RUN, "silenced"), (Circumstances(), Mode.OFF, "mode")],
)
def test_unwanted_question_is_not_asked(known: Circumstances, mode: Mode, fault: str) -> None:
    """A suppressed incident, and any in mode off, costs no request and says so."""
    model = Model()
    investigator = Investigator(model, Policy(mode=mode), VirtualClock(), MINUTE)
    case = run(case_of(investigator, known=known))
    assert (model.requests, case.story.use.requests, case.story.decision.diagnosis) == ([], 0, None)
    assert fault in reason(case)


def test_underestimated_prompt_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """A model whose tokenizer counts a quarter more than estimated is named in the log, once."""

    async def twice() -> None:
        investigator = Investigator(Model(prompt_tokens=9_000), Policy(), VirtualClock(), MINUTE)
        await case_of(investigator)
        await case_of(investigator)

    with caplog.at_level(logging.WARNING, "autocloudops.investigation"):
        run(twice())
    (record,) = caplog.records
    assert record.getMessage().startswith("served counts ")


def test_estimate_that_holds_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A prompt that costs what was estimated, or less, is nothing to report."""
    with caplog.at_level(logging.WARNING, "autocloudops.investigation"):
        investigated(Model(prompt_tokens=700))
    assert caplog.records == []
