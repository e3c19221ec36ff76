"""The sandbox's simulated endpoint inside this process, for verbs that can do without a model."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, cast

from autocloudops.clock import Clock
from autocloudops.diagnosis.endpoint import ModelEndpoint
from autocloudops.inference.sagemaker import SageMakerEndpoint
from autocloudops.sandbox import ENDPOINT_NAME, MARKED_PROMPTS, SimulatedEndpoint
from autocloudops.sandbox.endpoint import RulesEngine
from autocloudops.sandbox.foundation import client

if TYPE_CHECKING:
    from types_aiobotocore_sagemaker_runtime.client import SageMakerRuntimeClient


async def open_simulated_model(stack: AsyncExitStack, clock: Clock) -> ModelEndpoint:
    """Start `simulated/rules` and return it, asked over HTTP as a real endpoint is."""
    endpoint = SimulatedEndpoint(ENDPOINT_NAME, RulesEngine(), schedule=MARKED_PROMPTS)
    await stack.enter_async_context(endpoint)
    runtime = await stack.enter_async_context(client("sagemaker-runtime", endpoint.url))
    return SageMakerEndpoint(cast("SageMakerRuntimeClient", runtime), endpoint.name, endpoint.model, clock)
