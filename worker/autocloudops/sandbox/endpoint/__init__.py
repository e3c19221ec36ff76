"""A simulated SageMaker real-time endpoint that serves a simulated NIM, honestly named."""

from autocloudops.sandbox.endpoint.dialects import NIM_1_8, NIM_1_13, NIM_2, Dialects
from autocloudops.sandbox.endpoint.embeddings import EmbeddingEngine, HashEmbeddingEngine
from autocloudops.sandbox.endpoint.misbehaviour import (
    MISBEHAVIOURS,
    Schedule,
    cycle,
    every,
    never,
    when_prompt_contains,
)
from autocloudops.sandbox.endpoint.rules import RulesEngine
from autocloudops.sandbox.endpoint.served import EndpointStats, ServedModel
from autocloudops.sandbox.endpoint.server import SimulatedEndpoint
from autocloudops.sandbox.endpoint.tasks import Serving
from autocloudops.sandbox.endpoint.wire import ChatRequest, Completion, Engine

__all__ = [
    "MISBEHAVIOURS",
    "NIM_1_8",
    "NIM_1_13",
    "NIM_2",
    "ChatRequest",
    "Completion",
    "Dialects",
    "EmbeddingEngine",
    "EndpointStats",
    "Engine",
    "HashEmbeddingEngine",
    "RulesEngine",
    "Schedule",
    "ServedModel",
    "Serving",
    "SimulatedEndpoint",
    "cycle",
    "every",
    "never",
    "when_prompt_contains",
]
