"""A simulated control plane of SageMaker hosting: what no AWS emulator serves with real status transitions."""

from autocloudops.sandbox.control_plane.faults import faults_of
from autocloudops.sandbox.control_plane.server import SERVICES, SimulatedControlPlane
from autocloudops.sandbox.control_plane.values import ComponentStatus, Durations, EndpointStatus, Place

__all__ = [
    "SERVICES",
    "ComponentStatus",
    "Durations",
    "EndpointStatus",
    "Place",
    "SimulatedControlPlane",
    "faults_of",
]
