"""`endpoint probe` and `adopt`: one answer, asked for as a worker asks."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlencode

from autocloudops import aws
from autocloudops.cli.endpoint import opening
from autocloudops.cli.endpoint.options import AdoptOptions, ProbeOptions
from autocloudops.cli.output import Output, Row, note, print_rows
from autocloudops.cli.program import ExitCode
from autocloudops.clock import SystemClock
from autocloudops.diagnosis.endpoint import EmbeddingRequest
from autocloudops.entrypoints import wiring
from autocloudops.inference.sagemaker import SageMakerEndpoint, SageMakerOptions
from autocloudops.values import Value
from nim_endpoint import catalogue
from nim_endpoint.catalogue import ModelCard
from nim_endpoint.found import Found, Status
from nim_endpoint.leases import checked

READ_SECONDS = 70
COLUMNS = ("endpoint", "model", "dialect", "dimensions", "latency_seconds")


class Answer(Value):
    """What an endpoint answered: the dialect that a chat model obeys, or how long an embedding model's vectors are."""

    endpoint: str
    model: str
    latency_seconds: float
    dialect: str | None = None
    dimensions: int | None = None


def probe_endpoint(options: ProbeOptions, output: Output) -> ExitCode:
    """Ask for one answer, and print it.

    Raises:
        InputUnreadable: no model is called so.
        ModelError: the endpoint does not answer as it should.
    """
    card = catalogue.model(options.model)
    answer = asyncio.run(asked(options.name, card, options.component, options.region))
    print_rows(output, [answer.model_dump(mode="json")], COLUMNS)
    return ExitCode.OK


def adopt_endpoint(options: AdoptOptions, output: Output) -> ExitCode:
    """Probe an endpoint, take a lease where it was made here, and print what a worker's settings need.

    Returns:
        CHECK_FAILED where it is not in service, or about to be deleted.

    Raises:
        ModelError: it does not answer as it should.
    """
    checked(options.consumer)
    found, answer = asyncio.run(_adopted(options, catalogue.model(options.model)))
    if answer is None:
        return ExitCode.CHECK_FAILED
    print_rows(output, list(_settings(options, found, answer)), ("variable", "value"))
    note("the lease is on the endpoint" if found.owned else "it was not made here: nothing was written to it")
    return ExitCode.OK


async def asked(name: str, card: ModelCard, component: str | None, region: str | None) -> Answer:
    """Ask an endpoint for one answer, through the worker's own client.

    Raises:
        ModelError: it does not answer as it should.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        calls = aws.config(read_timeout_seconds=READ_SECONDS, attempts=1)
        runtime: Any = await wiring.open_client(stack, "sagemaker-runtime", calls, region)
        options = SageMakerOptions(dialect=None, component=component)
        endpoint = SageMakerEndpoint(runtime, name, card.served_name, clock, options)
        stack.push_async_callback(endpoint.aclose)
        started = clock.monotonic()
        if card.task == "chat":
            found = await endpoint.probe()
            latency, dialect = round(found.latency_seconds, 3), found.dialect.value
            return Answer(endpoint=endpoint.name, model=found.model, latency_seconds=latency, dialect=dialect)
        said = await endpoint.embed(EmbeddingRequest(texts=("yes",), input_type="query"))
        return Answer(
            endpoint=endpoint.name,
            model=said.model,
            latency_seconds=round(clock.monotonic() - started, 3),
            dimensions=len(said.vectors[0]),
        )


async def _adopted(options: AdoptOptions, card: ModelCard) -> tuple[Found, Answer | None]:
    """Return what is there, and what it answered; None where nothing was adopted, which is told."""
    name = options.name
    async with AsyncExitStack() as stack:
        account = await opening.open_account(stack, options.region)
        with aws.translated("sagemaker:DescribeEndpoint", name):
            found = await account.reader.endpoint(name)
        if wrong := found.misnamed(name) or _not_serving(name, found.status):
            note(f"{wrong}; nothing is adopted")
            return found, None
        answer = await asked(name, card, options.component, account.region)
        with aws.translated("sagemaker:AddTags", name):
            if found.owned and not await account.leases.take(found.arn, options.consumer):
                note(f"somebody is about to delete {name}; nothing is adopted")
                return found, None
    return found, answer


def _not_serving(name: str, status: Status | None) -> str:
    return "" if status is Status.IN_SERVICE else f"{name} is {status or 'not there'}"


def _settings(options: AdoptOptions, found: Found, answer: Answer) -> list[Row]:
    query = f"?{urlencode({'component': options.component})}" if options.component else ""
    return [
        {
            "variable": "AUTOCLOUDOPS_MODEL_ENDPOINTS",
            "value": f"sagemaker://{options.name}{query}",
            "owned": found.owned,
        },
        {"variable": "AUTOCLOUDOPS_MODEL_NAME", "value": answer.model, "owned": found.owned},
    ]
