"""Local stand-ins for everything in AWS that the service talks to, on loopback ports only.

async with sandbox() as local:
    subprocess.run([...], env={**os.environ, **local.environment()})
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from autocloudops.sandbox.automation import EmbeddedAutomation
from autocloudops.sandbox.aws import EmbeddedAws
from autocloudops.sandbox.control_plane import SimulatedControlPlane
from autocloudops.sandbox.endpoint import (
    MISBEHAVIOURS,
    Engine,
    RulesEngine,
    Schedule,
    SimulatedEndpoint,
    when_prompt_contains,
)
from autocloudops.sandbox.environment import environment
from autocloudops.sandbox.foundation import SandboxResources

__all__ = ["EmbeddedAws", "Sandbox", "SandboxResources", "SimulatedEndpoint", "environment", "sandbox"]

ENDPOINT_NAME = "simulated-nim"
MARKED_PROMPTS = when_prompt_contains({f"simulate:{name}": name for name in MISBEHAVIOURS})


@dataclass(frozen=True, slots=True)
class Sandbox:
    """An embedded AWS with a Systems Manager before it, a control plane and a model endpoint, all running."""

    resources: SandboxResources
    endpoint: SimulatedEndpoint
    plane: SimulatedControlPlane
    automation: EmbeddedAutomation

    def environment(self) -> dict[str, str]:
        """Return the environment variables that point a worker process here."""
        beside = self.plane.environment() | {"AWS_ENDPOINT_URL_SSM": self.automation.url}
        return environment(self.resources, self.endpoint, beside)


@asynccontextmanager
async def sandbox(
    engine: Engine | None = None, *, latency_seconds: float = 0.02, schedule: Schedule = MARKED_PROMPTS
) -> AsyncIterator[Sandbox]:
    """Start every stand-in, and stop them on leaving.

    Args:
        engine: what answers as the model; None follows rules.
        latency_seconds: how long each model answer takes at least.
        schedule: which prompts are answered badly; by default those that hold the text `simulate:<name>`.

    Raises:
        SandboxFailed: one of them did not start.
    """
    endpoint = SimulatedEndpoint(
        ENDPOINT_NAME, engine or RulesEngine(), latency_seconds=latency_seconds, schedule=schedule
    )
    async with EmbeddedAws() as resources, endpoint, SimulatedControlPlane() as plane:
        special = {"application-autoscaling": plane.url}
        async with EmbeddedAutomation(resources.endpoint_url, special=special) as automation:
            yield Sandbox(resources, endpoint, plane, automation)
