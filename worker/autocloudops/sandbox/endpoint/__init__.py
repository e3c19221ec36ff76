"""A simulated SageMaker real-time endpoint that serves a simulated NIM, honestly named."""

from autocloudops.sandbox.endpoint.misbehaviour import (
    MISBEHAVIOURS,
    Schedule,
    cycle,
    every,
    never,
    when_prompt_contains,
)
from autocloudops.sandbox.endpoint.rules import RulesEngine
from autocloudops.sandbox.endpoint.server import EndpointStats, SimulatedEndpoint
from autocloudops.sandbox.endpoint.wire import ChatRequest, Completion, Engine

__all__ = [
    "MISBEHAVIOURS",
    "ChatRequest",
    "Completion",
    "EndpointStats",
    "Engine",
    "RulesEngine",
    "Schedule",
    "SimulatedEndpoint",
    "cycle",
    "every",
    "never",
    "when_prompt_contains",
]
