"""What the SageMaker adapter puts on the wire."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from model_server import ModelServer, chat
from triage import cpu_alarm

from autocloudops.clock import SystemClock
from autocloudops.decisions.decide import decision_id_of
from autocloudops.decisions.model import Policy
from autocloudops.diagnosis.endpoint import CompletionRequest, EmbeddingRequest, Message
from autocloudops.errors import ContextTooLong
from autocloudops.incidents.model import Incident
from autocloudops.inference.sagemaker import SageMakerEndpoint
from autocloudops.investigation import Investigator

NAME = "contract-nim"

Open = Callable[..., Awaitable[SageMakerEndpoint]]


async def test_what_goes_out(server: ModelServer, sagemaker: Open, question: CompletionRequest) -> None:
    """The component, the correlation id and a NIM's chat body travel; the endpoint is called as people named it."""
    endpoint = await sagemaker(component="llm", name=f"sagemaker://{NAME}?component=llm&region=eu-west-1")
    await endpoint.complete(question)
    [seen] = server.seen
    assert seen.path == f"/endpoints/{NAME}/invocations"
    assert seen.headers["X-Amzn-SageMaker-Inference-Component"] == "llm"
    assert seen.headers["X-Amzn-SageMaker-Custom-Attributes"] == "incident-1"
    assert seen.body["model"] == "asked/model"
    assert seen.body["max_tokens"] == 40
    assert seen.body["messages"] == [{"role": "user", "content": "Why?"}]
    assert seen.body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert endpoint.name == f"sagemaker://{NAME}?component=llm&region=eu-west-1"
    assert (await sagemaker(component="llm")).name == f"sagemaker://{NAME}?component=llm"


async def test_the_decision_is_named_in_custom_attributes(server: ModelServer, sagemaker: Open) -> None:
    """Every request that is sent for a decision carries its id, which stands before it is made: the repair too."""
    alarm = cpu_alarm()
    incident = Incident(
        incident_id=UUID(int=7),
        owner_key=alarm.resource.owner_key,
        resource=alarm.resource,
        token=alarm.event_id,
        opened_at=alarm.at,
        last_member_at=alarm.at,
    )
    investigator = Investigator(await sagemaker(), Policy(), SystemClock(), timedelta(seconds=60))
    server.script = lambda _: chat("no JSON")
    for revision in (0, 1):
        server.seen.clear()
        case = await investigator.investigate(incident.model_copy(update={"revision": revision}), [alarm])
        sent = {seen.headers["X-Amzn-SageMaker-Custom-Attributes"] for seen in server.seen}
        assert len(server.seen) == 2
        assert sent == {str(case.story.decision.decision_id)}
        assert case.story.decision.decision_id == decision_id_of(UUID(int=7), revision)


async def test_a_correlation_id_becomes_what_a_header_takes(
    server: ModelServer, sagemaker: Open, question: CompletionRequest
) -> None:
    """SageMaker takes 1024 visible ASCII characters; line breaks and umlauts cannot break out of the header."""
    endpoint = await sagemaker()
    await endpoint.complete(question.model_copy(update={"correlation_id": "ä\r\nX-Evil: 1" + "x" * 2000}))
    await endpoint.complete(question.model_copy(update={"correlation_id": ""}))
    sent = server.seen[0].headers["X-Amzn-SageMaker-Custom-Attributes"]
    assert sent == ("---X-Evil:-1" + "x" * 2000)[:1024]
    assert "X-Amzn-SageMaker-Custom-Attributes" not in server.seen[1].headers


async def test_a_body_over_the_limit_is_not_sent(
    server: ModelServer, sagemaker: Open, question: CompletionRequest
) -> None:
    """SageMaker's limit of 6 MB is known before the bytes are paid for."""
    endpoint = await sagemaker()
    long = question.model_copy(update={"messages": (Message(role="user", content="x" * 6_300_000),)})
    with pytest.raises(ContextTooLong):
        await endpoint.complete(long)
    with pytest.raises(ContextTooLong):
        await endpoint.embed(EmbeddingRequest(texts=("x" * 6_300_000,), input_type="query"))
    assert not server.seen
