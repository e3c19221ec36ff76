import pytest
from triage import cpu_alarm, prompt_about

from autocloudops.diagnosis.ask import Answer
from autocloudops.diagnosis.use import ModelUse, unasked, used
from autocloudops.errors import ModelThrottled

PROMPT = prompt_about(cpu_alarm()).model_copy(update={"cut": ("E9 change was left out",)})
ANSWER = Answer(
    prompt=PROMPT,
    diagnosis=None,
    model="served",
    endpoint="sagemaker://second",
    requests=2,
    attempts=3,
    prompt_tokens=1_800,
    estimated_tokens=2_000,
    completion_tokens=200,
    latency_seconds=7.5,
    endpoint_seconds=1.8,
)


def test_use_says_what_asking_took() -> None:
    """Endpoint that answered, tokens, estimate, attempts and share of the instance hour stand in the record."""
    use = used("sagemaker://first,second", ANSWER, None)
    assert (use.endpoint, use.model, use.requests, use.attempts) == ("sagemaker://second", "served", 2, 3)
    assert (use.prompt_tokens, use.completion_tokens, use.latency_seconds) == (1_800, 200, 7.5)
    assert (use.estimated_tokens, use.estimate_ratio) == (2_000, 0.9)
    assert use.endpoint_seconds == 1.8
    assert use.instance_hour_share == pytest.approx(0.0005)
    assert (use.price_per_hour, use.cost_usd) == (None, None)
    assert use.cut == PROMPT.cut


def test_cost_is_the_share_at_the_price_that_is_named() -> None:
    """A price per hour makes a cost, and stands beside it; without endpoint seconds there is none."""
    use = used("sagemaker://nim", ANSWER, 2.605)
    assert use.price_per_hour == 2.605
    assert use.cost_usd == pytest.approx(2.605 * 1.8 / 3600)
    free = used("sagemaker://nim", Answer(prompt=PROMPT, diagnosis=None), 2.605)
    assert (free.cost_usd, free.price_per_hour) == (None, None)


def test_failure_is_the_error_of_the_endpoint_that_was_asked() -> None:
    """Without an answer, the record names what was asked and why nothing came."""
    failed = Answer(prompt=PROMPT, diagnosis=None, failure=ModelThrottled("sagemaker://nim", "slow down"))
    use = used("sagemaker://nim", failed, None)
    assert (use.endpoint, use.error, use.estimate_ratio) == ("sagemaker://nim", "sagemaker://nim: slow down", None)


def test_question_that_was_not_asked_costs_nothing() -> None:
    """A record of a question that nobody asked names the question alone."""
    use = unasked("sagemaker://nim", PROMPT)
    assert use == ModelUse(
        endpoint="sagemaker://nim",
        prompt_sha256=PROMPT.sha256,
        template_version=PROMPT.template_version,
        budget_tokens=PROMPT.budget_tokens,
        cut=PROMPT.cut,
    )


def test_record_of_an_older_version_is_read() -> None:
    """A record that knows nothing of attempts, shares and estimates is still a record."""
    old = {"endpoint": "sagemaker://nim", "prompt_sha256": "ab", "template_version": "1", "requests": 1}
    assert ModelUse.model_validate(old).attempts == 0


def test_use_survives_the_audits_json() -> None:
    """What is written is what is read, fields at their defaults left out."""
    use = used("sagemaker://nim", ANSWER, 1.0)
    assert ModelUse.model_validate_json(use.model_dump_json(exclude_defaults=True)) == use
